using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace OptimSharp.Torch.Tests;

/// <summary>A small model, and data for it, the same at each call.</summary>
static class Models
{
    public static Sequential Small()
    {
        var model = Sequential(("first", Linear(6, 5)), ("activation", ReLU()), ("second", Linear(5, 1)));
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        int seed = 0;
        foreach (var parameter in model.parameters())
            parameter.copy_(Random(++seed, parameter.shape).mul_(0.4));
        return model;
    }

    public static (Tensor Input, Tensor Target) Data() => (Random(10, 16, 6), Random(11, 16, 1));

    /// <summary>Numbers from −1 to 1. Not libtorch's, whose seed is the whole process's: tests run side by side.</summary>
    public static Tensor Random(int seed, params long[] shape)
    {
        var random = new System.Random(seed);
        float[] values = new float[shape.Aggregate(1L, (a, b) => a * b)];
        foreach (ref float value in values.AsSpan())
            value = 2 * random.NextSingle() - 1;
        return tensor(values).reshape(shape);
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
