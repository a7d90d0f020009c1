using OptimSharp.Conformance;
using OptimSharp.Conformance.Workloads;
using OptimSharp.Engine;

namespace OptimSharp.Cuda.Tests;

/// <summary>Steps of parameters in a device's memory leave the host's bits: of all optimizers, with all options and types, from the step's plan to the kernels.</summary>
public class StepTests
{
    const int Steps = 6;

    public static TheoryData<Type> Optimizers => [.. OptimizerDriver.PublicOptimizers.Where(OptimizerSamples.StepsAlone).Where(OptimizerSamples.TakesDenseGradients)];

    [Theory]
    [MemberData(nameof(Optimizers))]
    public void Every_optimizer_has_the_hosts_bits(Type optimizer)
    {
        int turn = 0;
        foreach (var type in OptimizerSamples.Types(optimizer))
        {
            foreach (var setting in OptimizerSamples.Settings(optimizer, type).Where(s => !s.Sparse))
            {
                var (device, fake) = FakeDriver.Create();
                using var trial = Trial.Start(setting, [40, 0, 1, 700]);
                using var twin = new CudaTwin(trial, setting.Create, device, turn++ % 2 == 0 ? 0 : type.Real().Size());
                twin.StepBoth(Steps, setting.Options.Steps);
                string? difference = twin.Difference();
                Assert.True(difference is null && fake.Failure is null, $"{setting.Subject.Describe()}, {type}, {setting.Precision}: {difference}{fake.Failure}");
                Assert.Equal(0, FakeDriver.Contexts);
                if (OptimizerSamples.IsElementwise(optimizer))
                    Assert.Equal(FakeDriver.IsReal ? 0 : Steps, fake.Calls("Launch")); // all parameters at once, and nothing on the host
            }
        }
    }
}
