using OptimSharp;

namespace Snippets; // as in a program of one's own, not below OptimSharp

/// <summary>The code of docs/small-state.md.</summary>
public class SmallStateSnippets
{
    [Fact]
    public void An_optimizer_keeps_a_quarter()
    {
        var w = Stepped();
        using var optimizer = new AdamW([w], new() { LearningRate = 1e-3, StatePrecision = StatePrecision.Dynamic8 });
        optimizer.Step();
        Assert.Equal(ElementType.UInt8, optimizer.StateOf(w)!.TypeOf("exp_avg"));
    }

    [Fact]
    public void Groups_keep_their_own()
    {
        var w = Stepped();
        var rules = new GroupRules<AdamWOptions>()
            .For("**", o => o with { StatePrecision = StatePrecision.Dynamic8 })
            .For("embedding.**", o => o with { StatePrecision = StatePrecision.Compute }).Optional();
        using var grouped = new AdamW(rules.Of([w]), new());
        grouped.Step();
        Assert.Equal(ElementType.UInt8, grouped.StateOf(w)!.TypeOf("exp_avg"));
    }

    [Fact]
    public void States_keep_their_own()
    {
        var w = Stepped();
        using var named = new AdamW([w], new()
        {
            StatePrecision = StatePrecision.BFloat16,
            StatePrecisionByName = [("exp_avg_sq", StatePrecision.Dynamic8)],
        });
        named.Step();
        Assert.Equal(["BFloat16", "Dynamic8"], named.MemoryReport().StateByPrecision.Keys);
    }

    [Fact]
    public void The_layout_of_torchao_is_written()
    {
        string folder = Directory.CreateTempSubdirectory().FullName, path = Path.Combine(folder, "torchao.pt");
        var w = Stepped();
        using var torchao = new AdamW([w], new() { LearningRate = 1e-3, StatePrecision = StatePrecision.Linear4 });
        torchao.Step();
        Checkpoint.Save(path, TorchAO.ToStateDict(torchao.StateDict()), new() { AllowObjects = true });
        Assert.True(torchao.LoadStateDict(Checkpoint.Load(path)).IsComplete);
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public void The_layout_of_bitsandbytes_goes_both_ways()
    {
        var w = Stepped();
        using var eight = new AdamW([w], new() { LearningRate = 1e-3, StatePrecision = StatePrecision.Dynamic8 });
        eight.Step();
        StateDict theirs = BitsAndBytes.ToStateDict(eight.StateDict());
        eight.LoadStateDict(theirs); // the same bits
        Assert.True(theirs.GetDict("state").GetDict(0).GetDict("__bnb_optimizer_quant_state__").ContainsKey("absmax2"));
    }

    static Parameter<float> Stepped()
    {
        var w = Parameter.Of("w", new float[5000]);
        w.UseGradient().Fill(0.5f);
        return w;
    }
}
