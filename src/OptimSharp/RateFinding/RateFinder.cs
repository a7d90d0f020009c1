using System.Runtime.ExceptionServices;

namespace OptimSharp;

/// <summary>
/// Finds out which learning rates are worth a try, by a short training in which the rate rises from far too small to far too large: the range test. Then everything is as it was before.
/// </summary>
/// <remarks>
/// <para>
/// While the rate is too small, the loss stays. In between it falls. Where the rate is too large, it rises, and the run ends. A good rate is one at which the loss falls fast, with some distance to where it rises.
/// <see cref="RateSuggestions"/> are four rules of thumb for that; look at the curve, too.
/// </para>
/// <para>Smith, "Cyclical learning rates for training neural networks", 2015 (arXiv 1506.01186). Defaults, smoothing and suggestions are fastai's.</para>
/// </remarks>
/// <example><code>
/// var curve = RateFinder.Run(optimizer, () => TrainOnNextBatch());
/// Console.WriteLine(curve);
/// optimizer.ParameterGroups[0].LearningRate = curve.Suggestions.Valley ?? 1e-3;
/// </code></example>
public static class RateFinder
{
    /// <summary>Trains with rising rates, and puts everything back.</summary>
    /// <remarks>
    /// <para>
    /// Put back, to the bit, are the parameters' values, the optimizer's state, its counts and numbers, the options and extras of its groups, and <see cref="RateFinderOptions.Restored"/>; also when a step throws. Gradients of the optimizer's parameters are dropped,
    /// before and after. What else a step changes is not: buffers of a model, random numbers, the place in the data. Of TorchSharp's models <c>FindLearningRate</c> in OptimSharp.Torch puts back these, too.
    /// </para>
    /// <para>Rates are those of the first group; the others keep their ratio to it. Memory is taken for a copy of the parameters and of the state.</para>
    /// </remarks>
    /// <param name="optimizer">The optimizer.</param>
    /// <param name="step">Trains on the next batch: computes the loss and the gradients, calls <see cref="Optimizer.Step()"/> (or that of a <see cref="TrainingStep"/>), and returns the loss before the step.</param>
    /// <param name="options">What is tried; null: the defaults.</param>
    /// <returns>The rates, and the losses at them.</returns>
    /// <exception cref="ArgumentException">An option is out of range.</exception>
    /// <exception cref="InvalidOperationException">
    /// The first loss is not finite; the optimizer is one of several ranks; averages or another point are in the parameters' place; a parameter has no memory or can't be used any more; or this is within a step. Everything is as it was.
    /// </exception>
    /// <exception cref="ObjectDisposedException">The optimizer was disposed.</exception>
    public static RateCurve Run(Optimizer optimizer, Func<double> step, RateFinderOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(optimizer);
        ArgumentNullException.ThrowIfNull(step);
        options ??= new();
        options.Check();
        using var snapshot = new TrainingSnapshot(optimizer, options.Restored);
        RateCurve? curve = null;
        Exception? failure = null;
        try
        {
            curve = Sweep(optimizer, step, options);
        }
        catch (Exception e)
        {
            failure = e;
        }
        try
        {
            snapshot.Restore();
        }
        catch (Exception e) when (failure is not null)
        {
            throw new AggregateException("A step threw, and then not everything could be put back.", failure, e);
        }
        if (failure is not null)
            ExceptionDispatchInfo.Throw(failure);
        return curve!;
    }

    /// <summary>What a curve suggests. Nothing is left out of it: leave out yourself where it begins, and where the loss has diverged. <see cref="RateCurve.Suggestions"/> does that.</summary>
    /// <returns>The suggestions; none for losses that fall nowhere by more than the rounding errors of a running average as it is by default.</returns>
    /// <param name="rates">The rates, &gt; 0, rising.</param>
    /// <param name="losses">The losses at them, smoothed, finite.</param>
    /// <exception cref="ArgumentException">There are fewer than two points, or not as many losses as rates; rates don't rise, or a number is out of range.</exception>
    public static RateSuggestions Suggest(IReadOnlyList<double> rates, IReadOnlyList<double> losses)
    {
        ArgumentNullException.ThrowIfNull(rates);
        ArgumentNullException.ThrowIfNull(losses);
        if (rates.Count != losses.Count || rates.Count < 2)
            throw new ArgumentException($"There must be as many losses as rates, at least two, but there are {losses.Count} losses and {rates.Count} rates.", nameof(losses));
        for (int i = 0; i < rates.Count; i++)
        {
            if (!(rates[i] > (i == 0 ? 0 : rates[i - 1])) || !double.IsFinite(rates[i]))
                throw new ArgumentException(FormattableString.Invariant($"Rates must be > 0 and rise, but rate {i} is {rates[i]}."), nameof(rates));
            if (!double.IsFinite(losses[i]))
                throw new ArgumentException(FormattableString.Invariant($"Losses must be finite, but loss {i} is {losses[i]}."), nameof(losses));
        }
        return RateSuggestions.Of([.. rates], [.. losses], new RateFinderOptions().Smoothing);
    }

    static RateCurve Sweep(Optimizer optimizer, Func<double> step, RateFinderOptions options)
    {
        double[] ratios = Ratios(optimizer.ParameterGroups);
        List<double> rates = [], losses = [], smoothed = [];
        double average = 0, kept = 1, lowest = double.PositiveInfinity;
        var end = RateCurveEnd.Complete;
        for (int i = 0; i < options.Steps && end == RateCurveEnd.Complete; i++)
        {
            double rate = options.RateAt(i);
            for (int g = 0; g < ratios.Length; g++)
                optimizer.ParameterGroups[g].LearningRate = rate * ratios[g];
            double loss = step();
            if (!double.IsFinite(loss))
            {
                if (i == 0)
                    throw new InvalidOperationException(FormattableString.Invariant($"The loss of the first step, at the rate {rate}, is {loss}: there is nothing to be found."));
                end = RateCurveEnd.NotFinite;
                break;
            }
            average = options.Smoothing * average + (1 - options.Smoothing) * loss;
            kept *= options.Smoothing;
            double smooth = average / (1 - kept); // the average begins at 0
            rates.Add(rate);
            losses.Add(loss);
            smoothed.Add(smooth);
            lowest = Math.Min(lowest, smooth);
            if (smooth > lowest + (options.Divergence - 1) * Math.Abs(lowest))
                end = RateCurveEnd.Diverged;
        }
        return new(rates, losses, smoothed, end, options);
    }

    /// <summary>The groups' rates by the first one's. Where that is 0, all are alike.</summary>
    static double[] Ratios(IReadOnlyList<ParameterGroup> groups)
    {
        double first = groups[0].LearningRate;
        return [.. groups.Select(group => first > 0 ? group.LearningRate / first : 1)];
    }
}
