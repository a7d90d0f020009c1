using OptimSharp.Conformance;
using OptimSharp.Conformance.Workloads;
using OptimSharp.Engine;

namespace OptimSharp.Cuda.Tests;

/// <summary>Parameters in a device's memory whose state is in host memory: steps leave the host's bits, and the device has no state.</summary>
public class OffloadTests
{
    const int Steps = 4;
    const int Block = (1 << 14) * 2 * sizeof(double) + 128; // the least: of doubles, one part

    public static TheoryData<Type> Optimizers => StepTests.Optimizers;

    [Theory]
    [MemberData(nameof(Optimizers))]
    public void Every_optimizer_has_the_hosts_bits(Type optimizer)
    {
        int[] sizes = OptimizerSamples.IsElementwise(optimizer) ? [70_000, 0, 5, 20_000, 3, 17_000] : [40, 0, 1, 700];
        int turn = 0;
        foreach (var type in OptimizerSamples.Types(optimizer))
        {
            foreach (var setting in OptimizerSamples.Settings(optimizer, type).Where(s => !s.Sparse))
            {
                var (device, fake) = FakeDriver.Create(new() { BytesOfBlock = Block });
                using var trial = Trial.Start(setting, sizes);
                using var twin = new CudaTwin(trial, setting.Create, device, turn++ % 2 == 0 ? 0 : type.Real().Size(), stateOnHost: true);
                long before = fake.Allocated;
                twin.StepBoth(Steps, setting.Options.Steps);
                string? difference = twin.Difference();
                Assert.True(difference is null && fake.Failure is null, $"{setting.Subject.Describe()}, {type}, {setting.Precision}: {difference}{fake.Failure}");
                Assert.Equal(0, FakeDriver.Contexts);
                if (optimizer == typeof(LAMB))
                    continue; // it takes the norm of all gradients where they are
                Assert.Equal(before, fake.Allocated);
                Assert.Equal(0, fake.Calls("Launch"));
            }
        }
    }

    public static TheoryData<StatePrecision> Precisions => [.. Enum.GetValues<StatePrecision>()];

    [Theory]
    [MemberData(nameof(Precisions))]
    public void State_of_every_precision_has_the_hosts_bits(StatePrecision precision)
    {
        foreach (var type in (ElementType[])[ElementType.Float32, ElementType.BFloat16])
        {
            var (device, _) = FakeDriver.Create(new() { BytesOfBlock = Block });
            var setting = OptimizerSamples.Settings(typeof(AdamW), type).First(s => !s.Sparse);
            using var trial = Trial.Start(setting, [70_000, 5000], create: Create);
            using var twin = new CudaTwin(trial, Create, device, 0, stateOnHost: true);
            twin.StepBoth(Steps, setting.Options.Steps);
            Assert.Null(twin.Difference());
        }

        AdamW Create(IEnumerable<Parameter> parameters) => new(parameters, new() { StatePrecision = precision });
    }

