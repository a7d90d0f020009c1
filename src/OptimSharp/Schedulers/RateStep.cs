namespace OptimSharp.Schedulers;

/// <summary>What a scheduler needs to know to set one group's rate.</summary>
/// <param name="Epoch">The number of the epoch, 0 first.</param>
/// <param name="Group">The group's place (<see cref="GroupPlaces"/>).</param>
/// <param name="Current">The rate the group has.</param>
/// <param name="Base">The rate that the schedule starts from.</param>
internal readonly record struct RateStep(long Epoch, int Group, double Current, double Base);

/// <summary>An epoch, and how a scheduler comes to it.</summary>
internal readonly record struct Moment(long Epoch, StepKind Kind);

/// <summary>How a scheduler comes to an epoch.</summary>
internal enum StepKind
{
    /// <summary>By a step from the epoch before.</summary>
    Next,

    /// <summary>It was made: epoch 0, from the rate that there is.</summary>
    First,

    /// <summary>A composite that was made begins with it: epoch 0, from the base rate.</summary>
    Begin,

    /// <summary>A sequence has come to it: epoch 0, from the base rate where there is a closed form, else from the rate that there is.</summary>
    Restart,

    /// <summary>It was made to go on in an optimizer whose rates were restored.</summary>
    Resume,
}
