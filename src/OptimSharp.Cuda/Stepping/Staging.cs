using System.Numerics;
using System.Runtime.InteropServices;
using OptimSharp.Engine;

namespace OptimSharp.Cuda;

/// <summary>Takes numbers between a device's memory, as they are stored there, and the host's, as they are computed with: piece by piece, in little memory.</summary>
internal static unsafe class Staging
{
    /// <summary>The bytes of a piece.</summary>
    public const int Piece = 1 << 20;

    public static void Read<T>(CudaDevice device, nint from, ElementType type, T* to, long count) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        if (type == Storage.Of<T>())
        {
            CudaMemory.Copy(device, to, from, count * sizeof(T));
            return;
        }
        ForPieces(type, count, (stored, at, n) =>
        {
            CudaMemory.Copy(device, (void*)stored, from + (nint)(at * type.Size()), n * type.Size());
            Storage.Load((void*)stored, type, to + at, (nint)n);
        });
    }

    public static void Write<T>(CudaDevice device, T* from, nint to, ElementType type, long count) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        if (type == Storage.Of<T>())
        {
            CudaMemory.Copy(device, to, from, count * sizeof(T));
            return;
        }
        ForPieces(type, count, (stored, at, n) =>
        {
            Storage.Save(from + at, (void*)stored, type, (nint)n);
            CudaMemory.Copy(device, to + (nint)(at * type.Size()), (void*)stored, n * type.Size());
        });
    }

    static void ForPieces(ElementType type, long count, Action<nint, long, long> take)
    {
        void* stored = NativeMemory.Alloc(Piece);
        try
        {
            long piece = Piece / type.Size();
            for (long at = 0; at < count; at += piece)
                take((nint)stored, at, Math.Min(piece, count - at));
        }
        finally
        {
            NativeMemory.Free(stored);
        }
    }
}
