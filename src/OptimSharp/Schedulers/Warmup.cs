namespace OptimSharp.Schedulers;

/// <summary>
/// Schedules that begin with a warm-up, as most trainings do: the rates rise in a straight line, then another schedule
/// runs. Each is a <see cref="SequentialLR"/> with a <see cref="LinearLR"/> first.
/// </summary>
/// <remarks>
/// A warm-up of 0 steps is left out. The rate is full at step <c>warmupSteps</c>, where the second schedule begins.
/// </remarks>
public static class Warmup
{
    /// <summary>A warm-up, then any scheduler.</summary>
    /// <param name="optimizer">The optimizer whose groups' rates are set.</param>
    /// <param name="warmupSteps">The length of the warm-up, ≥ 0.</param>
    /// <param name="then">Makes what follows: <c>o => new StepLR(o, stepSize: 30)</c>. Its steps count from the end of the warm-up.</param>
    /// <param name="startFactor">The fraction of the rate at step 0, in (0, 1]. Default 0.01.</param>
    /// <exception cref="ArgumentException">An argument is out of range.</exception>
    public static SequentialLR Then(Optimizer optimizer, int warmupSteps, Func<Optimizer, LRScheduler> then, double startFactor = 0.01)
    {
        ArgumentNullException.ThrowIfNull(then);
        ArgumentOutOfRangeException.ThrowIfNegative(warmupSteps);
        return new(optimizer, [new LinearLR(optimizer, startFactor, totalIters: warmupSteps), then(optimizer)], [warmupSteps]);
    }

    /// <summary>A warm-up, then half a cosine down to <paramref name="etaMin"/> at the last step.</summary>
    /// <param name="optimizer">The optimizer whose groups' rates are set.</param>
    /// <param name="warmupSteps">The length of the warm-up, ≥ 0.</param>
    /// <param name="totalSteps">The number of steps of the whole training, > <paramref name="warmupSteps"/> + 1.</param>
    /// <param name="etaMin">The rate at step totalSteps − 1, ≥ 0. Default 0.</param>
    /// <param name="startFactor">The fraction of the rate at step 0, in (0, 1]. Default 0.01.</param>
    /// <exception cref="ArgumentException">An argument is out of range.</exception>
    public static SequentialLR Cosine(Optimizer optimizer, int warmupSteps, int totalSteps, double etaMin = 0, double startFactor = 0.01)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(warmupSteps);
        if (totalSteps - 1L <= warmupSteps)
            throw new ArgumentOutOfRangeException(nameof(totalSteps), totalSteps, $"totalSteps must be > warmupSteps + 1 = {warmupSteps + 1L}, but is {totalSteps}.");
        return Then(optimizer, warmupSteps, o => new CosineAnnealingLR(o, tMax: totalSteps - 1 - warmupSteps, etaMin: etaMin), startFactor);
    }

    /// <summary>Warm-up–stable–decay: a warm-up, the full rate for a long time, then a straight line down.</summary>
    /// <remarks>Hu and others, "MiniCPM", 2024: the stable part may be as long as one likes, and the decay be run from any point of it.</remarks>
    /// <param name="optimizer">The optimizer whose groups' rates are set.</param>
    /// <param name="warmupSteps">The length of the warm-up, ≥ 0.</param>
    /// <param name="stableSteps">The length of the stable part, ≥ 0.</param>
    /// <param name="decaySteps">The length of the decay, ≥ 1: the rate is lowest that many steps after the stable part, and stays.</param>
    /// <param name="endFactor">The fraction of the rate at the end, in [0, 1]. Default 0.</param>
    /// <param name="startFactor">The fraction of the rate at step 0, in (0, 1]. Default 0.01.</param>
    /// <exception cref="ArgumentException">An argument is out of range.</exception>
    public static SequentialLR StableDecay(Optimizer optimizer, int warmupSteps, int stableSteps, int decaySteps, double endFactor = 0, double startFactor = 0.01)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(warmupSteps);
        ArgumentOutOfRangeException.ThrowIfNegative(stableSteps);
        ArgumentOutOfRangeException.ThrowIfLessThan(decaySteps, 1);
        return new(optimizer,
            [
                new LinearLR(optimizer, startFactor, totalIters: warmupSteps),
                new ConstantLR(optimizer, factor: 1, totalIters: 0),
                new LinearLR(optimizer, startFactor: 1, endFactor: endFactor, totalIters: decaySteps),
            ],
            [warmupSteps, checked(warmupSteps + stableSteps)]);
    }
}
