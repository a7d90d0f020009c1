using OptimSharp.TensorBoard.Protos;

namespace OptimSharp.TensorBoard;

// What training steps did.
public sealed partial class SummaryWriter
{
    readonly List<GroupTags> tags = [];

    /// <summary>What a step of a <see cref="TrainingStep"/> did, as scalars of one event.</summary>
    /// <remarks>
    /// <c>step/left_out</c> is 1 for a step that was left out and 0 otherwise; <c>step/gradient_norm</c> and <c>step/clip_factor</c> are there where the norm was computed, <c>step/loss_scale</c> where the loss was scaled. Of each group
    /// there is <c>learning_rate/…</c> and, with <see cref="TrainingStepOptions.Statistics"/>, <c>gradient_norm/…</c>, <c>parameter_norm/…</c>, <c>update_norm/…</c> and <c>update_ratio/…</c>, where … is <c>group_0</c> and so on, or the group's <c>group_name</c>
    /// (<see cref="ParameterGroup.Extras"/>). Without statistics the rate is what the group has now, after schedulers that the training step stepped. While micro-batches are gathered, nothing is written.
    /// </remarks>
    /// <param name="report">What the step returned.</param>
    /// <param name="optimizer">The optimizer that was stepped.</param>
    /// <param name="step">The step of the training.</param>
    /// <param name="wallTime">When it was; null: now.</param>
    /// <exception cref="ArgumentException">The report is of an optimizer with another number of groups.</exception>
    /// <inheritdoc cref="AddScalar" path="/exception[@cref!='T:System.ArgumentException']"/>
    public void AddStep(StepReport report, Optimizer optimizer, long step, DateTimeOffset? wallTime = null)
    {
        ArgumentNullException.ThrowIfNull(optimizer);
        if (report.Statistics is { } s && s.Groups.Count != optimizer.ParameterGroups.Count)
            throw new ArgumentException($"The report is of {s.Groups.Count} parameter groups, but the optimizer has {optimizer.ParameterGroups.Count}.", nameof(report));
        if (report.Outcome == StepOutcome.Gathering)
            return;
        var summary = new Summary();
        lock (gate)
        {
            ObjectDisposedException.ThrowIf(isDisposed, this);
            Put(summary, "step/left_out", report.Skipped ? 1 : 0);
            double norm = report.Statistics?.GradientNorm ?? report.Norm;
            if (!double.IsNaN(norm))
            {
                Put(summary, "step/gradient_norm", norm);
                Put(summary, "step/clip_factor", report.ClipFactor);
            }
            if (report.Scale != 1)
                Put(summary, "step/loss_scale", report.Scale);
            PutRates(summary, optimizer, report.Statistics);
            for (int i = 0; i < report.Statistics?.Groups.Count; i++)
            {
                var group = report.Statistics.Groups[i];
                Put(summary, tags[i].GradientNorm, group.GradientNorm);
                if (report.Skipped)
                    continue; // the parameters were not read
                Put(summary, tags[i].ParameterNorm, group.ParameterNorm);
                Put(summary, tags[i].UpdateNorm, group.UpdateNorm);
                Put(summary, tags[i].UpdateRatio, group.UpdateRatio);
            }
            Append(main, summary, step, wallTime);
            main.Check();
        }
    }

    /// <summary>The learning rates of an optimizer's groups, as scalars <c>learning_rate/group_0</c> and so on, or with the group's <c>group_name</c> (<see cref="ParameterGroup.Extras"/>).</summary>
    /// <param name="optimizer">The optimizer.</param>
    /// <param name="step">The step of the training.</param>
    /// <param name="wallTime">When it was; null: now.</param>
    /// <inheritdoc cref="AddScalar" path="/exception[@cref!='T:System.ArgumentException']"/>
    public void AddLearningRates(Optimizer optimizer, long step, DateTimeOffset? wallTime = null)
    {
        ArgumentNullException.ThrowIfNull(optimizer);
        var summary = new Summary();
        lock (gate)
        {
            ObjectDisposedException.ThrowIf(isDisposed, this);
            PutRates(summary, optimizer, null);
            Append(main, summary, step, wallTime);
            main.Check();
        }
    }

    void PutRates(Summary summary, Optimizer optimizer, StepStatistics? statistics)
    {
        for (int i = 0; i < optimizer.ParameterGroups.Count; i++)
        {
            var group = optimizer.ParameterGroups[i];
            string name = group.Extras.TryGetValue("group_name", out object? given) && given is string { Length: > 0 } text ? text : GroupTags.Default(i);
            if (i == tags.Count)
                tags.Add(new(name));
            else if (tags[i].Name != name)
                tags[i] = new(name);
            Put(summary, tags[i].LearningRate, statistics?.Groups[i].LearningRate ?? group.LearningRate);
        }
    }

    static void Put(Summary summary, string tag, double value) => summary.Value.Add(new SummaryValue { Tag = tag, SimpleValue = (float)value });

    /// <summary>A group's tags, made once: a step makes no text.</summary>
    sealed class GroupTags(string name)
    {
        static readonly string[] numbered = [.. Enumerable.Range(0, 64).Select(i => $"group_{i}")];

        public static string Default(int index) => index < numbered.Length ? numbered[index] : $"group_{index}";

        public string Name { get; } = name;

        public string LearningRate { get; } = $"learning_rate/{name}";

        public string GradientNorm { get; } = $"gradient_norm/{name}";

        public string ParameterNorm { get; } = $"parameter_norm/{name}";

        public string UpdateNorm { get; } = $"update_norm/{name}";

        public string UpdateRatio { get; } = $"update_ratio/{name}";
    }
}
