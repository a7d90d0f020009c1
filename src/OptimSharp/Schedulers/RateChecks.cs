namespace OptimSharp.Schedulers;

/// <summary>Warns of rates that a scheduler is to go on from and that are not its own: a state was not loaded, most likely.</summary>
internal static class RateChecks
{
    /// <summary>Before the first step after loading: whether each rate is what the scheduler, or one beside it, had left.</summary>
    public static void AfterLoading(LRScheduler scheduler)
    {
        foreach (var (i, group) in scheduler.Optimizer.ParameterGroups.Index())
        {
            if (group.RateKept is null && group.RatesToResume is { } expected && !expected.Any(rate => Fits(rate, group.LearningRate)))
            {
                var (number, what, set) = scheduler.Optimizer is ScheduledOption option ? (option.Source(i).Index, $"'{option.Path}' =", "Options") : (i, "the rate", "Rates");
                Warnings.Raise(scheduler, $"{scheduler.GetType().Name} goes on in parameter group {number} from {what} {group.LearningRate:R}, but had left it at {expected[^1]:R}. " +
                    $"Load the optimizer's state, too. ({set} set by hand before saving are reported as well.)");
            }
            group.RatesToResume = null;
        }
    }

    /// <summary>After it was made with lastEpoch ≥ 0: whether each rate is that of the closed form.</summary>
    public static void AfterLastEpoch(LRScheduler scheduler)
    {
        foreach (var (i, group) in scheduler.Optimizer.ParameterGroups.Index())
        {
            if (group.RateKept is null && scheduler.ClosedForm(scheduler.LastEpoch, i) is { } rate && !Fits(rate, group.LearningRate))
            {
                Warnings.Raise(scheduler, $"{scheduler.GetType().Name} goes on at epoch {scheduler.LastEpoch} in parameter group {i} from the rate {group.LearningRate:R}, but alone it would have reached {rate:R}. " +
                    "Load the optimizer's state before making the scheduler. (Rates set by hand or by other schedulers are reported as well.)");
            }
        }
    }

    static bool Fits(double expected, double actual) => Math.Abs(expected - actual) <= 1e-9 * Math.Max(Math.Abs(expected), Math.Abs(actual)) + 1e-15;
}
