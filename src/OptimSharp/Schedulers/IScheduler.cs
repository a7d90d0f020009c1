namespace OptimSharp.Schedulers;

/// <summary>
/// What changes an optimizer's options as training goes on: an <see cref="LRScheduler"/> its rates, an <see cref="OptionScheduler"/> any other. A <see cref="TrainingStep"/>
/// steps them (<see cref="TrainingStepOptions.Schedulers"/>), or you do, after the optimizer.
/// </summary>
public interface IScheduler : IStateful
{
    /// <summary>The optimizer whose options are set.</summary>
    Optimizer Optimizer { get; }

    /// <summary>How many steps were taken since the start.</summary>
    long LastEpoch { get; }

    /// <summary>Goes on by one. When it throws, nothing was changed.</summary>
    void Step();

    /// <summary>Lets groups that were added to the optimizer since the last step join the schedule where it is (<see cref="LRScheduler.IncludeAddedGroups"/>). What has no such schedule does nothing.</summary>
    void IncludeAddedGroups()
    {
    }
}
