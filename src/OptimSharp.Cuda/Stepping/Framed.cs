using System.Numerics;
using System.Runtime.CompilerServices;
using OptimSharp.Engine;
using OptimSharp.Rules;

namespace OptimSharp.Cuda;

/// <summary>What a training step does around a rule (<see cref="StepFrame"/>), for one parameter: as lanes, so that it is recorded with the rule and is part of its kernel.</summary>
/// <param name="change">What is done to the gradient first.</param>
/// <param name="clips">Whether it is multiplied by the factor of clipping also where that is 1: so that steps which are clipped and those which are not are one kernel.</param>
/// <param name="after">What becomes of it.</param>
/// <param name="average">How the parameter enters its average; null: there is none, or it is updated apart.</param>
readonly struct RuleFrame<T>(GradientChange change, bool clips, GradientsAfter after, AverageStep? average)
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    readonly ChangedGradient<T> changed = new(change, clips);
    readonly AverageRule<T> next = new(average ?? AverageStep.Copy);

    /// <summary>Whether the parameter has an average here.</summary>
    public bool Averages => average is not null;

    /// <summary>Whether there is nothing to do.</summary>
    public bool IsNone => change.IsNone && !clips && after != GradientsAfter.Zeroed && !Averages;

    /// <summary>The gradient as the rule sees it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public L Gradient<L>(L g) where L : struct, ILane<L, T> => changed.Of(g);

    /// <summary>What is left of the gradient.</summary>
    /// <param name="g">As it came.</param>
    /// <param name="seen">As the rule saw it.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public L Left<L>(L g, L seen) where L : struct, ILane<L, T> => after switch
    {
        GradientsAfter.Zeroed => default,
        GradientsAfter.Kept => seen,
        _ => g, // nobody looks at it any more
    };

    /// <summary>The average, of the parameter as it is stored.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public L Average<L>(L old, L param) where L : struct, ILane<L, T> => next.Next(old, Stored.AsParam<L, T>(param));
}

/// <summary>A rule in its frame. The average, if there is one, is one state more.</summary>
readonly struct Framed<TRule, T, TAverages>(TRule rule, RuleFrame<T> frame) : IUpdateRule<T>, IGradientRule
    where TRule : struct, IUpdateRule<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
    where TAverages : IChoice
{
    public static int Slots => TRule.Slots + (TAverages.IsOn ? 1 : 0);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Update<L>(ref Cell<L> x) where L : struct, ILane<L, T>
    {
        L g = x.Grad, seen = x.Grad = frame.Gradient(g), average = default;
        if (TAverages.IsOn)
        {
            average = x.State(TRule.Slots);
            x.SetState(TRule.Slots, default); // the rule is not to see it
        }
        rule.Update(ref x);
        x.Grad = frame.Left(g, seen);
        if (!TAverages.IsOn)
            return;
        x.Param -= x.Step;
        x.Step = default;
        x.SetState(TRule.Slots, frame.Average(average, x.Param));
    }
}

/// <summary>The same of a rule that measures, which sees the changed gradient then, too.</summary>
struct FramedMeasuring<TRule, T, TAverages>(TRule rule, RuleFrame<T> frame) : IMeasuringRule<T>, IGradientRule
    where TRule : struct, IMeasuringRule<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
    where TAverages : IChoice
{
    TRule rule = rule;

    public static int Slots => Framed<TRule, T, TAverages>.Slots;

    public static int Sums => TRule.Sums;

    public static int MeasuredSlots => Math.Min(TRule.MeasuredSlots, TRule.Slots);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void Update<L>(ref Cell<L> x) where L : struct, ILane<L, T> => new Framed<TRule, T, TAverages>(rule, frame).Update(ref x);

    public readonly void Measure<L>(ref Cell<L> x, ref CellSums<L> sums) where L : struct, ILane<L, T>
    {
        x.Grad = frame.Gradient(x.Grad);
        rule.Measure(ref x, ref sums);
    }

    public void Take(in MeasuredSums sums) => rule.Take(sums);
}
