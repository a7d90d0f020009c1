namespace OptimSharp;

/// <summary>
/// How bfloat16 parameters are kept from step to step. Their 8 significant bits lose every update that is smaller than 1/512 of a number, which is what updates are late in training. Each way but
/// <see cref="Nearest"/> mends that: a rule then works with numbers in single precision, and what a model sees is bfloat16 all the same.
/// </summary>
/// <remarks>For contiguous parameters in this process's memory. Other types than bfloat16 are kept as they are; <see cref="ElementType.Float16"/>, which loses the same, is refused.</remarks>
public readonly record struct ParameterPrecision
{
    ParameterPrecision(ParameterKeeping keeping, ulong seed = 0) => (Keeping, Seed) = (keeping, seed);

    /// <summary>Rounded to the nearest number, as PyTorch does. No memory.</summary>
    public static ParameterPrecision Nearest => default;

    /// <summary>
    /// With the bfloat16 rounding error of the parameter kept beside it in bfloat16: 16 significant bits (Kahan's summation). 2 bytes a parameter. It is in the state as <c>kahan_comp</c>.
    /// </summary>
    public static ParameterPrecision Compensated => new(ParameterKeeping.Compensated);

    /// <summary>
    /// With the lower half of a single-precision number beside it: together they are the parameter in single precision, to the bit, in the memory of one. 2 bytes a parameter. It is in the state as <c>param_remainder</c>. The
    /// upper half is rounded to nearest, ties away from zero.
    /// </summary>
    public static ParameterPrecision Split => new(ParameterKeeping.Split);

    /// <summary>
    /// Rounded up or down at random, so that the mean is the exact number: an update of a tenth of the last bit moves one of ten. No memory but a count of steps, in the state as <c>rounding_step</c>.
    /// </summary>
    /// <remarks>
    /// The random bits follow from seed, step, the parameter's name (its place in the optimizer when it has none) and the element's index (Philox4x32-10; Salmon et al., <see href="https://doi.org/10.1145/2063384.2063405">Parallel random numbers: as easy as 1, 2, 3</see>): the
    /// same on any threads and processor, and after a run is resumed.
    /// </remarks>
    /// <param name="seed">The seed. Replicas of a model that are to stay equal need one seed.</param>
    public static ParameterPrecision Stochastic(ulong seed = 0) => new(ParameterKeeping.Stochastic, seed);

    /// <summary>The seed of <see cref="Stochastic"/>; 0 for the others.</summary>
    public ulong Seed { get; }

    internal ParameterKeeping Keeping { get; }

    /// <summary>Its name: <c>"Split"</c>, <c>"Stochastic(7)"</c>.</summary>
    public override string ToString() => Keeping == ParameterKeeping.Stochastic ? $"{nameof(Stochastic)}({Seed})" : Keeping.ToString();
}

/// <summary>The kinds of <see cref="ParameterPrecision"/>.</summary>
internal enum ParameterKeeping : byte
{
    Nearest,
    Stochastic,
    Compensated,
    Split,
}
