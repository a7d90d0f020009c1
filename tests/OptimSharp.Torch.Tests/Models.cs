using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace OptimSharp.Torch.Tests;

/// <summary>A small model, and data for it, the same at each call.</summary>
static class Models
{
    public static Sequential Small(long seed = 1)
    {
        manual_seed(seed);
        return Sequential(("first", Linear(6, 5)), ("activation", ReLU()), ("second", Linear(5, 1)));
    }

    public static (Tensor Input, Tensor Target) Data()
    {
        manual_seed(7);
        return (randn(16, 6), randn(16, 1));
    }

    /// <summary>Computes gradients and returns the loss. Leaves no tensor behind.</summary>
    public static double Backward(Module<Tensor, Tensor> model, Tensor input, Tensor target)
    {
        using var scope = NewDisposeScope();
        var loss = functional.mse_loss(model.forward(input), target);
        loss.backward();
        return loss.ToDouble();
    }

    public static double[] Values(Tensor tensor)
    {
        using var scope = NewDisposeScope();
        return tensor.detach().to_type(float64).contiguous().data<double>().ToArray();
    }

    public static double[] Values(Module<Tensor, Tensor> model) => [.. model.parameters().SelectMany(p => Values(p))];
}
