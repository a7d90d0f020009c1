using TorchSharp;

namespace OptimSharp.Torch;

/// <summary>The <see cref="RateFinder"/> for TorchSharp's models.</summary>
public static class RateFinderExtensions
{
    /// <summary>
    /// Finds out which learning rates are worth a try: <see cref="RateFinder.Run"/>. Puts back what that does and the model's buffers (statistics of batch normalisation), its other parameters, the mode of every layer (training or not) and the random
    /// numbers of the CPU's default generator (dropout, <c>torch.randperm</c>), also when a step throws.
    /// </summary>
    /// <remarks>The gradients of all of the model's parameters are dropped, before and after: also of those that another optimizer has, or none. Generators of other devices go on where they are. So does what is not torch's: a <see cref="System.Random"/>, the place in a data loader.</remarks>
    /// <param name="model">The model.</param>
    /// <param name="optimizer">The optimizer of its parameters.</param>
    /// <param name="step">Trains on the next batch: computes the loss and the gradients, calls <see cref="Optimizer.Step()"/> (or that of a <see cref="TrainingStep"/>), and returns the loss before the step.</param>
    /// <param name="options">What is tried; null: the defaults.</param>
    /// <inheritdoc cref="RateFinder.Run" path="/returns"/>
    /// <inheritdoc cref="RateFinder.Run" path="/exception"/>
    public static RateCurve FindLearningRate(this torch.nn.Module model, Optimizer optimizer, Func<double> step, RateFinderOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(optimizer);
        ArgumentNullException.ThrowIfNull(step);
        using var snapshot = new ModelSnapshot(model, [.. optimizer.ParameterGroups.SelectMany(group => group.Parameters, (_, parameter) => parameter.Identity)]);
        bool isFirst = true;
        return RateFinder.Run(optimizer, () =>
        {
            if (isFirst) // what is refused before changes nothing
                snapshot.DropGradients();
            isFirst = false;
            return step();
        }, options);
    }

    /// <summary>What a model has beside the parameters that are trained, until it is put back.</summary>
    sealed class ModelSnapshot : IDisposable
    {
        readonly Modes modes;
        readonly List<(torch.Tensor Tensor, torch.Tensor Values)> tensors = [];
        readonly torch.Tensor[] untrained; // parameters
        readonly torch.Generator generator = torch.Generator.Default;
        readonly torch.Tensor random;
        bool hasDropped;

        /// <param name="model">The model.</param>
        /// <param name="trained">The identities of parameters that somebody else puts back.</param>
        public ModelSnapshot(torch.nn.Module model, HashSet<object> trained)
        {
            using var noGrad = torch.no_grad();
            modes = new(model);
            random = generator.get_state().DetachFromDisposeScope();
            untrained = [.. model.parameters().Where(IsUntrained)];
            foreach (var tensor in untrained.Concat(model.buffers().Where(IsUntrained)))
            {
                using var detached = tensor.detach();
                tensors.Add((tensor, detached.clone().DetachFromDisposeScope()));
            }

            bool IsUntrained(torch.Tensor tensor) => !trained.Contains(new TensorIdentity(tensor));
        }

        /// <summary>Those of parameters whose gradients nobody else drops; then they are dropped at the end, too.</summary>
        public void DropGradients()
        {
            foreach (var tensor in untrained)
                LibTorchSharp.SetGrad(tensor.Handle, 0);
            hasDropped = true;
        }

        public void Dispose()
        {
            using (torch.no_grad())
            {
                foreach (var (tensor, values) in tensors)
                {
                    using (values)
                    using (var target = tensor.detach())
                        target.copy_(values).Dispose();
                }
            }
            if (hasDropped)
                DropGradients();
            generator.set_state(random);
            random.Dispose();
            modes.Dispose();
        }
    }
}
