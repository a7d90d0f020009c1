using OptimSharp.Kernels;
using TorchSharp;

namespace OptimSharp.Torch;

/// <summary>Between TorchSharp's tensors and memory: elements as they are, row by row.</summary>
internal static unsafe class Tensors
{
    /// <summary>Copies a tensor's elements to memory, from wherever it is.</summary>
    public static void Read(torch.Tensor tensor, void* to, ElementType type)
    {
        using var noGrad = torch.no_grad();
        using var scope = torch.NewDisposeScope();
        var plain = tensor.detach().resolve_conj().resolve_neg().cpu().contiguous();
        long bytes = plain.numel() * type.Size();
        if (bytes > 0)
            Buffer.MemoryCopy(LibTorchSharp.Data(plain.Handle), to, bytes, bytes);
    }

    /// <summary>Sets a tensor's elements from memory, wherever it is.</summary>
    public static void Write(void* from, torch.Tensor to)
    {
        using var noGrad = torch.no_grad();
        using var scope = torch.NewDisposeScope();
        var copy = torch.empty(to.shape, dtype: to.dtype);
        long bytes = copy.numel() * to.dtype.ToElementType()!.Value.Size();
        if (bytes > 0)
            Buffer.MemoryCopy(from, LibTorchSharp.Data(copy.Handle), bytes, bytes);
        to.detach().copy_(copy);
    }
}
