namespace OptimSharp;

/// <summary>The type of a parameter's elements.</summary>
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
}
