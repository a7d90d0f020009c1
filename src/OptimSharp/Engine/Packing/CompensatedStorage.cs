using System.Numerics;

namespace OptimSharp.Engine;

/// <summary>The parameter, rounded to nearest, and what that lost, in bfloat16 too: 16 significant bits.</summary>
internal sealed unsafe class CompensatedStorage(HostTensor compensations) : ParameterStorage
{
    // What rounding loses is at most half of the last of 8 bits.
    const float Ulps = 256;

    public HostTensor Compensations => compensations;

    public override ParameterKeeping Keeping => ParameterKeeping.Compensated;

    public override void Load(BFloat16* stored, nint first, float* to, int count)
    {
        var lost = (BFloat16*)compensations.Start + first;
        int i = 0;
        for (; Vector.IsHardwareAccelerated && i <= count - Vector<ushort>.Count; i += Vector<ushort>.Count)
        {
            var (low, high) = BFloat16.Load(stored + i);
            var (c, d) = BFloat16.Load(lost + i);
            Vector.Store(Join(low, c), to + i);
            Vector.Store(Join(high, d), to + i + Vector<float>.Count);
        }
        for (; i < count; i++)
        {
            float value = stored[i], c = lost[i];
            to[i] = MathF.Abs(c) * Ulps <= MathF.Abs(value) ? value + c : value;
        }

        // One that is larger is of another number, which was written over.
        static Vector<float> Join(Vector<float> value, Vector<float> lost) =>
            Vector.ConditionalSelect(Vector.LessThanOrEqual(Vector.Abs(lost) * new Vector<float>(Ulps), Vector.Abs(value)), value + lost, value);
    }

    public override void Save(float* from, BFloat16* stored, nint first, int count)
    {
        var lost = (BFloat16*)compensations.Start + first;
        int i = 0;
        for (; Vector.IsHardwareAccelerated && i <= count - Vector<ushort>.Count; i += Vector<ushort>.Count)
        {
            Vector<float> x = Vector.Load(from + i), y = Vector.Load(from + i + Vector<float>.Count);
            BFloat16.Store(x, y, stored + i);
            var (low, high) = BFloat16.Load(stored + i);
            BFloat16.Store(Finite(x - low), Finite(y - high), lost + i);
        }
        for (; i < count; i++)
        {
            stored[i] = (BFloat16)from[i];
            float c = from[i] - stored[i];
            lost[i] = (BFloat16)(float.IsFinite(c) ? c : 0);
        }

        // Of a number that was rounded to infinity, nothing is kept.
        static Vector<float> Finite(Vector<float> x) => Vector.ConditionalSelect(Vector.LessThanOrEqual(Vector.Abs(x), new Vector<float>(float.MaxValue)), x, Vector<float>.Zero);
    }
}
