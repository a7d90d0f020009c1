namespace OptimSharp.Cuda.Tests;

/// <summary>An instruction that computes: what kinds of registers it has, and what it does to their bits.</summary>
sealed record PtxInstruction(string Result, string[] Operands, Func<ulong, ulong, ulong, ulong> Do);

/// <summary>
/// What each instruction of PTX does that kernels may have, by the manual ("Parallel Thread Execution ISA"). Arithmetic is .NET's, which rounds as
/// IEEE 754 says: as the instructions that have <c>.rn</c>, and those only.
/// </summary>
static class PtxInstructions
{
    public static readonly IReadOnlyDictionary<string, PtxInstruction> All = new Dictionary<string, PtxInstruction>
    {
        // Rounded to nearest, ties to even.
        ["add.rn.f32"] = Single((x, y) => x + y),
        ["sub.rn.f32"] = Single((x, y) => x - y),
        ["mul.rn.f32"] = Single((x, y) => x * y),
        ["div.rn.f32"] = Single((x, y) => x / y),
        ["sqrt.rn.f32"] = new("f32", ["f32"], (x, _, _) => Bits(MathF.Sqrt(Float(x)))),
        ["add.rn.f64"] = Double((x, y) => x + y),
        ["sub.rn.f64"] = Double((x, y) => x - y),
        ["mul.rn.f64"] = Double((x, y) => x * y),
        ["div.rn.f64"] = Double((x, y) => x / y),
        ["sqrt.rn.f64"] = new("f64", ["f64"], (x, _, _) => BitConverter.DoubleToUInt64Bits(Math.Sqrt(BitConverter.UInt64BitsToDouble(x)))),
        ["cvt.rn.f16.f32"] = new("b16", ["f32"], (x, _, _) => BitConverter.HalfToUInt16Bits((Half)Float(x))),

        // Exact.
        ["neg.f32"] = new("f32", ["f32"], (x, _, _) => x ^ 1u << 31),
        ["abs.f32"] = new("f32", ["f32"], (x, _, _) => x & ~(1u << 31)),
        ["neg.f64"] = new("f64", ["f64"], (x, _, _) => x ^ 1ul << 63),
        ["abs.f64"] = new("f64", ["f64"], (x, _, _) => x & ~(1ul << 63)),
        ["cvt.f64.f32"] = new("f64", ["f32"], (x, _, _) => BitConverter.DoubleToUInt64Bits(Float(x))),
        ["cvt.f32.f16"] = new("f32", ["b16"], (x, _, _) => Bits((float)BitConverter.UInt16BitsToHalf((ushort)x))),

        // Comparisons: false where one is NaN, but for nan, which is true then. selp takes the first where its last is true.
        ["setp.gt.f32"] = new("pred", ["f32", "f32"], (x, y, _) => Bit(Float(x) > Float(y))),
        ["setp.lt.f32"] = new("pred", ["f32", "f32"], (x, y, _) => Bit(Float(x) < Float(y))),
        ["setp.eq.f32"] = new("pred", ["f32", "f32"], (x, y, _) => Bit(Float(x) == Float(y))),
        ["setp.nan.f32"] = new("pred", ["f32", "f32"], (x, y, _) => Bit(float.IsNaN(Float(x)) || float.IsNaN(Float(y)))),
        ["setp.gt.f64"] = new("pred", ["f64", "f64"], (x, y, _) => Bit(BitConverter.UInt64BitsToDouble(x) > BitConverter.UInt64BitsToDouble(y))),
        ["setp.lt.f64"] = new("pred", ["f64", "f64"], (x, y, _) => Bit(BitConverter.UInt64BitsToDouble(x) < BitConverter.UInt64BitsToDouble(y))),
        ["setp.eq.f64"] = new("pred", ["f64", "f64"], (x, y, _) => Bit(BitConverter.UInt64BitsToDouble(x) == BitConverter.UInt64BitsToDouble(y))),
        ["setp.nan.f64"] = new("pred", ["f64", "f64"], (x, y, _) => Bit(double.IsNaN(BitConverter.UInt64BitsToDouble(x)) || double.IsNaN(BitConverter.UInt64BitsToDouble(y)))),
        ["setp.ge.u32"] = new("pred", ["b32", "b32"], (x, y, _) => Bit((uint)x >= (uint)y)),
        ["setp.ge.u64"] = new("pred", ["b64", "b64"], (x, y, _) => Bit(x >= y)),
        ["selp.f32"] = new("f32", ["f32", "f32", "pred"], (x, y, which) => which != 0 ? x : y),
        ["selp.f64"] = new("f64", ["f64", "f64", "pred"], (x, y, which) => which != 0 ? x : y),
        ["selp.b32"] = new("b32", ["b32", "b32", "pred"], (x, y, which) => which != 0 ? x : y),

        // Whole numbers and bits.
        ["add.u32"] = new("b32", ["b32", "b32"], (x, y, _) => (uint)(x + y)),
        ["add.u64"] = new("b64", ["b64", "b64"], (x, y, _) => x + y),
        ["min.u64"] = new("b64", ["b64", "b64"], (x, y, _) => Math.Min(x, y)),
        ["mul.lo.u32"] = new("b32", ["b32", "b32"], (x, y, _) => (uint)x * (uint)y),
        ["mul.wide.u32"] = new("b64", ["b32", "b32"], (x, y, _) => (ulong)(uint)x * (uint)y),
        ["shl.b32"] = new("b32", ["b32", "b32"], (x, by, _) => (uint)x << (int)by),
        ["shl.b64"] = new("b64", ["b64", "b32"], (x, by, _) => x << (int)by),
        ["shr.u32"] = new("b32", ["b32", "b32"], (x, by, _) => (uint)x >> (int)by),
        ["and.b32"] = new("b32", ["b32", "b32"], (x, y, _) => x & y),
        ["or.b32"] = new("b32", ["b32", "b32"], (x, y, _) => x | y),
        ["and.b64"] = new("b64", ["b64", "b64"], (x, y, _) => x & y),
        ["or.b64"] = new("b64", ["b64", "b64"], (x, y, _) => x | y),
        ["cvt.u64.u32"] = new("b64", ["b32"], (x, _, _) => (uint)x),
        ["cvt.u32.u16"] = new("b32", ["b16"], (x, _, _) => (ushort)x),
        ["cvt.u16.u32"] = new("b16", ["b32"], (x, _, _) => (ushort)x),
        ["mov.u32"] = new("b32", ["b32"], (x, _, _) => x),
        ["mov.u64"] = new("b64", ["b64"], (x, _, _) => x),
        ["mov.f32"] = new("f32", ["f32"], (x, _, _) => x),
        ["mov.f64"] = new("f64", ["f64"], (x, _, _) => x),
        ["mov.b32"] = new("b32|f32", ["b32|f32"], (x, _, _) => x), // between the two
        ["mov.b64"] = new("b64|f64", ["b64|f64"], (x, _, _) => x),
    };

    /// <summary>Loads and stores: the kinds of registers, and the bytes.</summary>
    public static readonly IReadOnlyDictionary<string, (string Kind, int Bytes)> Memory = new Dictionary<string, (string, int)>
    {
        ["f32"] = ("f32", 4),
        ["f64"] = ("f64", 8),
        ["b16"] = ("b16", 2),
        ["u16"] = ("b16", 2),
        ["u32"] = ("b32", 4),
        ["u64"] = ("b64", 8),
    };

    static PtxInstruction Single(Func<float, float, float> compute) => new("f32", ["f32", "f32"], (x, y, _) => Bits(compute(Float(x), Float(y))));

    static PtxInstruction Double(Func<double, double, double> compute) =>
        new("f64", ["f64", "f64"], (x, y, _) => BitConverter.DoubleToUInt64Bits(compute(BitConverter.UInt64BitsToDouble(x), BitConverter.UInt64BitsToDouble(y))));

    static float Float(ulong bits) => BitConverter.UInt32BitsToSingle((uint)bits);

    static ulong Bits(float x) => BitConverter.SingleToUInt32Bits(x);

    static ulong Bit(bool x) => x ? 1ul : 0;
}
