namespace OptimSharp.Schedulers;

/// <summary>Something in a schedule that is likely a mistake.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Step">The step it is at.</param>
/// <param name="Message">What it is, in a sentence.</param>
public sealed record ScheduleFinding(ScheduleFindingKind Kind, long Step, string Message);

/// <summary>What <see cref="ScheduleReport"/> looks for.</summary>
public enum ScheduleFindingKind
{
    /// <summary>The rate is 0 at the first step.</summary>
    ZeroAtStart,

    /// <summary>The rate is 0 for all steps, or from one on to the end.</summary>
    ZeroRate,

    /// <summary>Where one schedule follows another, the rate changes by more than a tenth of the highest.</summary>
    Jump,

    /// <summary>The training is longer than the schedule.</summary>
    LongerThanPlanned,

    /// <summary>The training ends before the schedule does.</summary>
    ShorterThanPlanned,

    /// <summary>The lowest rate that was asked for does not come.</summary>
    MinimumNotReached,
}
