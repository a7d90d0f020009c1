using TorchSharp;

namespace OptimSharp.Torch;

/// <summary>A batch-normalisation layer whose statistics are computed anew, and what it was before.</summary>
sealed class NormLayer
{
    readonly TorchSharp.Modules.BatchNorm layer;
    readonly double? momentum;
    readonly (torch.Tensor Mean, torch.Tensor Variance, torch.Tensor? Count) before;

    NormLayer(TorchSharp.Modules.BatchNorm layer)
    {
        this.layer = layer;
        momentum = layer.momentum;
        before = (Keep(layer.running_mean)!, Keep(layer.running_var)!, Keep(layer.num_batches_tracked));
    }

    public torch.nn.Module Module => layer;

    /// <summary>The layers of a model that keep statistics, each once.</summary>
    public static List<NormLayer> Of(torch.nn.Module model)
    {
        using var noGrad = torch.no_grad();
        return [.. Modes.All(model).OfType<TorchSharp.Modules.BatchNorm>().Where(l => l.running_mean is not null && l.running_var is not null)
            .Distinct<TorchSharp.Modules.BatchNorm>(ReferenceEqualityComparer.Instance).Select(l => new NormLayer(l))];
    }

    /// <summary>Starts over; without a momentum the layer takes the plain average over batches.</summary>
    public void Begin()
    {
        layer.reset_running_stats();
        layer.momentum = null;
    }

    public void Undo()
    {
        using var scope = torch.NewDisposeScope();
        layer.running_mean!.copy_(before.Mean);
        layer.running_var!.copy_(before.Variance);
        if (before.Count is not null)
            layer.num_batches_tracked!.copy_(before.Count);
    }

    public void End()
    {
        layer.momentum = momentum;
        before.Mean.Dispose();
        before.Variance.Dispose();
        before.Count?.Dispose();
    }

    static torch.Tensor? Keep(torch.Tensor? tensor) => tensor?.clone().DetachFromDisposeScope();
}

/// <summary>The mode, training or not, of every layer, to come back to.</summary>
sealed class Modes(torch.nn.Module model) : IDisposable
{
    readonly List<(torch.nn.Module Module, bool Training)> before = [.. All(model).Select(m => (m, m.training))];

    /// <summary>A module and all below it: parents first.</summary>
    public static IEnumerable<torch.nn.Module> All(torch.nn.Module module) =>
        module.children().SelectMany(All).Prepend(module);

    /// <summary>Training mode for the whole model, or for some layers only.</summary>
    public void Set(List<NormLayer>? layers)
    {
        model.train(layers is null);
        foreach (var layer in layers ?? [])
            layer.Module.train();
    }

    public void Dispose()
    {
        foreach (var (module, training) in before) // children after parents, which set them too
            module.train(training);
    }
}
