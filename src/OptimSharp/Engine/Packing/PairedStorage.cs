using System.Numerics;
using System.Runtime.Intrinsics;

namespace OptimSharp.Engine;

/// <summary>A parameter with 16 bits beside each of its numbers.</summary>
internal abstract unsafe class PairedStorage(HostTensor beside) : ParameterStorage
{
    /// <summary>What is kept beside the numbers.</summary>
    public HostTensor Tensor => beside;

    /// <summary>The 16 bits beside the first number.</summary>
    public ushort* Beside => (ushort*)beside.Start;
}

/// <inheritdoc/>
internal abstract unsafe class PairedStorage<TKept>(HostTensor beside) : PairedStorage(beside)
    where TKept : struct, IKeeping
{
    public sealed override void Load(BFloat16* stored, nint first, float* to, int count)
    {
        ushort* beside = Beside + first;
        int i = 0;
        for (; Vector512.IsHardwareAccelerated && i <= count - Vector512<float>.Count; i += Vector512<float>.Count)
            TKept.Load512(stored + i, beside + i).Store(to + i);
        for (; Vector.IsHardwareAccelerated && i <= count - Vector<ushort>.Count; i += Vector<ushort>.Count)
        {
            var (low, high) = TKept.Load(stored + i, beside + i);
            Vector.Store(low, to + i);
            Vector.Store(high, to + i + Vector<float>.Count);
        }
        for (; i < count; i++)
            to[i] = TKept.Load(stored[i], beside[i]);
    }

    public sealed override void Save(float* from, BFloat16* stored, nint first, int count)
    {
        ushort* beside = Beside + first;
        int i = 0;
        for (; Vector512.IsHardwareAccelerated && i <= count - Vector512<float>.Count; i += Vector512<float>.Count)
            TKept.Store512(Vector512.Load(from + i), stored + i, beside + i);
        for (; Vector.IsHardwareAccelerated && i <= count - Vector<ushort>.Count; i += Vector<ushort>.Count)
            TKept.Store(Vector.Load(from + i), Vector.Load(from + i + Vector<float>.Count), stored + i, beside + i);
        for (; i < count; i++)
            (stored[i], beside[i]) = TKept.Store(from[i]);
    }
}

/// <summary>Single precision in two halves.</summary>
internal sealed class SplitStorage(HostTensor remainders) : PairedStorage<KeptSplit>(remainders)
{
    public override ParameterKeeping Keeping => ParameterKeeping.Split;
}

/// <summary>The rounded number, and what was lost.</summary>
internal sealed class CompensatedStorage(HostTensor compensations) : PairedStorage<KeptCompensated>(compensations)
{
    public override ParameterKeeping Keeping => ParameterKeeping.Compensated;
}
