using OptimSharp.Schedulers;

namespace OptimSharp.Tool;

/// <summary>A schedule that is to be shown, with the optimizer that it is for.</summary>
sealed class ShownSchedule : IDisposable
{
    readonly Optimizer optimizer;
    readonly LRScheduler scheduler;
    readonly StateDict? saved;

    ShownSchedule(Optimizer optimizer, LRScheduler scheduler, string title) => (this.optimizer, this.scheduler, Title) = (optimizer, scheduler, title);

    ShownSchedule(RestoredSchedule restored, string title, StateDict saved, string? note) : this(restored.Optimizer, restored.Scheduler, title) => (this.saved, Note) = (saved, note);

    public string Title { get; }

    /// <summary>What is to be said besides.</summary>
    public string? Note { get; }

    public static ShownSchedule OfExpression(string expression, double[] rates, double momentum)
    {
        var node = ExpressionParser.Parse(expression);
        var optimizer = OptimizerOf(rates, momentum);
        return new(optimizer, new SchedulerBuilder(optimizer).Build(node), expression);
    }

    public static ShownSchedule OfFile(string path, string? place, double[]? rates, double momentum)
    {
        var all = SavedSchedule.In(OpenedCheckpoint.Open(path));
        var found = place is null ? all : [.. all.Where(s => s.Path == place)];
        var saved = found switch
        {
            [var one] => one,
            [] when place is not null && all.Count > 0 => throw new ToolException($"'{path}' has no schedule '{place}'; it has: {string.Join(", ", all.Select(s => $"'{Printable.Of(s.Path, 80)}'"))}."),
            [] => throw new ToolException($"'{path}' has no scheduler's state."),
            _ => throw new ToolException($"'{path}' has several schedules: {string.Join(", ", found.Select(s => $"'{Printable.Of(s.Path, 80)}'"))}. Name one with --path."),
        };
        var restoration = new Restoration(saved, momentum);
        var restored = restoration.Restore(rates);
        string note = $"saved at step {SavedSchedule.EpochOf(saved.State)}{(SavedSchedule.Numbers(saved.State, "_last_lr") is { } last ? $", with the rate {string.Join(", ", last.Select(ValueText.Short))}" : "")}";
        return new(restored, saved.Path.Length == 0 ? path : $"{path}, {saved.Path}", saved.State, restoration.Assumed is { } assumed ? $"{note}; {assumed}" : note);
    }

    /// <param name="steps">How many; null for what is planned.</param>
    /// <param name="usual">How many when nothing is planned.</param>
    /// <param name="group">Of which group.</param>
    /// <param name="metrics">What a plateau's scheduler is given.</param>
    public ScheduleReport Report(int? steps, int usual, int group, double[]? metrics)
    {
        if (group < 0 || group >= optimizer.ParameterGroups.Count)
            throw new ToolException($"There is no group {group}; there are {optimizer.ParameterGroups.Count}.");
        if (scheduler is ReduceLROnPlateau plateau)
            return OfPlateau(plateau, group, metrics ?? throw new ToolException("ReduceLROnPlateau goes by a metric: give a file with one number a line by --metrics."));
        if (metrics is not null)
            throw new ToolException($"--metrics is for ReduceLROnPlateau, which {scheduler.GetType().Name} is not.");
        long planned = steps ?? ScheduleReport.Of(scheduler, 1, group).PlannedSteps ?? usual;
        if (planned > ScheduleCommand.MostSteps)
            throw new ToolException($"The schedule is planned for {Sizes.Count(planned)} steps, more than the {Sizes.Count(ScheduleCommand.MostSteps)} that can be shown: give --steps.");
        return ScheduleReport.Of(scheduler, (int)Math.Max(planned, 1), group);
    }

    public void Dispose() => optimizer.Dispose();

    ScheduleReport OfPlateau(ReduceLROnPlateau plateau, int group, double[] metrics)
    {
        long epoch = saved is null ? 0 : Math.Max(0, SavedSchedule.EpochOf(saved));
        if (metrics.Length < epoch)
            throw new ToolException($"The schedule was saved after {Sizes.Count(epoch)} epochs, but --metrics has {Sizes.Count(metrics.Length)} numbers: it takes one for each, the first epoch's first.");
        var rates = new double[metrics.Length + 1];
        for (int i = 0; i < metrics.Length; i++)
        {
            rates[i] = optimizer.ParameterGroups[group].LearningRate;
            optimizer.Step();
            plateau.Step(metrics[i]);
        }
        rates[^1] = optimizer.ParameterGroups[group].LearningRate;
        if (saved is not null && SavedSchedule.Numbers(saved, "_last_lr") is { } last && group < last.Length && Math.Abs(rates[epoch] - last[group]) > 1e-6 * last[group])
            throw new ToolException($"The schedule was saved after {epoch} epochs with the rate {ValueText.Short(last[group])}, but from {ValueText.Short(rates[0])} these metrics bring it to {ValueText.Short(rates[epoch])} by then. Give the rate that it started from by --lr.");
        return ScheduleReport.Of(nameof(ReduceLROnPlateau), step => rates[step], metrics.Length);
    }

    /// <summary>One with a parameter in each group.</summary>
    public static SGD OptimizerOf(double[] rates, double momentum) =>
        new(rates.Select((rate, i) => new ParameterGroup<SGDOptions>([Parameter.Of($"w{i}", new float[1])], options => options with { LearningRate = rate, Momentum = momentum })));
}
