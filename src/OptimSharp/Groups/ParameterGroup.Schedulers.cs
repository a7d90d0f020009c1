namespace OptimSharp;

// What schedulers write to a group, and what of it can be taken back.
public abstract partial class ParameterGroup
{
    GroupContent? beforeSchedulers;
    bool isWrittenAsNew;
    double? scheduledRate; // the last one that a scheduler wrote

    /// <summary>Whether the rate is what a scheduler of rates wrote last, here or where the state was saved that was loaded.</summary>
    internal bool IsRateScheduled => LearningRate == scheduledRate;

    /// <summary>The rates at which loaded schedulers had left the group; null when none was loaded since the last step of one.</summary>
    internal List<double>? RatesToResume { get; set; }

    /// <summary>What the group had before new schedulers wrote to it; null when something else was written since.</summary>
    internal GroupContent? BeforeSchedulers => beforeSchedulers;

    /// <summary>Sets the rate, for a scheduler.</summary>
    internal void SetScheduledRate(double rate)
    {
        LearningRate = rate;
        scheduledRate = rate;
    }

    /// <summary>Which rate was a scheduler's is not saved: where one had begun, it is taken for its.</summary>
    void RestoreScheduledRate() => scheduledRate = InitialLearningRate is null ? null : LearningRate;

    /// <summary>
    /// Lets a new scheduler write its first rate, in a way that can be taken back for as long as nothing else changes the
    /// options: a checkpoint may be loaded before or after a scheduler is made.
    /// </summary>
    internal void WriteAsNew(Action write)
    {
        beforeSchedulers ??= new(CurrentOptions, Extras.Clone(), Numbers);
        isWrittenAsNew = true;
        try
        {
            write();
        }
        finally
        {
            isWrittenAsNew = false;
        }
    }

    /// <summary>Takes back what new schedulers wrote, if nothing else changed the options since.</summary>
    internal void TakeBack()
    {
        if (beforeSchedulers is not var (options, extras, _))
            return;
        CurrentOptions = options;
        Replace(extras, key => key.Name is { } name && GroupReader.SchedulerKeys.Contains(name)); // others are not the schedulers'
        beforeSchedulers = null;
        RestoreScheduledRate();
    }

    /// <summary>Whether nothing but new schedulers wrote the options since the first of them.</summary>
    internal bool IsAsNew => beforeSchedulers is not null;

    private protected void OptionsChanged()
    {
        if (!isWrittenAsNew)
            beforeSchedulers = null;
    }
}
