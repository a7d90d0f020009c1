namespace OptimSharp.Schedulers;

/// <summary>What the schedulers made of schedulers have in common.</summary>
internal static class Composite
{
    /// <summary>The schedulers, if they can be put together.</summary>
    public static LRScheduler[] Check(IEnumerable<LRScheduler> schedulers, Optimizer? optimizer)
    {
        ArgumentNullException.ThrowIfNull(schedulers);
        LRScheduler[] all = [.. schedulers];
        if (all.Length == 0)
            throw new ArgumentException("There must be at least one scheduler.", nameof(schedulers));
        for (int i = 0; i < all.Length; i++)
        {
            var scheduler = all[i] ?? throw new ArgumentNullException(nameof(schedulers), $"Scheduler {i} is null.");
            if (scheduler is ReduceLROnPlateau)
                throw new ArgumentException($"Scheduler {i} is a ReduceLROnPlateau, which needs a metric for each step: step it on its own, beside the others.", nameof(schedulers));
            if (scheduler.Optimizer != (optimizer ?? all[0].Optimizer))
                throw new ArgumentException($"Scheduler {i}, {scheduler.GetType().Name}, is of another optimizer; all must be of one.", nameof(schedulers));
            if (Array.IndexOf(all, scheduler) != i)
                throw new ArgumentException($"Scheduler {i} is the same as scheduler {Array.IndexOf(all, scheduler)}; make one for each place.", nameof(schedulers));
        }
        return all;
    }
}
