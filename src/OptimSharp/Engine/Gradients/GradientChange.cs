using System.Numerics;
using System.Runtime.CompilerServices;
using OptimSharp.Rules;

namespace OptimSharp.Engine;

/// <summary>
/// What is done to each number of a gradient before a rule sees it: up to three factors, one after the other, then a limit. After each the
/// number is rounded to the gradient's type, as if it had been stored: so all at once, over a chunk in the cache, gives the
/// bits of one after the other over all gradients.
/// </summary>
internal readonly unsafe struct GradientChange()
{
    const int Block = 512; // of half numbers, widened to work on them

    /// <summary>Nothing: what <c>default</c>, with factors of 0, is not.</summary>
    public static GradientChange None { get; } = new();

    /// <summary>1/scale, where the loss was scaled.</summary>
    public double Unscale { get; init; } = 1;

    /// <summary>1/n, where the gradient is the sum over n micro-batches.</summary>
    public double Mean { get; init; } = 1;

    /// <summary>What the norm is clipped by.</summary>
    public double Clip { get; init; } = 1;

    /// <summary>The largest size of a number.</summary>
    public double Limit { get; init; } = double.PositiveInfinity;

    /// <summary>Whether numbers stay as they are. (NaN as a factor is one that acts.)</summary>
    public bool IsNone => Unscale == 1 && Mean == 1 && Clip == 1 && double.IsPositiveInfinity(Limit);

    /// <summary>Reads numbers of a real type and writes the changed ones, to the same place or another.</summary>
    public void Apply(byte* from, byte* to, ElementType type, nint count)
    {
        if (type == ElementType.Float32)
            Apply((float*)from, (float*)to, count);
        else if (type == ElementType.Float64)
            Apply((double*)from, (double*)to, count);
        else
            ApplyToHalves(from, to, type, count);
    }

    void Apply<T>(T* from, T* to, nint count) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        foreach (double factor in (ReadOnlySpan<double>)[Unscale, Mean, Clip])
        {
            if (factor == 1)
                continue;
            Run(new ScaleRule<T>(factor), from, to, count);
            from = to;
        }
        if (!double.IsPositiveInfinity(Limit))
            Run(new LimitRule<T>(Limit), from, to, count);
        else if (from != to)
            Buffer.MemoryCopy(from, to, count * sizeof(T), count * sizeof(T));
    }

    [SkipLocalsInit]
    void ApplyToHalves(byte* from, byte* to, ElementType type, nint count)
    {
        float* block = stackalloc float[Block];
        for (nint i = 0; i < count; i += Block)
        {
            int n = (int)Math.Min(Block, count - i);
            byte* target = to + i * sizeof(ushort);
            Storage.Load(from + i * sizeof(ushort), type, block, n);
            foreach (double factor in (ReadOnlySpan<double>)[Unscale, Mean, Clip])
            {
                if (factor == 1)
                    continue;
                Run(new ScaleRule<float>(factor), block, block, n);
                Storage.Save(block, target, type, n);
                Storage.Load(target, type, block, n);
            }
            if (!double.IsPositiveInfinity(Limit))
                Run(new LimitRule<float>(Limit), block, block, n);
            Storage.Save(block, target, type, n);
        }
    }

    static void Run<TRule, T>(in TRule rule, T* from, T* to, nint count)
        where TRule : struct, IUpdateRule<T>
        where T : unmanaged, IBinaryFloatingPointIeee754<T> =>
        ElementwiseKernel<TRule, T>.Run<Off>(rule, to, from, count, Execution.UsesWideLanes);
}

/// <summary>x ← y, at most of size l; NaN stays.</summary>
readonly struct LimitRule<T>(double limit) : IUpdateRule<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    readonly T limit = T.CreateTruncating(limit);

    public static int Slots => 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Update<L>(ref Cell<L> x) where L : struct, ILane<L, T> =>
        x.Param = L.Min(L.Max(x.Grad, L.Of(-limit)), L.Of(limit));
}
