using OptimSharp.Conformance;
using OptimSharp.Conformance.Workloads;
using OptimSharp.Tests.Support;

namespace OptimSharp.Tests.GradientTests;

/// <summary>A training step gives the bits of the separate calls: every optimizer, type and combination; and leaves out what is not finite.</summary>
public class OnePassTests
{
    public static TheoryData<string, ElementType> Rows
    {
        get
        {
            var rows = new TheoryData<string, ElementType>();
            foreach (var optimizer in OptimizerDriver.PublicOptimizers)
            {
                foreach (var type in OptimizerSamples.Types(optimizer))
                    rows.Add(optimizer.Name, type);
            }
            return rows;
        }
    }

    [Theory]
    [MemberData(nameof(Rows))]
    public void One_pass_is_the_separate_calls(string optimizer, ElementType type)
    {
        var kind = OptimizerDriver.For(optimizer).Type;
        var runs = OnePasses.Some(kind, type, new HostParameterSource(), every: OptimizerSamples.IsElementwise(kind) ? 5 : 11).ToArray();
        Assert.NotEmpty(runs);
        foreach (var run in runs)
        {
            if (run.Difference() is { } difference)
                Assert.Fail($"{run}: {difference}");
        }
    }

    [Theory]
    [MemberData(nameof(Rows))]
    public void With_statistics_it_is_too_and_they_are_the_norms_by_hand(string optimizer, ElementType type)
    {
        var kind = OptimizerDriver.For(optimizer).Type;
        foreach (var run in OnePasses.Some(kind, type, new HostParameterSource(), every: OptimizerSamples.IsElementwise(kind) ? 13 : 29))
        {
            if ((run with { Statistics = true, Sizes = [5000, 33, 64] }).Difference() is { } difference)
                Assert.Fail($"{run}: {difference}");
        }
    }

    [Theory]
    [InlineData(ElementType.Float32)]
    [InlineData(ElementType.BFloat16)]
    public void Every_combination_is_run_with_AdamW(ElementType type)
    {
        foreach (var run in OnePasses.Some(typeof(AdamW), type, new HostParameterSource(), every: 1))
        {
            if (run.Difference() is { } difference)
                Assert.Fail($"{run}: {difference}");
        }
    }
}

/// <summary>The same with more elements than one thread keeps to itself, on any number of threads.</summary>
[Collection(Alone.Name)]
public class OnePassThreadTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(5)]
    public void Threads_and_cuts_change_nothing(int threads)
    {
        using var scope = new ExecutionScope(threads);
        foreach (string optimizer in new[] { "AdamW", "SGD", "Adafactor" })
        {
            foreach (var run in OnePasses.Some(OptimizerDriver.For(optimizer).Type, ElementType.Float32, new HostParameterSource(), every: 13).Where(r => !r.Setting.Sparse))
            {
                if (((run with { Sizes = [70_000, 1, 4097, 512] }).Difference() ?? (run with { Sizes = [70_000, 1, 4097, 512], Statistics = true }).Difference()) is { } difference)
                    Assert.Fail($"{run}, {threads} threads: {difference}");
            }
        }
    }
}
