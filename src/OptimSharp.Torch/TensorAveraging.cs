using OptimSharp.Engine;
using TorchSharp;

namespace OptimSharp.Torch;

/// <summary>Averages by functions over TorchSharp's tensors, as PyTorch's <c>avg_fn</c> and <c>multi_avg_fn</c>.</summary>
/// <remarks>
/// A function gets copies of the averages, and the model's tensors in the averages' type, without gradients. When it throws, no average has changed. Tensors of whole
/// numbers are copied from the model without it. <see cref="Averaging.Equal"/> and <see cref="Averaging.Ema"/> are much faster.
/// </remarks>
public static class TensorAveraging
{
    /// <summary>A function that is called for each tensor: of the average, the model's tensor and the number of models averaged (≥ 1), it makes the new average.</summary>
    public static Averaging PerTensor(Func<torch.Tensor, torch.Tensor, long, torch.Tensor> function)
    {
        ArgumentNullException.ThrowIfNull(function);
        return new Custom((averages, models, count) =>
            [.. averages.Zip(models, (average, model) => function(average, model, count) ?? throw new InvalidOperationException("The averaging function returned null."))]);
    }

    /// <summary>A function that is called once for all tensors: it changes the averages in place, given the model's tensors and the number of models averaged (≥ 1).</summary>
    public static Averaging AllTensors(Action<IReadOnlyList<torch.Tensor>, IReadOnlyList<torch.Tensor>, long> function)
    {
        ArgumentNullException.ThrowIfNull(function);
        return new Custom((averages, models, count) =>
        {
            function(averages, models, count);
            return averages;
        });
    }

    sealed class Custom(Func<torch.Tensor[], torch.Tensor[], long, torch.Tensor[]> function) : Averaging
    {
        internal override AverageStep? Next(long count) => count == 0 ? AverageStep.Copy : null;

        internal override void Average(IReadOnlyList<StateTensor> averages, IReadOnlyList<Parameter> models, long count)
        {
            using var noGrad = torch.no_grad();
            using var scope = torch.NewDisposeScope();
            torch.Tensor[] before = [.. averages.Select(Copy)];
            torch.Tensor[] current = [.. models.Select((model, i) => Copy(model, before[i]))];
            var after = function(before, current, count);
            for (int i = 0; i < after.Length; i++)
            {
                if (!after[i].shape.SequenceEqual(averages[i].Shape.ToArray()))
                    throw new InvalidOperationException($"The averaging function made a tensor of shape [{string.Join(", ", after[i].shape)}] of one of [{string.Join(", ", averages[i].Shape.ToArray())}].");
                after[i] = after[i].to_type(averages[i].Type.ToScalarType());
            }
            for (int i = 0; i < after.Length; i++)
                Write(after[i], averages[i]);
        }

        public override string ToString() => "custom average";

        static torch.Tensor Copy(StateTensor average)
        {
            if (average is TorchState state)
                return state.Clone();
            return TensorData.From(average).ToTensor();
        }

        static torch.Tensor Copy(Parameter model, torch.Tensor average)
        {
            if (model is TorchParameter parameter)
                return parameter.Tensor.detach().to(average.device).to_type(average.dtype);
            using var copy = new HostTensor(model.Shape, model.ElementType);
            model.CopyTo(copy);
            return TensorData.From(copy).ToTensor(average.device).to_type(average.dtype);
        }

        static unsafe void Write(torch.Tensor tensor, StateTensor average)
        {
            if (average is TorchState state)
                state.Set(tensor);
            else
                Tensors.Read(tensor, ((HostTensor)average).Start, average.Type);
            GC.KeepAlive(average);
        }
    }
}
