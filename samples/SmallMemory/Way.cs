using static TorchSharp.torch;

namespace OptimSharp.Samples;

/// <summary>What parameters and state are kept in.</summary>
/// <param name="Name">What it is called.</param>
/// <param name="Type">The parameters' type; the network computes in it.</param>
/// <param name="Parameter">How bfloat16 parameters are kept from step to step.</param>
/// <param name="State">What the state is kept in.</param>
sealed record Way(string Name, ScalarType Type, ParameterPrecision Parameter, StatePrecision State)
{
    public static IReadOnlyList<Way> All { get; } =
    [
        new("float", ScalarType.Float32, ParameterPrecision.Nearest, StatePrecision.Compute),
        new("float, state in 8 bits", ScalarType.Float32, ParameterPrecision.Nearest, StatePrecision.Dynamic8),
        new("float, state in 4 bits", ScalarType.Float32, ParameterPrecision.Nearest, StatePrecision.Linear4),
        new("bfloat16", ScalarType.BFloat16, ParameterPrecision.Nearest, StatePrecision.Compute),
        new("bfloat16, at random", ScalarType.BFloat16, ParameterPrecision.Stochastic(), StatePrecision.Compute),
        new("bfloat16, compensated", ScalarType.BFloat16, ParameterPrecision.Compensated, StatePrecision.Compute),
        new("bfloat16, split", ScalarType.BFloat16, ParameterPrecision.Split, StatePrecision.Compute),
        new("bfloat16, split, state in 8 bits", ScalarType.BFloat16, ParameterPrecision.Split, StatePrecision.Dynamic8),
    ];
}
