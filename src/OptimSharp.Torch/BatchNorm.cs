using System.Runtime.CompilerServices;
using TorchSharp;

namespace OptimSharp.Torch;

/// <summary>
/// Computes the statistics of batch normalisation anew: averaged weights need their own. PyTorch's <c>torch.optim.swa_utils.update_bn</c>.
/// </summary>
/// <remarks>
/// <para>
/// One pass over the data, without gradients. Mean and variance of each batch-normalisation layer become the averages over all batches, each of the same weight.
/// </para>
/// <para>
/// Afterwards momenta, and the mode (training or not) of every layer, are what they were before, also when a batch throws; then the statistics are, too. A model
/// without batch normalisation (or where it tracks no statistics) is left alone, and the loader is not read. A loader without batches is an error.
/// </para>
/// <para>As in PyTorch the whole model is in training mode meanwhile, and dropout drops; with <c>dropoutOff</c> all layers but batch
/// normalisation are in evaluation mode, so that the statistics are those of the model that is evaluated.</para>
/// </remarks>
public static class BatchNorm
{
    /// <summary>Computes a model's statistics.</summary>
    /// <param name="loader">
    /// The batches. Each is a tensor, or a tuple or list of which the first element is the tensor to give to the model. The method that takes a function is for
    /// others. Tensors remain the loader's, to be disposed by it or by a dispose scope.
    /// </param>
    /// <param name="model">The model.</param>
    /// <param name="device">Where batches are moved to before the model gets them; null: they stay where they are.</param>
    /// <param name="dropoutOff">Whether dropout drops nothing meanwhile.</param>
    /// <returns>The number of batches; 0 for a model without batch normalisation.</returns>
    /// <exception cref="ArgumentException">A batch is something else. Nothing has changed.</exception>
    /// <exception cref="InvalidOperationException">The loader has no batches. Nothing has changed.</exception>
    public static long UpdateStatistics<TBatch>(IEnumerable<TBatch> loader, torch.nn.Module<torch.Tensor, torch.Tensor> model, torch.Device? device = null, bool dropoutOff = false) =>
        UpdateStatistics(loader, model, (m, batch) => m.forward(InputOf(batch, device)), dropoutOff);

    /// <param name="loader">The batches, of any kind.</param>
    /// <param name="model">The model.</param>
    /// <param name="forward">Gives a batch to the model. Tensors that it makes are disposed.</param>
    /// <param name="dropoutOff">Whether dropout drops nothing meanwhile.</param>
    /// <returns>The number of batches; 0 for a model without batch normalisation.</returns>
    /// <exception cref="InvalidOperationException">The loader has no batches. Nothing has changed.</exception>
    /// <inheritdoc cref="UpdateStatistics{TBatch}(IEnumerable{TBatch}, torch.nn.Module{torch.Tensor, torch.Tensor}, torch.Device, bool)" path="/summary"/>
    public static long UpdateStatistics<TModule, TBatch>(IEnumerable<TBatch> loader, TModule model, Action<TModule, TBatch> forward, bool dropoutOff = false)
        where TModule : torch.nn.Module
    {
        ArgumentNullException.ThrowIfNull(loader);
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(forward);
        var layers = NormLayer.Of(model);
        if (layers.Count == 0)
            return 0;
        using var noGrad = torch.no_grad();
        using var modes = new Modes(model);
        long batches = 0;
        try
        {
            modes.Set(dropoutOff ? layers : null);
            foreach (var layer in layers)
                layer.Begin();
            foreach (var batch in loader)
            {
                using var scope = torch.NewDisposeScope();
                forward(model, batch);
                batches++;
            }
            if (batches == 0)
                throw new InvalidOperationException("The loader has no batches, so there are no statistics to compute: they are what they were.");
        }
        catch
        {
            foreach (var layer in layers)
                layer.Undo();
            throw;
        }
        finally
        {
            foreach (var layer in layers)
                layer.End();
        }
        return batches;
    }

    /// <summary>
    /// Computes the statistics for averaged weights and keeps them with the averages: in its second module where there is one, else by swapping the averages into the
    /// model meanwhile, which has its own statistics back afterwards.
    /// </summary>
    /// <param name="loader">The batches, as for a model.</param>
    /// <param name="average">The averages.</param>
    /// <param name="device">Where batches are moved to before the model gets them; null: they stay where they are.</param>
    /// <param name="dropoutOff">Whether dropout drops nothing meanwhile.</param>
    /// <returns>The number of batches; 0 for a model without batch normalisation.</returns>
    /// <exception cref="ArgumentException">A batch is something else. Nothing has changed.</exception>
    /// <exception cref="InvalidOperationException">The loader has no batches, or no model was averaged yet. Nothing has changed.</exception>
    public static long UpdateStatistics<TModule, TBatch>(IEnumerable<TBatch> loader, AveragedModel<TModule> average, torch.Device? device = null, bool dropoutOff = false)
        where TModule : torch.nn.Module<torch.Tensor, torch.Tensor> =>
        UpdateStatistics(loader, average, (model, batch) => model.forward(InputOf(batch, device)), dropoutOff);

    /// <param name="loader">The batches, of any kind.</param>
    /// <param name="average">The averages.</param>
    /// <param name="forward">Gives a batch to the model. Tensors that it makes are disposed.</param>
    /// <param name="dropoutOff">Whether dropout drops nothing meanwhile.</param>
    /// <returns>The number of batches; 0 for a model without batch normalisation.</returns>
    /// <exception cref="InvalidOperationException">The loader has no batches, or no model was averaged yet. Nothing has changed.</exception>
    /// <inheritdoc cref="UpdateStatistics{TModule, TBatch}(IEnumerable{TBatch}, AveragedModel{TModule}, torch.Device, bool)" path="/summary"/>
    public static long UpdateStatistics<TModule, TBatch>(IEnumerable<TBatch> loader, AveragedModel<TModule> average, Action<TModule, TBatch> forward, bool dropoutOff = false)
        where TModule : torch.nn.Module
    {
        ArgumentNullException.ThrowIfNull(average);
        average.Averages.CheckUpdated();
        using var swapped = average.Copy is null ? average.SwapIn() : null;
        long batches = UpdateStatistics(loader, average.Copy ?? average.Model, forward, dropoutOff);
        if (batches > 0)
            average.SetBuffers(fromCopy: swapped is null);
        return batches;
    }

    static torch.Tensor InputOf<TBatch>(TBatch batch, torch.Device? device)
    {
        var input = batch switch
        {
            torch.Tensor tensor => tensor,
            ITuple { Length: > 0 } tuple when tuple[0] is torch.Tensor first => first,
            IReadOnlyList<torch.Tensor> { Count: > 0 } list => list[0],
            _ => throw new ArgumentException($"A batch is a {(batch?.GetType() ?? typeof(TBatch)).Name}; it must be a tensor, or a tuple or list that begins with one. For others, give a function that hands them to the model.", nameof(batch)),
        };
        return device is null ? input : input.to(device);
    }
}
