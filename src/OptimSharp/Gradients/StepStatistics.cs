using System.Globalization;
using System.Text;
using OptimSharp.Engine;

namespace OptimSharp;

/// <summary>What one step of a <see cref="TrainingStep"/> did, in numbers: <see cref="StepReport.Statistics"/>, where <see cref="TrainingStepOptions.Statistics"/> asks for it.</summary>
/// <remarks>
/// <para>
/// All norms are 2-norms, computed in double precision in one order: the same bits for any number of threads. Norms of gradients are those of the gradients unscaled and averaged over
/// micro-batches, before they are clipped; of a sparse gradient each row counts once. Norms of parameters and updates are over the parameters that had a gradient in the step (of
/// <see cref="LBFGS"/>, which moves them all, over all): θ is what they were before the step, and Δθ is how far they moved, as they are stored: with decay, and rounded.
/// </para>
/// <para>
/// Of a step that was left out, θ was not read: its norm is NaN, and Δθ is 0.
/// </para>
/// </remarks>
public sealed class StepStatistics
{
    readonly GroupStatistics[] groups;

    internal StepStatistics(in StepReport report, StepMeasures measures, long taken, long clipped, long skipped)
    {
        (Outcome, ClipFactor, GradientNorm) = (report.Outcome, report.ClipFactor, measures.GradientNorm);
        (StepsTaken, StepsClipped, StepsSkipped) = (taken, clipped, skipped);
        groups = new GroupStatistics[measures.GroupCount];
        for (int i = 0; i < groups.Length; i++)
            groups[i] = measures.OfGroup(i);
    }

    /// <summary>Whether the step was taken or left out.</summary>
    public StepOutcome Outcome { get; }

    /// <summary>Whether the step was left out, because a gradient was not finite.</summary>
    public bool Skipped => Outcome == StepOutcome.Skipped;

    /// <summary>Whether gradients were multiplied by a factor to have the largest norm. Clipping by value does not count.</summary>
    public bool Clipped => ClipFactor != 1;

    /// <summary>That factor; 1 when none was needed.</summary>
    public double ClipFactor { get; }

    /// <summary>The norm of all gradients.</summary>
    public double GradientNorm { get; }

    /// <summary>The groups, in the optimizer's order.</summary>
    public IReadOnlyList<GroupStatistics> Groups => groups;

    /// <summary>How many steps were taken since the <see cref="TrainingStep"/> was made, with this one.</summary>
    public long StepsTaken { get; }

    /// <summary>How many of those were clipped by norm.</summary>
    public long StepsClipped { get; }

    /// <summary>How many more were left out.</summary>
    public long StepsSkipped { get; }

    /// <summary>One line for the step, and one for each group.</summary>
    public override string ToString()
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"{(Skipped ? "left out" : $"step {StepsTaken}")}: gradient {GradientNorm:G4}");
        if (Clipped)
            text.Append(CultureInfo.InvariantCulture, $", clipped by {ClipFactor:G4}");
        text.Append(CultureInfo.InvariantCulture, $"; in all {StepsTaken} taken, {StepsClipped} clipped, {StepsSkipped} left out");
        foreach (var (i, group) in groups.Index())
            text.Append(CultureInfo.InvariantCulture, $"\n  group {i}: {group}");
        return text.ToString();
    }
}

/// <summary>What one step did to one group of parameters. What the norms are of is told at <see cref="StepStatistics"/>.</summary>
/// <param name="LearningRate">The rate that the step was taken with.</param>
/// <param name="GradientNorm">The norm of the group's gradients.</param>
/// <param name="ParameterNorm">‖θ‖, of its parameters before the step; NaN when the step was left out.</param>
/// <param name="UpdateNorm">‖Δθ‖, of what the step changed them by.</param>
/// <param name="ParameterBytes">The memory of all its parameters.</param>
/// <param name="GradientBytes">The memory of the gradients that the step was given; of sparse ones with their indices.</param>
/// <param name="StateBytes">The memory of the state tensors that the optimizer has for them after the step.</param>
public readonly record struct GroupStatistics(double LearningRate, double GradientNorm, double ParameterNorm, double UpdateNorm, long ParameterBytes, long GradientBytes, long StateBytes)
{
    /// <summary>‖Δθ‖/‖θ‖; 0 when nothing moved, infinite when all were zeros and moved.</summary>
    public double UpdateRatio => UpdateNorm == 0 ? 0 : UpdateNorm / ParameterNorm;

    /// <summary>The numbers in one line.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"rate {LearningRate:G4}, gradient {GradientNorm:G4}, weights {ParameterNorm:G4}, update {UpdateNorm:G4} (ratio {UpdateRatio:G3}); memory {Bytes(ParameterBytes)} weights, {Bytes(GradientBytes)} gradients, {Bytes(StateBytes)} state");

    static string Bytes(long bytes) => bytes < 1 << 10 ? $"{bytes} B"
        : bytes < 1 << 20 ? string.Create(CultureInfo.InvariantCulture, $"{bytes / 1024.0:0.#} KiB")
        : bytes < 1 << 30 ? string.Create(CultureInfo.InvariantCulture, $"{bytes / 1048576.0:0.#} MiB")
        : string.Create(CultureInfo.InvariantCulture, $"{bytes / 1073741824.0:0.##} GiB");
}
