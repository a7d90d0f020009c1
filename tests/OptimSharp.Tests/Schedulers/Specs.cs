using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using CsCheck;
using OptimSharp.Schedulers;

namespace OptimSharp.Tests.Schedulers;

/// <summary>A scheduler to be made, any number of times, on any optimizer.</summary>
abstract record Spec
{
    public abstract LRScheduler Make(Optimizer optimizer);
}

sealed record Leaf(string Name, Func<Optimizer, LRScheduler> Maker, bool IsFactor = false) : Spec
{
    public override LRScheduler Make(Optimizer optimizer) => Maker(optimizer);

    public override string ToString() => Name;
}

sealed record Chain(Spec[] Parts) : Spec
{
    public override LRScheduler Make(Optimizer optimizer) => new ChainedScheduler(Parts.Select(p => p.Make(optimizer)));

    public override string ToString() => $"Chain[{string.Join<Spec>(", ", Parts)}]";
}

sealed record Sequence(Spec[] Parts, int[] Milestones) : Spec
{
    public override LRScheduler Make(Optimizer optimizer) => new SequentialLR(optimizer, Parts.Select(p => p.Make(optimizer)), Milestones);

    public override string ToString() => $"Sequence[{string.Join<Spec>(", ", Parts)}]@{string.Join(",", Milestones)}";
}

/// <summary>Random schedulers.</summary>
static class Specs
{
    /// <summary>One of each that can be stepped by the epoch alone, with ordinary arguments.</summary>
    public static readonly Leaf[] All =
    [
        new("LambdaLR", o => new LambdaLR(o, e => Math.Pow(0.95, e))),
        new("MultiplicativeLR", o => new MultiplicativeLR(o, _ => 0.95), IsFactor: true),
        new("StepLR", o => new StepLR(o, stepSize: 3, gamma: 0.5), IsFactor: true),
        new("MultiStepLR", o => new MultiStepLR(o, [2, 5, 5, 9], gamma: 0.5), IsFactor: true),
        new("ConstantLR", o => new ConstantLR(o, factor: 0.3, totalIters: 6), IsFactor: true),
        new("LinearLR", o => new LinearLR(o, startFactor: 0.2, endFactor: 0.9, totalIters: 7), IsFactor: true),
        new("ExponentialLR", o => new ExponentialLR(o, gamma: 0.9), IsFactor: true),
        new("PolynomialLR", o => new PolynomialLR(o, totalIters: 12, power: 1.5), IsFactor: true),
        new("CosineAnnealingLR", o => new CosineAnnealingLR(o, tMax: 8, etaMin: 0.01)),
        new("CyclicLR", o => new CyclicLR(o, baseLr: 0.01, maxLr: [0.1, 0.2], stepSizeUp: 3, stepSizeDown: 5, mode: CyclicMode.ExpRange, gamma: 0.97)),
        new("OneCycleLR", o => new OneCycleLR(o, maxLr: [0.3, 0.6], totalSteps: 25)),
        new("CosineAnnealingWarmRestarts", o => new CosineAnnealingWarmRestarts(o, t0: 3, tMult: 2, etaMin: 0.01)),
        new("SWALR", o => new SWALR(o, swaLr: 0.05, annealEpochs: 6)),
        new("ChainedScheduler", o => new ChainedScheduler([new ConstantLR(o, 0.5, 3), new ExponentialLR(o, 0.9)])),
        new("SequentialLR", o => new SequentialLR(o, [new LinearLR(o, 0.1, totalIters: 4), new CosineAnnealingLR(o, 4, 0.01), new ExponentialLR(o, 0.5)], [4, 8])),
    ];

    static readonly Gen<double> factor = Gen.Double[0, 1], rate = Gen.Double[0, 1];

