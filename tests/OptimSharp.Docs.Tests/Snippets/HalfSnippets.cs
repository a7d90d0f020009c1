using OptimSharp;

namespace Snippets; // as in a program of one's own, not below OptimSharp

/// <summary>The code of docs/half-parameters.md.</summary>
public class HalfSnippets
{
    [Fact]
    public void A_parameter_is_split()
    {
        var w = Stepped();
        using var optimizer = new AdamW([w], new() { LearningRate = 1e-4, ParameterPrecision = ParameterPrecision.Split });
        optimizer.Step();
        Assert.Equal(ElementType.Int16, optimizer.StateOf(w)!.TypeOf("param_remainder"));
    }

    [Fact]
    public void It_goes_with_state_in_few_bits()
    {
        var w = Stepped();
        using var small = new AdamW([w], new() { LearningRate = 1e-4, ParameterPrecision = ParameterPrecision.Split, StatePrecision = StatePrecision.Dynamic8 });
        small.Step();
        var report = small.MemoryReport();
        Assert.Equal(6, (report.ParameterBytes + report.StateBytes) / 100_000.0, 0.05);
    }

    static Parameter<OptimSharp.BFloat16> Stepped()
    {
        var w = Parameter.Of("w", new OptimSharp.BFloat16[100_000]);
        w.UseGradient().Fill((OptimSharp.BFloat16)0.5f);
        return w;
    }
}
