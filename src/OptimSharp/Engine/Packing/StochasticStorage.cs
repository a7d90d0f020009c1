using System.Numerics;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace OptimSharp.Engine;

/// <summary>The parameter, rounded up or down at random, in proportion to how far it is from each: by adding a random number to the half that is cut off.</summary>
internal sealed unsafe class StochasticStorage(string key, ulong step) : ParameterStorage
{
    ulong step = step;

    /// <summary>The user's seed.</summary>
    public ulong Seed { get; set; }

    /// <summary>The parameter's own: <see cref="StreamOf"/>.</summary>
    public uint Stream { get; set; }

    /// <summary>The index of the first number in the parameter, when a part of it is kept.</summary>
    public nint First { get; set; }

    /// <summary>What tells a parameter from others: its name, so that it does not matter which groups and optimizers they are in; without one, its place.</summary>
    public static uint StreamOf(Parameter parameter, uint place)
    {
        if (parameter.Name.Length == 0)
            return place;
        uint hash = 2166136261; // FNV-1a over its characters
        foreach (char c in parameter.Name)
            hash = (hash ^ c) * 16777619;
        return hash;
    }

    public override ParameterKeeping Keeping => ParameterKeeping.Stochastic;

    public override void Load(BFloat16* stored, nint first, float* to, int count) => Storage.Load(stored, ElementType.BFloat16, to, count);

    public override void Save(float* from, BFloat16* stored, nint first, int count)
    {
        uint* random = stackalloc uint[Philox.Tile];
        first += First;
        while (count > 0)
        {
            int skipped = (int)(first % Philox.Tile), n = Math.Min(Philox.Tile - skipped, count);
            Philox.Fill(random, (ulong)(first / Philox.Tile), Stream, (uint)step, Seed);
            Round(from, random + skipped, stored, n);
            from += n;
            stored += n;
            first += n;
            count -= n;
        }
    }

    public override void EndStep(ParameterState state) => state.Set(key, ++step);

    /// <summary>Rounds by random numbers in [0, 2¹⁶).</summary>
    public static void Round(float* from, uint* random, BFloat16* stored, int count)
    {
        int i = 0;
        for (; Vector512.IsHardwareAccelerated && i <= count - Vector512<float>.Count; i += Vector512<float>.Count)
        {
            var x = Vector512.Load(from + i);
            var bits = x.AsUInt32();
            var rounded = Vector512.ConditionalSelect(Vector512.Equals(x, x).AsUInt32(), (bits + Vector512.Load(random + i)) >>> 16, (bits >>> 16) | Vector512.Create(0x40u));
            Avx512F.ConvertToVector256UInt16(rounded).Store((ushort*)stored + i);
        }
        for (; Vector.IsHardwareAccelerated && i <= count - Vector<ushort>.Count; i += Vector<ushort>.Count)
        {
            int j = i + Vector<uint>.Count;
            Vector.Store(Vector.Narrow(Upper(Vector.Load(from + i), Vector.Load(random + i)), Upper(Vector.Load(from + j), Vector.Load(random + j))), (ushort*)stored + i);
        }
        for (; i < count; i++)
        {
            uint bits = BitConverter.SingleToUInt32Bits(from[i]);
            stored[i] = BFloat16.FromBits((ushort)(float.IsNaN(from[i]) ? (bits >> 16) | 0x40 : (bits + random[i]) >> 16));
        }

        static Vector<uint> Upper(Vector<float> x, Vector<uint> random)
        {
            var bits = Vector.AsVectorUInt32(x);
            return Vector.ConditionalSelect(Vector.AsVectorUInt32(Vector.Equals(x, x)), (bits + random) >> 16, (bits >> 16) | new Vector<uint>(0x40));
        }
    }
}
