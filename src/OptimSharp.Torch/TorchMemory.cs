using OptimSharp.Engine;
using TorchSharp;

namespace OptimSharp.Torch;

/// <summary>A tensor's memory, whose elements lie one behind the other: a parameter, a gradient, a state, or scratch memory.</summary>
sealed unsafe class TorchMemory : DeviceMemory, IDisposable
{
    readonly torch.Tensor tensor;
    readonly bool isOwn; // and so to be freed
    readonly long first, count;
    torch.Tensor? onHost;

    /// <param name="tensor">Contiguous, and in no dispose scope.</param>
    /// <param name="isOwn">Whether the memory is this one's.</param>
    public TorchMemory(torch.Tensor tensor, bool isOwn)
    {
        (this.tensor, this.isOwn) = (tensor, isOwn);
        first = tensor.storage_offset();
        count = tensor.numel();
    }

    /// <summary>A part of it, as matrices. Of the current dispose scope.</summary>
    public torch.Tensor View(long offset, long batch, long rows, long columns) =>
        tensor.as_strided([batch, rows, columns], [rows * columns, columns, 1], first + offset);

    /// <summary>A part of it, as one vector. Of the current dispose scope.</summary>
    public torch.Tensor View(long offset, long length) => tensor.as_strided([length], [1], first + offset);

    public override void* OnHost()
    {
        if (onHost is null)
        {
            using var noGrad = torch.no_grad();
            using var scope = torch.NewDisposeScope();
            onHost = torch.empty(count, dtype: tensor.dtype).DetachFromDisposeScope();
            HostCopies.Count++;
            Download();
        }
        return LibTorchSharp.Data(onHost.Handle);
    }

    /// <summary>Takes over what was written to the copy in host memory, if there is one.</summary>
    public void Upload()
    {
        if (onHost is null)
            return;
        using var all = View(0, count);
        all.copy_(onHost);
    }

    /// <summary>Gives the copy in host memory, if there is one, what the device has.</summary>
    public void Download()
    {
        if (onHost is null)
            return;
        using var all = View(0, count);
        onHost.copy_(all);
    }

    public void Dispose()
    {
        onHost?.Dispose();
        if (isOwn)
            tensor.Dispose();
    }
}

/// <summary>How often a step copied whole tensors to host memory, or from there. For tests.</summary>
static class HostCopies
{
    [ThreadStatic]
    static long count;

    public static long Count { get => count; set => count = value; }
}
