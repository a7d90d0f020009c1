using System.Numerics;
using System.Runtime.CompilerServices;
using OptimSharp;
using OptimSharp.Rules;

namespace Snippets; // as in a program of one's own, not below OptimSharp

/// <summary>Options of <see cref="Lamb"/>.</summary>
public sealed record LambOptions : OptimizerOptions
{
    public override double LearningRate { get; init; } = 1e-3;

    [Option("betas", AtLeast = 0, Below = 1)]
    public (double Beta1, double Beta2) Betas { get; init; } = (0.9, 0.999);

    [Option("eps", Above = 0)]
    public double Epsilon { get; init; } = 1e-6;

    [Option("weight_decay", AtLeast = 0)]
    public double WeightDecay { get; init; } = 0.01;
}

/// <summary>LAMB (You et al., "Large batch optimization for deep learning", 2020): Adam's direction, as long as the weights of its tensor.</summary>
[method: OverloadResolutionPriority(1)]
public sealed class Lamb(IEnumerable<ParameterGroup<LambOptions>> groups, LambOptions? options = null) : Optimizer<LambOptions>(groups, options)
{
    static readonly StateEntry ExpAvg = StateEntry.Tensor("exp_avg"), ExpAvgSq = StateEntry.Tensor("exp_avg_sq");
    static readonly StateEntry[] Entries = [StateEntry.Step, ExpAvg, ExpAvgSq];

    public Lamb(IEnumerable<OptimSharp.Parameter> parameters, LambOptions? options = null) : this(Group(parameters), options)
    {
    }

    protected override IReadOnlyList<StateEntry> StateEntries(OptimSharp.Parameter parameter) => Entries;

    protected override void Update<T>(GroupStep<T> group, LambOptions options)
    {
        foreach (var x in group)
        {
            long t = x.NextStep();
            double correction1 = 1 - x.Power(options.Betas.Beta1, t), correction2 = 1 - x.Power(options.Betas.Beta2, t);
            var direction = new LambDirection<T>(options, correction1, correction2);
            x.ApplyMeasured(new AsLongAsTheWeights<LambDirection<T>, T>(direction, options.LearningRate), ExpAvg, ExpAvgSq);
        }
    }
}

/// <summary>u = m̂ / (√v̂ + ε) + λθ, left as the step.</summary>
readonly struct LambDirection<T>(LambOptions o, double correction1, double correction2) : IUpdateRule<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    readonly Lerp<T> average = new(1 - o.Betas.Beta1), squares = new(1 - o.Betas.Beta2);
    readonly T scale = T.CreateChecked(Math.Sqrt(correction2) / correction1);
    readonly T eps = T.CreateChecked(o.Epsilon * Math.Sqrt(correction2));
    readonly T decay = T.CreateChecked(o.WeightDecay);

    public static int Slots => 2;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Update<L>(ref Cell<L> x) where L : struct, ILane<L, T>
    {
        x.S0 = average.Between(x.S0, x.Grad);                   // m ← m + (1 − β₁)(g − m)
        x.S1 = squares.Between(x.S1, x.Grad * x.Grad);          // v ← v + (1 − β₂)(g² − v)
        x.Step = L.Of(scale) * x.S0 / (L.Sqrt(x.S1) + L.Of(eps)) + L.Of(decay) * x.Param;
    }
}

/// <summary>A rule whose step is made as long as the weights of its tensor, times the rate: step ← η · ‖θ‖/‖step‖ · step. 1 for the ratio where a norm is 0.</summary>
struct AsLongAsTheWeights<TRule, T>(TRule rule, double learningRate) : IMeasuringRule<T>
    where TRule : struct, IUpdateRule<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    readonly TRule rule = rule;
    readonly double learningRate = learningRate;
    T scale;

    public static int Slots => TRule.Slots;

    public static int Sums => 2;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void Measure<L>(ref Cell<L> x, ref CellSums<L> sums) where L : struct, ILane<L, T>
    {
        sums.Sum0 = x.Param * x.Param;
        rule.Update(ref x);             // the cell is a copy: this is only to see the step
        sums.Sum1 = x.Step * x.Step;
    }

    public void Take(in MeasuredSums sums)
    {
        double weights = Math.Sqrt(sums[0]), step = Math.Sqrt(sums[1]);
        scale = T.CreateChecked(learningRate * (weights > 0 && step > 0 ? weights / step : 1));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void Update<L>(ref Cell<L> x) where L : struct, ILane<L, T>
    {
        rule.Update(ref x);
        x.Step *= L.Of(scale);
    }
}
