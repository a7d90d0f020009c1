namespace OptimSharp.Testing;

/// <summary>What differs between the types of a case's parameters and gradients.</summary>
internal static class CaseTypes
{
    public static bool IsComplex(this ElementType type) => type is ElementType.Complex64 or ElementType.Complex128;

    /// <summary>Cases of these types keep state in the parameter's type, as PyTorch does.</summary>
    public static bool IsHalf(this ElementType type) => type is ElementType.BFloat16 or ElementType.Float16;

    /// <summary>What PyTorch keeps numbers of the state in: its default type, which is double precision for cases of that.</summary>
    public static ElementType Number(this ElementType type) => type is ElementType.Float64 or ElementType.Complex128 ? ElementType.Float64 : ElementType.Float32;

    /// <summary>What a case's numbers stand for: it may have them with just as many digits as the type tells apart.</summary>
    public static double[] Round(this ElementType type, double[] values) => type switch
    {
        ElementType.Float32 or ElementType.Complex64 => Array.ConvertAll(values, x => (double)(float)x),
        ElementType.BFloat16 => Array.ConvertAll(values, x => (double)(float)(BFloat16)(float)x),
        ElementType.Float16 => Array.ConvertAll(values, x => (double)(Half)x),
        _ => values,
    };

    /// <summary>
    /// The distance between the numbers next to 0, which is the smallest number. None for float16, whose smallest number is as large as second moments often are.
    /// </summary>
    public static double Spacing(this ElementType type) => type switch
    {
        ElementType.Float32 or ElementType.Complex64 => float.Epsilon,
        ElementType.BFloat16 => (float)BFloat16.FromBits(1),
        ElementType.Float16 => 0,
        _ => double.Epsilon,
    };

    /// <summary>By how much of the largest magnitude in a parameter, and in a state tensor, a number may differ.</summary>
    /// <param name="type">The type.</param>
    /// <param name="optimizer">The optimizer.</param>
    /// <param name="inSingle">Whether an optimizer that makes matrices orthogonal does it in single precision.</param>
    public static (double Parameter, double State) Tolerance(this ElementType type, string optimizer, bool inSingle = false)
    {
        var (parameter, state) = type switch
        {
            ElementType.Float64 or ElementType.Complex128 => (1e-12, 1e-12),
            ElementType.BFloat16 => (1.0 / 64, 1.0 / 32),
            ElementType.Float16 => (1.0 / 512, 1.0 / 256),
            _ => (1e-5, 1e-5),
        };
        double least = optimizer is not ("Muon" or "NorMuon") ? 0 : inSingle ? 1e-4 : 2e-2; // they multiply in bfloat16, unless they are told not to
        return (Math.Max(parameter, least), Math.Max(state, least));
    }
}
