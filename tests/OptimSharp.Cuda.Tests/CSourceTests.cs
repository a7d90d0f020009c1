using OptimSharp.Conformance;
using OptimSharp.Conformance.Workloads;

namespace OptimSharp.Cuda.Tests;

/// <summary>A recorded rule, compiled as C, has the bits of the rule on the host.</summary>
public class CSourceTests(ITestOutputHelper output)
{
    [Fact]
    public async Task Every_rule_with_all_options_and_types_has_the_hosts_bits()
    {
        using var library = await CLibrary.CompileAsync(RecordedSteps.Kernels, CLibrary.Exact);
        long elements = 0;
        foreach (var (i, step) in RecordedSteps.All.Index())
        {
            Assert.Null(StepComparison.Difference(step, library.Run, 4099, 4099 * i));
            elements += 4099;
        }
        foreach (var step in RecordedSteps.Kernels)
        {
            Assert.Null(StepComparison.Difference(step, library.Run, 1 << 16, 0));
            elements += 1 << 16;
        }
        output.WriteLine($"{RecordedSteps.All.Count} steps of {RecordedSteps.Kernels.Count()} kernels, {RecordedSteps.Kernels.DistinctBy(s => s.Recording).Count()} recordings: {elements} elements");
    }

    [Fact]
    public void Every_elementwise_optimizer_is_recorded()
    {
        var recorded = RecordedSteps.All.Select(s => s.From.Split('(')[0]).ToHashSet();
        Assert.Subset(recorded, OptimizerDriver.PublicOptimizers.Where(OptimizerSamples.IsElementwise).Select(t => t.Name).ToHashSet());
    }
}
