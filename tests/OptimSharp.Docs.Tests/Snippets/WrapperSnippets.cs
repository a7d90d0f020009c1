using OptimSharp;

namespace Snippets; // as in a program of one's own, not below OptimSharp

/// <summary>The code of docs/wrappers.md.</summary>
public class WrapperSnippets
{
    readonly float[] values = [1, -2, 3];
    readonly OptimSharp.Parameter<float> weights, bias = OptimSharp.Parameter.Of("bias", new float[] { 1 });

    public WrapperSnippets() => weights = OptimSharp.Parameter.Of("weights", values);

    [Fact]
    public void Masks()
    {
        using var optimizer = new AdamW([weights, bias], new() { Mask = StepMask.Cautious });
        Backward();
        optimizer.Step();
        Assert.NotEqual([1, -2, 3], values);
    }

    [Fact]
    public void Sam()
    {
        using var optimizer = new SGD([weights, bias], new() { LearningRate = 0.1, Momentum = 0.9 });
        using var sam = new SAM(optimizer, new() { Rho = 0.05 });
        double loss = sam.Step(() =>
        {
            optimizer.ZeroGrad();
            return Backward();
        });
        Assert.Equal(7.5, loss);

        float[] before = [.. values];
        Backward();
        using (sam.Perturb())
        {
            optimizer.ZeroGrad();
            Backward();
        }
        optimizer.Step();
        Assert.NotEqual(before, values);
    }

    [Fact]
    public void Lookaheads()
    {
        using var optimizer = new AdamW([weights, bias]);
        using var lookahead = new Lookahead(optimizer, new() { Steps = 5, Alpha = 0.5 });
        optimizer.Step();
        Assert.Equal(1, lookahead.StepsAhead);
    }

    double Backward()
    {
        weights.Gradient = values.ToArray();
        bias.Gradient = new float[] { 1 };
        return values.Sum(x => x * x) / 2 + 0.5;
    }
}
