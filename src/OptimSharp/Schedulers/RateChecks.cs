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
                Warnings.Raise(scheduler, $"{scheduler.Title} goes on in parameter group {number} from {what} {group.LearningRate:R}, but had left it at {expected[^1]:R}. " +
                    $"{(scheduler.Sources[i].IsLoaded ? "The optimizer's state that was loaded is not of the same moment." : "Load the optimizer's state, too.")} ({set} set by hand before saving are reported as well.)");
            }
            group.RatesToResume = null;
        }
    }

    /// <summary>After it was made with lastEpoch ≥ 0: whether each rate is that of the closed form.</summary>
    public static void AfterLastEpoch(LRScheduler scheduler)
    {
        foreach (var (i, group) in scheduler.Optimizer.ParameterGroups.Index())
        {
            if (group.RateKept is null && scheduler.ClosedForm(scheduler.LastEpoch, scheduler.PlaceOf(i)) is { } rate && !Fits(rate, group.LearningRate))
            {
                Warnings.Raise(scheduler, $"{scheduler.Title} goes on at epoch {scheduler.LastEpoch} in parameter group {i} from the rate {group.LearningRate:R}, but alone it would have reached {rate:R}. " +
                    "Load the optimizer's state before making the scheduler. (Rates set by hand or by other schedulers are reported as well.)");
            }
        }
    }

    /// <summary>After a step that took in a group that rules had added: whether it is where the schedule is.</summary>
    /// <param name="scheduler">The scheduler, after its step.</param>
    /// <param name="number">The group's number.</param>
    /// <param name="before">The rate that it had before.</param>
    public static void AfterAdding(LRScheduler scheduler, int number, double before)
    {
        int place = scheduler.PlaceOf(number);
        double rate = scheduler.Optimizer.ParameterGroups[number].LearningRate;
        if (before == scheduler.BaseRate(place) && scheduler.ClosedForm(scheduler.LastEpoch, place) is { } planned && !Fits(planned, rate))
        {
            Warnings.Raise(scheduler, $"{scheduler.Title} goes on in parameter group {scheduler.Shown(number)}, which was added at {before:R}, with {rate:R}, but would have it at {planned:R} by now. "
                + $"Call {nameof(LRScheduler.IncludeAddedGroups)}() after AddParameterGroups, so that it joins the schedule.");
        }
    }

    static bool Fits(double expected, double actual) => Math.Abs(expected - actual) <= 1e-9 * Math.Max(Math.Abs(expected), Math.Abs(actual)) + 1e-15;
}
