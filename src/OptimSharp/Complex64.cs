using System.Numerics;

namespace OptimSharp;

/// <summary>
/// A complex number of two singles. A storage type: convert to <see cref="Complex"/> to compute. Its memory is that of PyTorch's
/// <c>torch.complex64</c>: real part, then imaginary part.
/// </summary>
/// <param name="Real">The real part.</param>
/// <param name="Imaginary">The imaginary part.</param>
public readonly record struct Complex64(float Real, float Imaginary)
{
    /// <summary>The same number in double precision, exactly.</summary>
    public static implicit operator Complex(Complex64 value) => new(value.Real, value.Imaginary);

    /// <summary>The nearest number: each part rounded to nearest.</summary>
    public static explicit operator Complex64(Complex value) => new((float)value.Real, (float)value.Imaginary);
}
