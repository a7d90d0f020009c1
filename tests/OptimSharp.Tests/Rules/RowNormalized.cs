using System.Numerics;
using System.Runtime.CompilerServices;
using OptimSharp.Rules;

namespace OptimSharp.Tests.Rules;

/// <summary>m ← m/2 + g, θ ← θ − ηm/(1 + ‖g‖), the norm of each row: sums by row, and a state.</summary>
sealed record RowNormalizedOptions : OptimizerOptions
{
    public override double LearningRate { get; init; } = 0.5;

    /// <summary>The rule is a plain one, whose gradient is centralized.</summary>
    [Option("centralizes")]
    public bool Centralizes { get; init; }

    [Option("asks_for_all")]
    public bool AsksForAll { get; init; }
}

[method: OverloadResolutionPriority(1)]
sealed class RowNormalized(IEnumerable<ParameterGroup<RowNormalizedOptions>> groups, RowNormalizedOptions? options = null) : Optimizer<RowNormalizedOptions>(groups, options)
{
    static readonly StateEntry Momentum = StateEntry.Tensor("momentum");
    static readonly StateEntry[] Entries = [Momentum];

    public RowNormalized(IEnumerable<Parameter> parameters, RowNormalizedOptions? options = null) : this(Group(parameters), options)
    {
    }

    protected override IReadOnlyList<StateEntry> StateEntries(Parameter parameter) => Entries;

    protected override void Update<T>(GroupStep<T> group, RowNormalizedOptions options)
    {
        foreach (var x in group)
        {
            var rule = new RowNormalizedRule<T>(options);
            if (options.Centralizes)
                x.ApplyByRow(new CentralizedGradient<WithoutSums<RowNormalizedRule<T>, T>, T>(new(rule)), Momentum);
            else
                x.ApplyByRow(rule, Momentum);
        }
    }

    protected override string? Refuses(bool sparse, RowNormalizedOptions options) => null;
}

struct RowNormalizedRule<T>(RowNormalizedOptions o) : IMeasuringRule<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    readonly bool asksForAll = o.AsksForAll;
    readonly double lr = o.LearningRate;
    T scale = T.CreateChecked(o.LearningRate);

    public static int Slots => 1;

    public static int Sums => 2;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void Measure<L>(ref Cell<L> x, ref CellSums<L> sums) where L : struct, ILane<L, T> =>
        (sums.Sum0, sums.Sum1) = (L.Of(T.One), x.Grad * x.Grad);

    public void Take(in MeasuredSums sums)
    {
        if (sums[0] != 0 && sums[0] != sums.Count || asksForAll && sums.OverAll(0) >= 0)
            throw new InvalidOperationException("A row has other numbers than were measured.");
        scale = T.CreateChecked(lr / (1 + Math.Sqrt(sums[1])));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void Update<L>(ref Cell<L> x) where L : struct, ILane<L, T>
    {
        x.S0 = x.S0 * L.Of(T.CreateChecked(0.5)) + x.Grad;
        x.Step = L.Of(scale) * x.S0;
    }
}
