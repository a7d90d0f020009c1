using OptimSharp.Conformance;
using OptimSharp.Conformance.Workloads;

namespace OptimSharp.Torch.Tests;

/// <summary>A training step gives the bits of the separate calls on TorchSharp tensors, too: through pointers, and by the torch backend.</summary>
public class OnePassTests
{
    public static TheoryData<string, ElementType, bool> Rows
    {
        get
        {
            var rows = new TheoryData<string, ElementType, bool>();
            foreach (var optimizer in OptimizerDriver.PublicOptimizers)
            {
                foreach (var type in OptimizerSamples.Types(optimizer))
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
    public void One_pass_is_the_separate_calls(string optimizer, ElementType type, bool byPointer)
    {
        foreach (var run in OnePasses.Some(OptimizerDriver.For(optimizer).Type, type, new TorchParameterSource(byPointer), every: byPointer ? 17 : 37))
        {
            if (run.Difference() is { } difference)
                Assert.Fail($"{run}: {difference}");
        }
    }

    [Theory]
    [InlineData("AdamW", ElementType.Float32)]
    [InlineData("SGD", ElementType.BFloat16)]
    [InlineData("Adagrad", ElementType.Complex64)]
    [InlineData("LAMB", ElementType.Float64)]
    [InlineData("Muon", ElementType.Float32)]
    [InlineData("LBFGS", ElementType.Float32)]
    public void With_statistics_it_is_too_and_they_are_the_norms_by_hand(string optimizer, ElementType type)
    {
        foreach (bool byPointer in new[] { true, false })
        {
            foreach (var run in OnePasses.Some(OptimizerDriver.For(optimizer).Type, type, new TorchParameterSource(byPointer), every: 17))
            {
                if ((run with { Statistics = true }).Difference() is { } difference)
                    Assert.Fail($"{run}: {difference}");
            }
        }
    }
}
