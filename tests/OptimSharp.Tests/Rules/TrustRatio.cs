using System.Numerics;
using System.Runtime.CompilerServices;
using OptimSharp.Rules;

namespace OptimSharp.Tests.Rules;

/// <summary>θ ← θ − η·(‖θ‖/‖g‖)·(‖g‖/‖g of all‖)·g: sums over a tensor and over all of them, and six states that count.</summary>
sealed record TrustRatioOptions : OptimizerOptions
{
    public override double LearningRate { get; init; } = 0.5;
}

[method: OverloadResolutionPriority(1)]
sealed class TrustRatio(IEnumerable<ParameterGroup<TrustRatioOptions>> groups, TrustRatioOptions? options = null) : Optimizer<TrustRatioOptions>(groups, options)
{
    static readonly StateEntry[] Sums = [.. Enumerable.Range(0, 6).Select(i => StateEntry.Tensor($"sum{i}", initial: i))];

    public TrustRatio(IEnumerable<Parameter> parameters, TrustRatioOptions? options = null) : this(Group(parameters), options)
    {
    }

    protected override IReadOnlyList<StateEntry> StateEntries(Parameter parameter) => Sums;

    protected override void Update<T>(GroupStep<T> group, TrustRatioOptions options)
    {
        foreach (var x in group)
            x.ApplyMeasured(new TrustRatioRule<T>(options), Sums);
    }

    protected override string? Refuses(bool sparse, TrustRatioOptions options) => null;
}

struct TrustRatioRule<T>(TrustRatioOptions o) : IMeasuringRule<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    readonly double lr = o.LearningRate;
    T scale, norm;

    public static int Slots => 6;

    public static int Sums => 2;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void Measure<L>(ref Cell<L> x, ref CellSums<L> sums) where L : struct, ILane<L, T> =>
        (sums.Sum0, sums.Sum1) = (x.Param * x.Param, x.Grad * x.Grad);

    public void Take(in MeasuredSums sums)
    {
        double all = Math.Sqrt(sums.OverAll(1)), own = Math.Sqrt(sums[0]);
        scale = T.CreateChecked(all > 0 ? lr * own / all : 0);
        norm = T.CreateChecked(own);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void Update<L>(ref Cell<L> x) where L : struct, ILane<L, T>
    {
        x.Step = L.Of(scale) * x.Grad;
        x.S0 += L.Of(norm);
        x.S1 += x.Grad;
        x.S2 += x.Param;
        x.S3 += x.S2;
        x.S4 += x.Grad * x.Grad;
        x.S5 = x.S1;
    }
}
