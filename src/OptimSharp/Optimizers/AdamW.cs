using System.Runtime.CompilerServices;
using OptimSharp.Rules;

namespace OptimSharp;

/// <summary>Options of <see cref="AdamW"/>: those of <see cref="Adam"/>, with a weight decay by default.</summary>
public sealed record AdamWOptions : AdamOptions
{
    /// <summary>The weight decay λ, ≥ 0. Default 0.01.</summary>
    public override double WeightDecay { get; init; } = 1e-2;

    /// <summary>Always true: it is what makes Adam AdamW.</summary>
    public override bool DecoupledWeightDecay { get; init; } = true;

    internal override (string, string)? CheckTogether() => DecoupledWeightDecay ? null
        : (nameof(DecoupledWeightDecay), "DecoupledWeightDecay must be true for AdamW (Adam adds the decay to the gradient), but is false");
}

/// <summary>Adam with decoupled weight decay: the weights shrink by themselves, not through the gradient.</summary>
/// <remarks>
/// <para>θ ← θ(1 − ηλ), then the step of <see cref="Adam"/> without decay.</para>
/// <para>Loshchilov and Hutter, "Decoupled weight decay regularization", 2019. Follows PyTorch 2.14: the decay is multiplied by the rate.</para>
/// </remarks>
public sealed class AdamW : Optimizer<AdamWOptions>
{
    /// <summary>For parameters that share one set of options.</summary>
    /// <exception cref="ArgumentException">No parameters, one twice, or an option out of range.</exception>
    public AdamW(IEnumerable<Parameter> parameters, AdamWOptions? options = null) : base(parameters, options)
    {
    }

    /// <summary>For groups of parameters with options of their own; what a group does not override is taken from <paramref name="options"/>.</summary>
    /// <inheritdoc cref="AdamW(IEnumerable{Parameter}, AdamWOptions)"/>
    [OverloadResolutionPriority(1)]
    public AdamW(IEnumerable<ParameterGroup<AdamWOptions>> groups, AdamWOptions? options = null) : base(groups, options)
    {
    }

    internal override IReadOnlyList<StateEntry> StateEntries(Parameter parameter) => Adam.Entries;

    private protected override void Update<T>(GroupUpdate<T> group, AdamWOptions options) => Adam.Bind(group, options);
}