    public static TheoryData<string> Names => [.. OptimizerDriver.PublicOptimizers.Select(o => o.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void One_pass_is_the_separate_calls(string optimizer)
    {
        var (device, fake) = FakeDriver.Create();
        foreach (var run in OnePasses.Some(OptimizerDriver.For(optimizer).Type, ElementType.Float32, new CudaParameterSource(device, stateOnHost: true), every: 31))
        {
            if ((run with { Sizes = [600, 33, 64] }).Difference() is { } difference)
                Assert.Fail($"{run}: {difference} {fake.Failure}");
        }
    }

    [Fact]
    public void After_the_first_step_it_is_too_late()
    {
        using var run = new Run(FakeDriver.Create().Device);
        using var optimizer = new AdamW(run.Parameters);
        optimizer.Step();
        run.Parameters.WithStateOnHost();
        double[] before = run.Values();
        string message = Assert.Throws<InvalidOperationException>(optimizer.Step).Message;
        Assert.StartsWith("Parameter 'p0' [100] Float32 was to have its state in host memory (WithStateOnHost) after its optimizer had made state elsewhere.", message, StringComparison.Ordinal);
        Assert.Equal(before, run.Values());
    }

    [Fact]
    public void State_goes_from_a_device_to_the_host_and_back_through_a_state_dict()
    {
        var device = FakeDriver.Create().Device;
        using Run there = new(device), offloaded = new(device);
        offloaded.Parameters.WithStateOnHost();
        using AdamW first = new(there.Parameters), second = new(offloaded.Parameters);
        first.Step();
        second.LoadStateDict(first.StateDict());
        offloaded.CopyFrom(there);
        for (int step = 0; step < 2; step++)
        {
            first.Step();
            second.Step();
        }
        Assert.Equal(there.Values(), offloaded.Values());
        first.LoadStateDict(second.StateDict());
        first.Step();
        second.Step();
        Assert.Equal(there.Values(), offloaded.Values());
    }

    [Fact]
    public void Parameters_that_are_put_in_their_place_have_it_so_too()
    {
        var device = FakeDriver.Create().Device;
        using Run old = new(device), next = new(device), never = new(device);
        using AdamW optimizer = new(old.Parameters.WithStateOnHost()), other = new(never.Parameters);
        optimizer.Step();
        other.Step();
        next.CopyFrom(old);
        optimizer.Rebind(next.Parameters);
        Assert.All(next.Parameters, p => Assert.True(p.HasStateOnHost));
        optimizer.Step();
        other.Step();
        Assert.Equal(never.Values(), next.Values());
    }

    [Fact]
    public void Pinned_memory_that_is_not_to_be_had_changes_nothing_and_is_asked_for_again()
    {
        Assert.SkipWhen(FakeDriver.IsReal, "A real device does not fail when it is told to.");
        var (device, fake) = FakeDriver.Create();
        using var run = new Run(device);
        using var reference = new Run(device);
        using var optimizer = new AdamW(run.Parameters.WithStateOnHost());
        double[] before = run.Values();
        fake.Fault = (function, calls) => function == "AllocatePinned" && calls == 1 ? FakeDevice.OutOfMemory : 0;
        Assert.Throws<CudaException>(optimizer.Step);
        Assert.Equal(before, run.Values());
        Assert.All(run.Parameters, p => Assert.Empty(optimizer.StateOf(p)?.TensorKeys ?? []));
        fake.Fault = null;
        optimizer.Step();
        using var other = new AdamW(reference.Parameters);
        other.Step();
        Assert.Equal(reference.Values(), run.Values());
        int given = fake.Calls("AllocatePinned") - 1, events = fake.Calls("CreateEvent"); // one failed
        optimizer.Dispose();
        other.Dispose();
        Assert.Equal(given, fake.Calls("FreePinned"));
        Assert.Equal(events, fake.Calls("DestroyEvent"));
        Assert.Equal(fake.Calls("CreateStream"), fake.Calls("DestroyStream"));
    }

    /// <summary>Parameters with gradients.</summary>
    sealed class Run : IDisposable
    {
        readonly List<CudaMemory> memory = [];

        public Run(CudaDevice device)
        {
            int[] counts = [100, 30_000, 7];
            Parameters = [.. counts.Select((count, i) => Parameter.OnCuda($"p{i}", Allocate(count, MathF.Cos), ElementType.Float32, device, count))];
            foreach (var parameter in Parameters)
                parameter.Gradient = Allocate((int)parameter.Count, MathF.Sin);

            nint Allocate(int count, Func<float, float> number)
            {
                memory.Add(device.Allocate(count * sizeof(float)));
                memory[^1].CopyFrom<float>([.. Enumerable.Range(0, count).Select(i => number(i))]);
                return memory[^1].Address;
            }
        }

        public CudaParameter[] Parameters { get; }

        public void CopyFrom(Run other)
        {
            for (int i = 0; i < Parameters.Length; i++)
                memory[i].CopyFrom(other.memory[i]);
        }

        public double[] Values() => [.. Enumerable.Range(0, Parameters.Length).SelectMany(i => DeviceMemory.Read(memory[i], ElementType.Float32, (int)Parameters[i].Count))];

        public void Dispose() => memory.ForEach(m => m.Dispose());
    }
}
