using OptimSharp.Engine;
using LionRule = YourOwnOptimizer.LionRule<float>;

namespace OptimSharp.Cuda.Tests;

/// <summary>docs/devices.md shows what the rule of docs/your-own-optimizer.md becomes.</summary>
public class PageTests
{
    [Fact]
    public void The_page_has_the_rule_as_C_and_its_loop_as_PTX()
    {
        var (inSingle, single) = Lion(ElementType.Float32);
        var (inHalf, half) = Lion(ElementType.BFloat16);
        string kernel = StepKernel.Source(inHalf, half, "lion");
        string loop = kernel[kernel.IndexOf("NEXT_ELEMENT:", StringComparison.Ordinal)..kernel.IndexOf("NEXT:", StringComparison.Ordinal)];
        Shown.In("docs/devices.md", text => With(With(text, "c", CSource.Function(inSingle, single, "lion")), "ptx", loop));

        static string With(string text, string language, string block)
        {
            string[] parts = text.Split($"```{language}\n");
            Assert.Equal(2, parts.Length);
            return $"{parts[0]}```{language}\n{block}{parts[1][parts[1].IndexOf("```", StringComparison.Ordinal)..]}";
        }
    }

    [Fact]
    public void The_rule_has_the_hosts_bits_in_both()
    {
        var rule = new LionRule(new() { WeightDecay = 0.1 }, default);
        RecordedStep[] steps = [RecordedStep.Of<LionRule, float>("Lion", rule, Lion(ElementType.Float32).Types), RecordedStep.Of<LionRule, float>("Lion", rule, Lion(ElementType.BFloat16).Types)];
        using var library = new CLibrary(steps, CLibrary.Exact);
        StepComparison.OfAll(steps, library.Run);
        StepComparison.OfAll(steps, new InterpretedDevice().Run);
    }

    static (Recording Recording, KernelTypes Types) Lion(ElementType stored) =>
        (RecordedRule<LionRule, float>.Fetch(new(new(), default), out _), new(stored, stored, ElementType.Float32));
}
