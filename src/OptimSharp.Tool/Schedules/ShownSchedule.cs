using OptimSharp.Schedulers;

namespace OptimSharp.Tool;

/// <summary>A schedule that is to be shown, with the optimizer that it is for.</summary>
sealed class ShownSchedule : IDisposable
{
    readonly Optimizer optimizer;
    readonly LRScheduler scheduler;

    ShownSchedule(Optimizer optimizer, LRScheduler scheduler, string title, string? note = null) => (this.optimizer, this.scheduler, Title, Note) = (optimizer, scheduler, title, note);

    public string Title { get; }

    /// <summary>What is to be said besides.</summary>
    public string? Note { get; }

    public static ShownSchedule OfExpression(string expression, double[] rates, double momentum)
    {
        var node = ExpressionParser.Parse(expression);
        var optimizer = Optimizer(rates, momentum);
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
        double[] own = saved.BaseRates();
        if (own.Length == 0)
            throw new ToolException($"The schedule '{saved.Path}' does not say the rates that it starts from.");
        if (rates is not null)
            throw new ToolException("The checkpoint has the schedule's rates: --lr is for schedules that are written.");
        var optimizer = Optimizer(own, momentum);
        var scheduler = saved.Make(optimizer);
        return new(optimizer, scheduler, $"{path}, {saved.Path}", $"saved at step {scheduler.LastEpoch}, with the rate {string.Join(", ", scheduler.LastLearningRates.Select(ValueText.Short))}");
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
        var rates = new double[metrics.Length];
        for (int i = 0; i < metrics.Length; i++)
        {
            rates[i] = optimizer.ParameterGroups[group].LearningRate;
            optimizer.Step();
            plateau.Step(metrics[i]);
        }
        return ScheduleReport.Of(nameof(ReduceLROnPlateau), step => rates[step], rates.Length);
    }

    static SGD Optimizer(double[] rates, double momentum) =>
        new(rates.Select((rate, i) => new ParameterGroup<SGDOptions>([Parameter.Of($"w{i}", new float[1])], options => options with { LearningRate = rate, Momentum = momentum })));
}
