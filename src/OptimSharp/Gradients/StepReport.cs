namespace OptimSharp;

/// <summary>What a <see cref="TrainingStep"/> did.</summary>
/// <param name="Outcome">Whether parameters were changed.</param>
/// <param name="Norm">
/// The norm of all gradients, of the order asked for: unscaled, averaged over micro-batches, not yet clipped. NaN when nothing asked for it,
/// and while micro-batches are gathered.
/// </param>
/// <param name="ClipFactor">What the gradients were multiplied by to have the largest norm; 1 when that was not needed.</param>
/// <param name="Scale">The scale that the loss had; 1 without a scaler.</param>
/// <param name="NotFinite">Of a step that was left out, a parameter whose gradient has a number that is not finite. (None when it was found before, by <see cref="GradScaler.Unscale"/>.)</param>
public readonly record struct StepReport(StepOutcome Outcome, double Norm, double ClipFactor, double Scale, Parameter? NotFinite)
{
    /// <summary>What the step did, where <see cref="TrainingStepOptions.Statistics"/> asks for it; null otherwise, and while micro-batches are gathered.</summary>
    public StepStatistics? Statistics { get; init; }

    /// <summary>Whether parameters were changed: then a scheduler of your own may go on, too.</summary>
    public bool Updated => Outcome == StepOutcome.Updated;

    /// <summary>Whether the step was left out, because a gradient was not finite.</summary>
    public bool Skipped => Outcome == StepOutcome.Skipped;
}

/// <summary>Whether a step changed parameters, or why not.</summary>
public enum StepOutcome
{
    /// <summary>Parameters, state and averages were updated.</summary>
    Updated,

    /// <summary>A gradient had a number that is not finite. Nothing but the gradients (and the scaler) changed.</summary>
    Skipped,

    /// <summary>The gradients of more micro-batches are awaited. Nothing changed.</summary>
    Gathering,
}
