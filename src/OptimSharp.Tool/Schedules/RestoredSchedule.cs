using OptimSharp.Schedulers;

namespace OptimSharp.Tool;

/// <summary>A scheduler made of its state, on an optimizer of groups without numbers.</summary>
sealed class RestoredSchedule : IDisposable
{
    /// <summary>Options that schedulers put into groups.</summary>
    static readonly string[] kept = ["initial_lr", "max_lr", "min_lr", "swa_lr", "base_momentum", "max_momentum"];

    readonly StateDict state;
    IReadOnlyList<double>[] traced = []; // of each group, as far as was asked for

    /// <param name="name">What messages call it.</param>
    /// <param name="state">The scheduler's state.</param>
    /// <param name="start">The rates that it starts from, one a group.</param>
    /// <param name="groups">Groups with what the scheduler put there; none where they are not known.</param>
    /// <param name="momentum">The optimizer's momentum.</param>
    public RestoredSchedule(string name, StateDict state, double[] start, IReadOnlyList<StateDict> groups, double momentum)
    {
        this.state = StartRates.Replace(state, start);
        Optimizer = ShownSchedule.OptimizerOf(start, momentum);
        try
        {
            foreach (var (group, saved) in Optimizer.ParameterGroups.Zip(groups))
            {
                foreach (string key in kept)
                {
                    if (saved.TryGetValue(key, out object? value) && value is double or long)
                        group.Extras[key] = value;
                }
            }
            Scheduler = SchedulerOfState.Make(Optimizer, state, name);
            var withoutNames = this.state.Clone();
            withoutNames.Remove("param_names"); // those of parameters that are not here
            Scheduler.LoadStateDict(withoutNames, new() { ByPosition = true });
        }
        catch
        {
            Optimizer.Dispose();
            throw;
        }
    }

    public Optimizer Optimizer { get; }

    public LRScheduler Scheduler { get; }

    /// <summary>The rates at a step, one a group.</summary>
    /// <exception cref="ToolException">There are too many before it.</exception>
    public double[] At(long step)
    {
        if (step >= ScheduleCommand.MostSteps)
            throw new ToolException($"The schedule was saved at step {Sizes.Count(step)}, and {Sizes.Count(ScheduleCommand.MostSteps)} are the most that can be shown.");
        if (traced.Length == 0 || traced[0].Count <= step)
            traced = [.. Enumerable.Range(0, Optimizer.ParameterGroups.Count).Select(group => ScheduleReport.Of(Scheduler, (int)step + 1, group).Rates)];
        return [.. traced.Select(rates => rates[(int)step])];
    }

    /// <summary>Where the state says that the rate was another than it is here; null when nowhere.</summary>
    public Contradiction? Contradiction() => Contradiction(state, 0);

    public void Dispose() => Optimizer.Dispose();

    /// <param name="state">The state, or that of a part of a sequence.</param>
    /// <param name="from">The step at which it begins.</param>
    Contradiction? Contradiction(StateDict state, long from)
    {
        long epoch = SavedSchedule.EpochOf(state);
        if (epoch < 0 || SavedSchedule.Numbers(state, "_last_lr") is not { } said)
            return null;
        long step = checked(from + epoch);
        double[] here = At(step);
        foreach (var (a, b) in here.Zip(said))
        {
            if (!(Math.Abs(a - b) <= 1e-6 * Math.Max(Math.Abs(b), here.Max()))) // PyTorch's steps round each a little
                return new(step, b, a);
        }
        if (!state.ContainsKey("_milestones"))
            return null;
        double[] milestones = state.GetDoubles("_milestones");
        foreach (var (i, part) in SavedSchedule.PartsOf(state).Index())
        {
            // Before its turn a part's rate is what it was when it was made.
            if (SavedSchedule.EpochOf(part) >= 1 && Contradiction(part, from + (i == 0 ? 0 : (long)milestones[i - 1])) is { } found)
                return found;
        }
        return null;
    }
}

/// <summary>A step at which a schedule has another rate than its state says.</summary>
readonly record struct Contradiction(long Step, double Said, double Here);