    /// <summary>Schedulers that only multiply.</summary>
    public static readonly Gen<Spec> Factor = Gen.OneOf(
        Gen.Select(Gen.Int[1, 9], Gen.Double[0.1, 1.1], (n, g) => Leaf($"Step({n},{g})", o => new StepLR(o, n, g))),
        Gen.Select(Gen.Int[0, 20].Array[0, 4], Gen.Double[0.1, 1.1], (m, g) => Leaf($"MultiStep([{string.Join(",", m)}],{g})", o => new MultiStepLR(o, m, g))),
        Gen.Select(Gen.Double[0.01, 1], Gen.Int[0, 20], (f, n) => Leaf($"Constant({f},{n})", o => new ConstantLR(o, f, n))),
        Gen.Select(Gen.Double[0.01, 1], factor, Gen.Int[0, 20], (a, b, n) => Leaf($"Linear({a},{b},{n})", o => new LinearLR(o, a, b, n))),
        Gen.Double[0.5, 1.1].Select(g => Leaf($"Exponential({g})", o => new ExponentialLR(o, g))),
        Gen.Select(Gen.Int[0, 25], Gen.Double[0, 3], (n, p) => Leaf($"Polynomial({n},{p})", o => new PolynomialLR(o, n, p))));

    /// <summary>Schedulers that leave the groups' other options and their base rates alone.</summary>
    public static readonly Gen<Spec> Plain = Gen.Frequency(
        (3, Factor),
        (1, Gen.OneOf(
            Gen.Double[0.5, 1.1].Select(g => Leaf($"Lambda({g})", o => new LambdaLR(o, e => Math.Pow(g, e)))),
            Gen.Double[0.5, 1.1].Select(g => Leaf($"Multiplicative({g})", o => new MultiplicativeLR(o, _ => g), isFactor: false)),
            Gen.Select(Gen.Int[1, 20], rate, (n, m) => Leaf($"Cosine({n},{m})", o => new CosineAnnealingLR(o, n, m))),
            Gen.Select(Gen.Int[1, 9], Gen.Int[1, 3], rate, (n, k, m) => Leaf($"Restarts({n},{k},{m})", o => new CosineAnnealingWarmRestarts(o, n, k, m))),
            Gen.Select(rate, Gen.Int[0, 9], Gen.Bool, (r, n, c) => Leaf($"Swa({r},{n},{c})", o => new SWALR(o, r, n, c ? AnnealStrategy.Cos : AnnealStrategy.Linear))))));

    /// <summary>Any scheduler of schedules that is no composite.</summary>
    public static readonly Gen<Spec> Single = Gen.Frequency(
        (5, Plain),
        (1, Gen.OneOf(
            Gen.Select(rate, rate, Gen.Int[1, 7], Gen.Int[0, 7], Gen.Int[0, 2], (a, b, up, down, mode) =>
                Leaf($"Cyclic({a},{b},{up},{down},{mode})", o => new CyclicLR(o, a, b, up, down, (CyclicMode)mode, gamma: 0.9))),
            Gen.Select(rate, Gen.Int[1, 30], factor, Gen.Bool, Gen.Bool, (m, n, p, three, c) =>
                Leaf($"OneCycle({m},{n},{p},{three},{c})", o => new OneCycleLR(o, m, n, pctStart: p, threePhase: three, annealStrategy: c ? AnnealStrategy.Cos : AnnealStrategy.Linear))))));

    /// <summary>Schedulers nested to a depth.</summary>
    public static Gen<Spec> Nested(int depth, Gen<Spec> leaf) => depth == 0 ? leaf : Gen.Frequency(
        (1, leaf),
        (2, Nested(depth - 1, leaf).Array[1, 3].Select(parts => (Spec)new Chain(parts))),
        (2, Sequences(Nested(depth - 1, leaf))));

    /// <summary>Sequences of sequences, to a depth.</summary>
    public static Gen<Spec> Sequences(int depth, Gen<Spec> leaf) => depth == 0 ? leaf : Gen.Frequency(
        (1, leaf),
        (3, Sequences(Sequences(depth - 1, leaf))));

    static Gen<Spec> Sequences(Gen<Spec> part) => part.Array[1, 3].SelectMany(parts =>
        Gen.Int[0, 12].Array[parts.Length - 1].Select(ends => (Spec)new Sequence(parts, [.. ends.Order()])));

    [SuppressMessage("Performance", "CA1859", Justification = "Generators of one type are what they are mixed from.")]
    static Spec Leaf(FormattableString name, Func<Optimizer, LRScheduler> maker, bool isFactor = true) => new Leaf(name.ToString(CultureInfo.InvariantCulture), maker, isFactor);
}
