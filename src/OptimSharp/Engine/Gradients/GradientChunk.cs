using System.Numerics;
using System.Runtime.CompilerServices;

namespace OptimSharp.Engine;

/// <summary>Gathers a chunk of a gradient into one number, for a norm: as it lies, or after a change, or widened.</summary>
static unsafe class GradientChunk
{
    /// <summary>The numbers of a chunk: 16 or 32 KB, in the first-level cache.</summary>
    public const int Size = 4096;

    /// <summary>What numbers in one place gather to, on one thread: with the bits of a pass.</summary>
    public static double GatherAll(byte* numbers, ElementType type, nint count, NormOrder order, in GradientChange change)
    {
        double gathered = order.Start;
        for (nint i = 0; i < count; i += Size)
            gathered = order.Combine(gathered, Gather(numbers + i * type.Real().Size(), type, Math.Min(Size, count - i), order, change, !change.IsNone));
        return gathered;
    }

    /// <summary>What a chunk gathers to, after a change.</summary>
    public static double Gather(byte* at, ElementType type, nint n, NormOrder order, in GradientChange change, bool changes)
    {
        var real = type.Real();
        return real == ElementType.Float64
            ? changes ? Staged<double>(at, type, n, order, change, true) : Gather((double*)at, n, type, order)
            : changes || real != ElementType.Float32 ? Staged<float>(at, type, n, order, change, changes) : Gather((float*)at, n, type, order);
    }

    static double Gather<T>(T* x, nint n, ElementType type, NormOrder order) where T : unmanaged, IBinaryFloatingPointIeee754<T> =>
        type.IsComplex() ? order.GatherPairs(x, n) : order.Gather(x, n);

    [SkipLocalsInit]
    static double Staged<T>(byte* at, ElementType type, nint n, NormOrder order, in GradientChange change, bool changes)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var real = type.Real();
        T* numbers = stackalloc T[Size];
        if (!changes)
        {
            Storage.Load(at, real, numbers, (int)n);
        }
        else if (real == Storage.Of<T>())
        {
            change.Apply(at, (byte*)numbers, real, n);
        }
        else
        {
            byte* stored = stackalloc byte[Size * sizeof(ushort)];
            change.Apply(at, stored, real, n);
            Storage.Load(stored, real, numbers, (int)n);
        }
        return Gather(numbers, n, type, order);
    }
}
