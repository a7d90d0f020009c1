using OptimSharp.Torch;
using static TorchSharp.torch;

namespace OptimSharp.Benchmarks;

/// <summary>Something that can take one optimizer step over a set of tensors.</summary>
public interface IContender : IDisposable
{
    void Step();
}

/// <summary>Our optimizer. Of TorchSharp parameters it fetches the gradients anew at each step, as training does.</summary>
sealed class Ours(Row row, Workload workload) : IContender
{
    readonly Optimizer optimizer = row.Ours(workload.Parameters);

    /// <summary>How many state tensors a parameter has, once it was stepped.</summary>
    public int Slots => optimizer.StateOf(optimizer.ParameterGroups[0].Parameters[0])?.TensorKeys.Count() ?? 0;

    public void Step()
    {
        if (row.Step is { } step)
            step(optimizer, workload);
        else
            optimizer.Step();
    }

    public void Dispose()
    {
        optimizer.Dispose();
        workload.Dispose();
    }
}

/// <summary>TorchSharp's own optimizer.</summary>
sealed class TorchSharpPeer(optim.Optimizer optimizer, Tensor[] tensors) : IContender
{
    public void Step()
    {
        using var scope = NewDisposeScope();
        optimizer.step();
    }

    public void Dispose()
    {
        optimizer.Dispose();
        Tensors.Dispose(tensors);
    }
}

/// <summary>Parameters and gradients of given shapes.</summary>
static class Tensors
{
    public static Tensor[] Make(long[][] shapes, ScalarType type)
    {
        manual_seed(1);
        return [.. shapes.Select(shape =>
        {
            using var scope = NewDisposeScope();
            var tensor = new TorchSharp.Modules.Parameter(randn(shape).mul_(0.02).to_type(type));
            tensor.grad = randn(shape).mul_(0.01).to_type(type);
            return tensor.DetachFromDisposeScope();
        })];
    }

    public static IReadOnlyList<TorchParameter> AsParameters(Tensor[] tensors) => TorchExtensions.AsParameters(tensors);

    public static IEnumerable<TorchSharp.Modules.Parameter> AsModules(Tensor[] tensors) => [.. tensors.Cast<TorchSharp.Modules.Parameter>()];

    public static void Dispose(Tensor[] tensors)
    {
        foreach (var tensor in tensors)
            tensor.Dispose();
    }
}
