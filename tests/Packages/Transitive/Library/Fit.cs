using OptimSharp.Torch;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Library;

public static class Fit
{
    /// <summary>The loss before and after some steps.</summary>
    public static (float Before, float After) Run()
    {
        using var scope = NewDisposeScope();
        var weight = new Parameter(ones(3));
        using var optimizer = new SGD([weight.AsParameter("weight")], new() { LearningRate = 0.1 });
        float before = Step(), after = before;
        for (int i = 0; i < 10; i++)
            after = Step();
        return (before, after);

        float Step()
        {
            optimizer.ZeroGrad();
            var loss = weight.square().sum();
            loss.backward();
            optimizer.Step();
            return loss.item<float>();
        }
    }
}
