using System.Numerics;

namespace OptimSharp.Engine;

/// <summary>
/// Single precision in two halves: the upper one, rounded to nearest, is the parameter; the lower one is kept beside it as a whole number with a sign, to be added to it. So a tie is rounded away from zero: rounded to even, it could not
/// be told from which side it came.
/// </summary>
internal sealed unsafe class SplitStorage(HostTensor remainders) : ParameterStorage
{
    public HostTensor Remainders => remainders;

    public override ParameterKeeping Keeping => ParameterKeeping.Split;

    public override void Load(BFloat16* stored, nint first, float* to, int count)
    {
        short* remainder = (short*)remainders.Start + first;
        int i = 0;
        for (; Vector.IsHardwareAccelerated && i <= count - Vector<ushort>.Count; i += Vector<ushort>.Count)
        {
            var (low, high) = BFloat16.Load(stored + i);
            Vector.Widen(Vector.Load(remainder + i), out var r, out var s);
            Vector.Store(Join(low, r), to + i);
            Vector.Store(Join(high, s), to + i + Vector<float>.Count);
        }
        for (; i < count; i++)
        {
            uint upper = (uint)stored[i].Bits << 16;
            to[i] = BitConverter.UInt32BitsToSingle(upper << 1 == 0 && remainder[i] < 0 ? upper : upper + (uint)remainder[i]);
        }

        static Vector<float> Join(Vector<float> upper, Vector<int> remainder)
        {
            var zero = Vector.Equals(upper, Vector<float>.Zero); // a rounded zero has no remainder below it: this one is of another number, which was written over
            return Vector.AsVectorSingle(Vector.AsVectorInt32(upper) + Vector.ConditionalSelect(zero, Vector.Max(remainder, Vector<int>.Zero), remainder));
        }
    }

    public override void Save(float* from, BFloat16* stored, nint first, int count)
    {
        short* remainder = (short*)remainders.Start + first;
        int i = 0;
        for (; Vector.IsHardwareAccelerated && i <= count - Vector<ushort>.Count; i += Vector<ushort>.Count)
        {
            Vector<float> x = Vector.Load(from + i), y = Vector.Load(from + i + Vector<float>.Count);
            Vector.Store(Vector.Narrow(Upper(x), Upper(y)), (ushort*)stored + i);
            Vector.Store(Vector.Narrow(Lower(x), Lower(y)), (ushort*)remainder + i);
        }
        for (; i < count; i++)
        {
            uint bits = BitConverter.SingleToUInt32Bits(from[i]);
            bool isNumber = !float.IsNaN(from[i]);
            stored[i] = BFloat16.FromBits((ushort)(isNumber ? (bits + 0x8000) >> 16 : (bits >> 16) | 0x40));
            remainder[i] = isNumber ? (short)bits : (short)0;
        }

        static Vector<uint> Upper(Vector<float> x)
        {
            var bits = Vector.AsVectorUInt32(x);
            return Vector.ConditionalSelect(Vector.AsVectorUInt32(Vector.Equals(x, x)), (bits + new Vector<uint>(0x8000)) >> 16, (bits >> 16) | new Vector<uint>(0x40));
        }

        static Vector<uint> Lower(Vector<float> x) => Vector.AsVectorUInt32(x) & Vector.AsVectorUInt32(Vector.Equals(x, x)) & new Vector<uint>(0xFFFF);
    }
}
