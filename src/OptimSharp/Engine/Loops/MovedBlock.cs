using System.Runtime.CompilerServices;

namespace OptimSharp.Engine;

/// <summary>How large a block of a parameter was, and how far it moved: squares, summed in double in the one order of <see cref="Reductions"/>.</summary>
internal static unsafe class MovedBlock
{
    /// <summary>The most elements of a block. Chunks of <see cref="StepMeasures"/> begin with one.</summary>
    public const int Size = 1024;

    /// <summary>Adds a block's Σθ² and Σ(Δθ)² to the second and third of a chunk's sums.</summary>
    public static void Add(byte* before, byte* after, ElementType type, nint count, double* sums)
    {
        if (type == ElementType.Float32)
            Add((float*)before, (float*)after, count, sums);
        else if (type == ElementType.Float64)
            Add((double*)before, (double*)after, count, sums);
        else
            AddHalves(before, after, type, (int)count, sums);
    }

    static void Add<T>(T* before, T* after, nint count, double* sums) where T : unmanaged, System.Numerics.IBinaryFloatingPointIeee754<T>
    {
        sums[1] += Reductions.Run<T, Reductions.Dot>(before, before, count);
        sums[2] += Reductions.Run<T, Reductions.SquaredDistance>(after, before, count);
    }

    [SkipLocalsInit]
    static void AddHalves(byte* before, byte* after, ElementType type, int count, double* sums)
    {
        float* wideBefore = stackalloc float[Size], wideAfter = stackalloc float[Size];
        Storage.Load(before, type, wideBefore, count);
        Storage.Load(after, type, wideAfter, count);
        Add(wideBefore, wideAfter, count, sums);
    }
}
