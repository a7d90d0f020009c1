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

    /// <inheritdoc/>
    protected override (string Option, string Problem)? CheckTogether() => DecoupledWeightDecay ? null
        : (nameof(DecoupledWeightDecay), "DecoupledWeightDecay must be true for AdamW (Adam adds the decay to the gradient), but is false");
}

/// <summary>Adam with decoupled weight decay: the weights shrink by themselves, not through the gradient.</summary>
/// <remarks>
/// <para>θ ← θ(1 − ηλ), then the step of <see cref="Adam"/> without decay.</para>
/// <para>Loshchilov and Hutter, "Decoupled weight decay regularization", 2019. Follows PyTorch 2.14: the decay is multiplied by the rate.</para>
/// </remarks>
/// <param name="groups">Groups of parameters with options of their own.</param>
/// <param name="options">The options; what a group does not override is taken from them. null: the defaults.</param>
/// <exception cref="ArgumentException">No parameters, one twice, or an option out of range.</exception>
[method: OverloadResolutionPriority(1)]
public sealed class AdamW(IEnumerable<ParameterGroup<AdamWOptions>> groups, AdamWOptions? options = null) : Optimizer<AdamWOptions>(groups, options)
{
    /// <summary>For parameters that share one set of options.</summary>
    /// <inheritdoc cref="AdamW(IEnumerable{ParameterGroup{AdamWOptions}}, AdamWOptions)"/>
    public AdamW(IEnumerable<Parameter> parameters, AdamWOptions? options = null) : this(Group(parameters), options)
    {
    }

    /// <inheritdoc/>
    protected override IReadOnlyList<StateEntry> StateEntries(Parameter parameter) => Adam.Entries;

    /// <inheritdoc/>
    protected override void Update<T>(GroupStep<T> group, AdamWOptions options) => Adam.Bind(group, options);
}
