using TorchSharp;

namespace OptimSharp.Torch;

/// <summary>TorchSharp's modules and tensors as what optimizers take.</summary>
public static class TorchExtensions
{
    /// <summary>
    /// A module's parameters, each once, under its first name: layers may share one, as a language model's head its embedding's weights. Frozen ones
    /// (<c>requires_grad = false</c>) are there too: without a gradient a step leaves them out.
    /// </summary>
    /// <exception cref="ArgumentException">A parameter is no floating-point tensor.</exception>
    public static IReadOnlyList<TorchParameter> Parameters(this torch.nn.Module module)
    {
        ArgumentNullException.ThrowIfNull(module);
        return [.. module.named_parameters().Select(p => new TorchParameter(p.parameter, p.name)).DistinctBy(p => p.Identity)];
    }

    /// <summary>A single tensor as a parameter. It should have <c>requires_grad</c>, or a gradient set by hand.</summary>
    /// <param name="tensor">The tensor; a TorchSharp <c>Parameter</c> is one.</param>
    /// <param name="name">The name, for messages and state dicts.</param>
    /// <remarks>TorchSharp.Modules has a method of this name without arguments, which makes a TorchSharp <c>Parameter</c> of a tensor. With a name, it is always this one.</remarks>
    /// <exception cref="ArgumentException">The tensor is not a dense floating-point leaf.</exception>
    public static TorchParameter AsParameter(this torch.Tensor tensor, string name = "") => new(tensor, name);

    /// <summary>A TorchSharp <c>Parameter</c> as one of an optimizer.</summary>
    /// <param name="parameter">The parameter.</param>
    /// <param name="name">The name, for messages and state dicts.</param>
    /// <inheritdoc cref="AsParameter(torch.Tensor, string)" path="/remarks|/exception"/>
    public static TorchParameter AsParameter(this TorchSharp.Modules.Parameter parameter, string name = "") => new(parameter, name); // more special than that of TorchSharp.Modules

    /// <summary>Tensors as parameters, named by their place: "0", "1", ….</summary>
    /// <inheritdoc cref="AsParameter(torch.Tensor, string)" path="/exception"/>
    public static IReadOnlyList<TorchParameter> AsParameters(this IEnumerable<torch.Tensor> tensors)
    {
        ArgumentNullException.ThrowIfNull(tensors);
        return [.. tensors.Select((t, i) => new TorchParameter(t, i.ToString(System.Globalization.CultureInfo.InvariantCulture)))];
    }

    /// <summary>A loss, scaled: <c>scaler.Scale(loss).backward()</c>. The loss itself when the scaler is disabled.</summary>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    public static torch.Tensor Scale(this GradScaler scaler, torch.Tensor loss)
    {
        ArgumentNullException.ThrowIfNull(scaler);
        ArgumentNullException.ThrowIfNull(loss);
        return scaler.IsEnabled ? loss * scaler.CurrentScale : loss;
    }
}
