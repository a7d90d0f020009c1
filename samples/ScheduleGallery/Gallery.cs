using System.Runtime.CompilerServices;
using OptimSharp.Schedulers;

namespace OptimSharp.Samples;

/// <summary>A schedule of the gallery: what makes it, and its code.</summary>
/// <param name="Name">The class, or the call, that is shown.</param>
/// <param name="Make">Makes the scheduler for an optimizer whose rate is 0.1.</param>
/// <param name="Code">The code of <paramref name="Make"/>.</param>
public sealed record Schedule(string Name, Func<Optimizer, LRScheduler> Make, string Code)
{
    /// <summary>Rates and momenta before each step, as an optimizer has them.</summary>
    public (double[] Rates, double[] Momenta) Run(int steps)
    {
        using var optimizer = new SGD([Parameter.Of("w", new float[1])], new() { LearningRate = 0.1, Momentum = 0.9 });
        var scheduler = Make(optimizer);
        var (rates, momenta) = (new double[steps], new double[steps]);
        for (int step = 0; step < steps; step++)
        {
            rates[step] = optimizer.ParameterGroups[0].LearningRate;
            momenta[step] = optimizer.ParameterGroups[0].Options.Momentum;
            optimizer.Step();
            if (scheduler is ReduceLROnPlateau plateau)
                plateau.Step(Gallery.Loss(step));
            else
                scheduler.Step();
        }
        return (rates, momenta);
    }
}

/// <summary>Every schedule there is, with arguments for about 100 steps.</summary>
public static class Gallery
{
    public static IReadOnlyList<Schedule> Schedules { get; } =
    [
        Of("ConstantLR", o => new ConstantLR(o, factor: 0.3, totalIters: 20)),
        Of("LinearLR", o => new LinearLR(o, startFactor: 0.1, totalIters: 30)),
        Of("StepLR", o => new StepLR(o, stepSize: 25, gamma: 0.5)),
        Of("MultiStepLR", o => new MultiStepLR(o, milestones: [20, 50, 80], gamma: 0.4)),
        Of("ExponentialLR", o => new ExponentialLR(o, gamma: 0.96)),
        Of("PolynomialLR", o => new PolynomialLR(o, totalIters: 90, power: 2)),
        Of("CosineAnnealingLR", o => new CosineAnnealingLR(o, tMax: 99, etaMin: 0.001)),
        Of("CosineAnnealingWarmRestarts", o => new CosineAnnealingWarmRestarts(o, t0: 14, tMult: 2)),
        Of("LambdaLR", o => new LambdaLR(o, lrLambda: e => 1 / Math.Sqrt(1 + 0.3 * e))),
        Of("MultiplicativeLR", o => new MultiplicativeLR(o, lrLambda: e => e < 50 ? 0.99 : 0.95)),
        Of("CyclicLR", o => new CyclicLR(o, baseLr: 0.01, maxLr: 0.1, stepSizeUp: 10, stepSizeDown: 15, mode: CyclicMode.Triangular2)),
        Of("OneCycleLR", o => new OneCycleLR(o, maxLr: 0.1, totalSteps: 100)),
        Of("ReduceLROnPlateau", o => new ReduceLROnPlateau(o, factor: 0.4, patience: 6, threshold: 0.01)),
        Of("SWALR", o => new SWALR(o, swaLr: 0.03, annealEpochs: 40)),
        Of("ChainedScheduler", o => new ChainedScheduler([new LinearLR(o, 0.1, totalIters: 20), new StepLR(o, 30, gamma: 0.5)])),
        Of("SequentialLR", o => new SequentialLR(o, [new ConstantLR(o, 0.5, 99), new ExponentialLR(o, 0.97), new LinearLR(o, 0.5, 0, 29)], milestones: [15, 70])),
        Of("Warmup.Then", o => Warmup.Then(o, warmupSteps: 15, then: p => new StepLR(p, stepSize: 25, gamma: 0.4))),
        Of("Warmup.Cosine", o => Warmup.Cosine(o, warmupSteps: 15, totalSteps: 100)),
        Of("Warmup.StableDecay", o => Warmup.StableDecay(o, warmupSteps: 10, stableSteps: 60, decaySteps: 29)),
    ];

    /// <summary>A loss that falls in stages, for the scheduler that waits for the metric.</summary>
    public static double Loss(int step) => 2.0 / (1 + Math.Min(step, 25) + 0.5 * Math.Max(0, Math.Min(step, 60) - 40));

    static Schedule Of(string name, Func<Optimizer, LRScheduler> make, [CallerArgumentExpression(nameof(make))] string code = "") => new(name, make, code["o => ".Length..]);
}
