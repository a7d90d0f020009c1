using OptimSharp.Engine;
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
        long bytes = checked(plain.numel() * type.Size());
        if (bytes > 0)
            Buffer.MemoryCopy(LibTorchSharp.Data(plain.Handle), to, bytes, bytes);
    }

    /// <summary>Whether what is written to one element of a dense tensor is in another one, too: of expanded tensors, say.</summary>
    public static bool ShareElements(nint tensor)
    {
        if (LibTorchSharp.IsContiguous(tensor) != 0)
            return false;
        var dimensions = new List<(long Stride, long Size)>();
        for (int i = 0; i < LibTorchSharp.Dimensions(tensor); i++)
            dimensions.Add((LibTorchSharp.Stride(tensor, i), LibTorchSharp.Size(tensor, i)));
        if (dimensions.Exists(d => d.Size == 0))
            return false;
        long reach = 1; // of one stride of the next dimension
        bool nested = true;
        foreach (var (stride, size) in dimensions.Where(d => d.Size > 1).Order())
        {
            if (stride == 0)
                return true;
            nested &= stride >= reach;
            reach += stride * (size - 1);
        }
        return !nested && HasRepetition(dimensions);
    }

    /// <summary>For strides that cross each other: whether two indices lead to one place.</summary>
    static bool HasRepetition(List<(long Stride, long Size)> dimensions)
    {
        var seen = new HashSet<long>();
        return Repeats(0, 0);

        bool Repeats(int dimension, long place)
        {
            if (dimension == dimensions.Count)
                return !seen.Add(place);
            for (long i = 0; i < dimensions[dimension].Size; i++)
            {
                if (Repeats(dimension + 1, place + i * dimensions[dimension].Stride))
                    return true;
            }
            return false;
        }
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
