namespace OptimSharp;

/// <summary>The type of a tensor's elements. Optimizers change the complex ones and the floating-point ones of 16 bits and more; state dicts hold all.</summary>
/// <remarks>The half types are stored as such and computed in <see cref="Float32"/>.</remarks>
public enum ElementType
{
    /// <summary>IEEE 754 single precision (<see cref="float"/>).</summary>
    Float32,

    /// <summary>IEEE 754 double precision (<see cref="double"/>).</summary>
    Float64,

    /// <summary>IEEE 754 half precision (<see cref="Half"/>): 5 bits of exponent, 11 of significand.</summary>
    Float16,

    /// <summary>The upper half of a single (<see cref="BFloat16"/>): 8 bits of exponent, 8 of significand.</summary>
    BFloat16,

    /// <summary>A complex number of two singles (<see cref="OptimSharp.Complex64"/>): optimizers see two real numbers.</summary>
    Complex64,

    /// <summary>A complex number of two doubles (<see cref="System.Numerics.Complex"/>): optimizers see two real numbers.</summary>
    Complex128,

    /// <summary>True or false, a byte each (<see cref="bool"/>).</summary>
    Bool,

    /// <summary>Whole numbers from 0 to 255 (<see cref="byte"/>).</summary>
    UInt8,

    /// <summary>Whole numbers from −128 to 127 (<see cref="sbyte"/>).</summary>
    Int8,

    /// <summary>Whole numbers of 16 bits (<see cref="short"/>).</summary>
    Int16,

    /// <summary>Whole numbers of 32 bits (<see cref="int"/>).</summary>
    Int32,

    /// <summary>Whole numbers of 64 bits (<see cref="long"/>).</summary>
    Int64,

    /// <summary>Whole numbers ≥ 0 of 16 bits (<see cref="ushort"/>); in PyTorch since 2.3.</summary>
    UInt16,

    /// <summary>Whole numbers ≥ 0 of 32 bits (<see cref="uint"/>); in PyTorch since 2.3.</summary>
    UInt32,

    /// <summary>Whole numbers ≥ 0 of 64 bits (<see cref="ulong"/>); in PyTorch since 2.3.</summary>
    UInt64,

    /// <summary>8 bits: sign, 4 of exponent, 3 of significand; no infinity, largest 448. Stored and converted, never computed in.</summary>
    Float8E4M3FN,

    /// <summary>8 bits: sign, 5 of exponent, 2 of significand; largest 57,344. Stored and converted, never computed in.</summary>
    Float8E5M2,

    /// <summary>As <see cref="Float8E4M3FN"/> with another bias, one zero and one not-a-number; largest 240.</summary>
    Float8E4M3FNUZ,

    /// <summary>As <see cref="Float8E5M2"/> with another bias, no infinity, one zero and one not-a-number; largest 57,344.</summary>
    Float8E5M2FNUZ,

    /// <summary>8 bits of exponent alone: powers of two from 2⁻¹²⁷ to 2¹²⁷, as scales of blocks have it.</summary>
    Float8E8M0FNU,
}
