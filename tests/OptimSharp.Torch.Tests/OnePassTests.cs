using OptimSharp.Conformance;
using OptimSharp.Conformance.Workloads;

namespace OptimSharp.Torch.Tests;

/// <summary>A training step gives the bits of the separate calls on TorchSharp tensors, too: through pointers, and by the torch backend.</summary>
public class OnePassTests
{
    public static TheoryData<string, GoldenType, bool> Rows
    {
        get
        {
            var rows = new TheoryData<string, GoldenType, bool>();
            foreach (var optimizer in OptimizerDriver.PublicOptimizers)
            {
                foreach (var type in Enum.GetValues<GoldenType>().Where(t => OptimizerSamples.Types(optimizer).Contains(t.Element())))
                {
                    rows.Add(optimizer.Name, type, true);
                    rows.Add(optimizer.Name, type, false);
                }
            }
            return rows;
        }
    }

    [Theory]
    [MemberData(nameof(Rows))]
    public void One_pass_is_the_separate_calls(string optimizer, GoldenType type, bool byPointer)
    {
        foreach (var run in OnePass.Some(OptimizerDriver.For(optimizer).Type, type, new TorchParameterSource(byPointer), every: byPointer ? 17 : 37))
        {
            if (run.Difference() is { } difference)
                Assert.Fail($"{run}: {difference}");
        }
    }
}
