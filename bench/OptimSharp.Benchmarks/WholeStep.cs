using static TorchSharp.torch;

namespace OptimSharp.Benchmarks;

/// <summary>
/// The whole step that training takes: gradients clipped by their norm, AdamW, an exponential moving average of the weights, the gradients zeroed. Ours is one
/// <see cref="TrainingStep"/>.
/// </summary>
static class WholeStep
{
    const double MaxNorm = 1, Decay = 0.999;

    /// <summary>Ours, TorchSharp's calls, and libtorch's: fused where it has that.</summary>
    public static (IContender Ours, IContender TorchSharp, IContender Fused) Make(long[][] shapes) =>
        (new Ours(Tensors.Make(shapes, ScalarType.Float32)), new Calls(Tensors.Make(shapes, ScalarType.Float32)), new Fused(Tensors.Make(shapes, ScalarType.Float32)));

    sealed class Ours : IContender
    {
        readonly Tensor[] tensors;
        readonly AdamW optimizer;
        readonly AveragedParameters averages;
        readonly TrainingStep step;
        int steps;

        public Ours(Tensor[] tensors)
        {
            this.tensors = tensors;
            var parameters = Tensors.AsParameters(tensors);
            optimizer = new(parameters);
            averages = new(parameters, Averaging.Ema(Decay));
            step = new(optimizer, new() { MaxNorm = MaxNorm, Averages = averages, GradientsAfter = GradientsAfter.Zeroed });
        }

        public void Step()
        {
            Refill(tensors, ref steps);
            step.Step();
        }

        public void Dispose()
        {
            averages.Dispose();
            optimizer.Dispose();
            Tensors.Dispose(tensors);
        }
    }

    /// <summary>TorchSharp's optimizer and functions.</summary>
    sealed class Calls(Tensor[] tensors) : IContender
    {
        readonly optim.Optimizer optimizer = optim.AdamW(Tensors.AsModules(tensors));
        readonly Tensor[] averages = Copies(tensors);
        int steps;

        public void Step()
        {
            Refill(tensors, ref steps);
            using var scope = NewDisposeScope();
            using var noGrad = no_grad();
            nn.utils.clip_grad_norm_(Tensors.AsModules(tensors), MaxNorm);
            optimizer.step();
            Average(averages, tensors);
            optimizer.zero_grad();
        }

        public void Dispose()
        {
            optimizer.Dispose();
            Tensors.Dispose(averages);
            Tensors.Dispose(tensors);
        }
    }

    /// <summary>
    /// libtorch's fused AdamW; its clipping, which loops over tensors in native code; its mean of two tensors; zeros for all tensors in one call. (Its calls for many
    /// tensors at once with a number as argument can't be reached through the dispatcher.)
    /// </summary>
    sealed class Fused(Tensor[] tensors) : IContender
    {
        readonly FusedPeer optimizer = FusedPeer.For("AdamW", tensors);
        readonly Tensor[] averages = Copies(tensors);
        int steps;

        public void Step()
        {
            Refill(tensors, ref steps);
            using var scope = NewDisposeScope();
            using var noGrad = no_grad();
            nn.utils.clip_grad_norm_(Tensors.AsModules(tensors), MaxNorm);
            optimizer.Step();
            Average(averages, tensors);
            FusedPeer.Zero([.. tensors.Select(t => t.grad!)]);
        }

        public void Dispose()
        {
            Tensors.Dispose(averages);
            optimizer.Dispose();
        }
    }

    /// <summary>
    /// New gradients now and then, at the same steps for each: momentum that only decays would come to numbers below 10⁻³⁸, with which processors are slow.
    /// </summary>
    static void Refill(Tensor[] tensors, ref int steps)
    {
        if (steps++ % 100 != 0)
            return;
        using var scope = NewDisposeScope();
        foreach (var tensor in tensors)
            tensor.grad!.fill_(0.01);
    }

    static Tensor[] Copies(Tensor[] tensors)
    {
        using var noGrad = no_grad();
        return [.. tensors.Select(t => t.detach().clone())];
    }

    static void Average(Tensor[] averages, Tensor[] tensors)
    {
        for (int i = 0; i < averages.Length; i++)
            averages[i].lerp_(tensors[i], 1 - Decay);
    }
}
