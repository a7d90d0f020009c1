using OptimSharp.Conformance;
using OptimSharp.Conformance.Workloads;

namespace OptimSharp.Cuda.Tests;

/// <summary>A training step in a device's memory gives the bits of the separate calls there: scaled, averaged over micro-batches, clipped, skipped, with averages and zeroed gradients.</summary>
public class OnePassTests
{
    public static TheoryData<string, ElementType> Rows =>
    [
        .. from optimizer in OptimizerDriver.PublicOptimizers
           from type in OptimizerSamples.Types(optimizer)
           where type is ElementType.Float32 or ElementType.BFloat16 || optimizer.Name == "SGD"
           select (optimizer.Name, type),
    ];

    [Theory]
    [MemberData(nameof(Rows))]
    public void One_pass_is_the_separate_calls(string optimizer, ElementType type)
    {
        var (device, fake) = FakeDriver.Create();
        var kind = OptimizerDriver.For(optimizer).Type;
        var runs = OnePasses.Some(kind, type, new CudaParameterSource(device), every: optimizer == "SGD" ? 7 : 29).ToArray();
        Assert.NotEmpty(runs);
        foreach (var run in runs)
        {
            if ((run with { Sizes = [600, 33, 64] }).Difference() is { } difference)
                Assert.Fail($"{run}: {difference} {fake.Failure}");
        }
    }
}
