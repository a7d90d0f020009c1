using OptimSharp.Schedulers;

namespace OptimSharp.Tool;

/// <summary>
/// A schedule that a checkpoint has. A scheduler's state does not say its class: its keys do. With PyTorch's keys all but functions of one's own is in it.
/// </summary>
/// <param name="Path">Where it is in the file.</param>
/// <param name="State">The scheduler's state.</param>
/// <param name="Groups">The optimizer's groups beside it, whose rates some schedulers keep there; empty where there are none.</param>
sealed record SavedSchedule(string Path, StateDict State, IReadOnlyList<StateDict> Groups)
{
    /// <summary>Options that schedulers put into groups.</summary>
    static readonly string[] kept = ["initial_lr", "max_lr", "min_lr", "swa_lr", "base_momentum", "max_momentum"];

    /// <summary>All in a file.</summary>
    public static IReadOnlyList<SavedSchedule> In(OpenedCheckpoint file)
    {
        var (schedules, groups) = (new List<(string, StateDict)>(), new List<StateDict[]>());
        Look(file.Value, "", 0, schedules, groups);
        return [.. schedules.Select((s, i) => new SavedSchedule(s.Item1, s.Item2, groups.ElementAtOrDefault(groups.Count == schedules.Count ? i : 0) ?? []))];
    }

    /// <summary>The rates that the schedule starts from, one a parameter group.</summary>
    public double[] BaseRates()
    {
        if (Numbers(State, "base_lrs") is { } rates && !State.ContainsKey("max_lrs")) // CyclicLR's are its lowest
            return rates;
        if (State.TryGetValue("_schedulers", out object? list) && list is IReadOnlyList<object?> { Count: > 0 } parts && parts[0] is StateDict first)
            return (this with { State = first }).BaseRates();
        return Groups.Count > 0 && Groups.All(group => group.ContainsKey("initial_lr")) ? [.. Groups.Select(group => group.GetDouble("initial_lr"))]
            : Numbers(State, "base_lrs") ?? Numbers(State, "_last_lr") ?? [.. Groups.Select(group => group.GetDouble("lr"))];
    }

    /// <summary>The scheduler, on an optimizer with as many groups, as it was saved.</summary>
    public LRScheduler Make(Optimizer optimizer)
    {
        for (int i = 0; i < Math.Min(Groups.Count, optimizer.ParameterGroups.Count); i++)
        {
            foreach (string key in kept)
            {
                if (Groups[i].TryGetValue(key, out object? value) && value is double or long)
                    optimizer.ParameterGroups[i].Extras[key] = value;
            }
        }
        var scheduler = Make(optimizer, State, Path);
        scheduler.LoadStateDict(WithoutNames(State), new() { ByPosition = true });
        return scheduler;
    }

    /// <summary>A scheduler of the class that the keys tell, with settings that its state then replaces.</summary>
    static LRScheduler Make(Optimizer o, StateDict state, string path)
    {
        bool Has(params ReadOnlySpan<string> keys)
        {
            foreach (string key in keys)
            {
                if (!state.ContainsKey(key))
                    return false;
            }
            return true;
        }

        if (Has("_schedulers"))
        {
            LRScheduler[] parts = [.. state.GetDicts("_schedulers").Select((part, i) => Make(o, part, $"{path}._schedulers[{i}]"))];
            return Has("_milestones") ? new SequentialLR(o, parts, [.. state.GetDoubles("_milestones").Select(m => checked((int)m))]) : new ChainedScheduler(parts, o);
        }
        if (Has("lr_lambdas"))
            throw new ToolException($"The schedule '{path}' is a function of one's own (LambdaLR or MultiplicativeLR), which checkpoints do not have: write it as an expression.");
        if (Has("patience", "factor"))
            return new ReduceLROnPlateau(o);
        if (Has("step_size", "gamma"))
            return new StepLR(o, 1);
        if (Has("milestones", "gamma"))
            return new MultiStepLR(o, [1]);
        if (Has("T_0", "T_mult"))
            return new CosineAnnealingWarmRestarts(o, 1);
        if (Has("T_max", "eta_min"))
            return new CosineAnnealingLR(o, 1);
        if (Has("start_factor", "end_factor"))
            return new LinearLR(o);
        if (Has("factor", "total_iters"))
            return new ConstantLR(o);
        if (Has("power", "total_iters"))
            return new PolynomialLR(o);
        if (Has("total_steps", "cycle_momentum") || Has("total_steps", "_schedule_phases"))
            return new OneCycleLR(o, Extras(o, "max_lr"), totalSteps: 2);
        if (Has("total_size", "step_ratio"))
            return new CyclicLR(o, 0, 1);
        if (Has("anneal_epochs"))
            return new SWALR(o, Extras(o, "swa_lr"));
        if (Has("gamma"))
            return new ExponentialLR(o, 1);
        throw new ToolException($"What schedule '{path}' is, is not known: it has {string.Join(", ", state.Keys.Select(key => Printable.Of(key.ToString(), 40)))}.");
    }

    static PerGroup Extras(Optimizer optimizer, string key) =>
        optimizer.ParameterGroups.Select(group => group.Extras.TryGetValue(key, out object? value) && value is double or long ? Convert.ToDouble(value, System.Globalization.CultureInfo.InvariantCulture) : group.LearningRate).ToArray();

    /// <summary>The groups' parameters are not here, and so not their names.</summary>
    static StateDict WithoutNames(StateDict state)
    {
        var copy = state.Clone();
        copy.Remove("param_names");
        return copy;
    }

    static double[]? Numbers(StateDict state, string key)
    {
        if (!state.TryGetValue(key, out object? value) || value is not IReadOnlyList<object?> { Count: > 0 })
            return null;
        return state.GetDoubles(key);
    }

    static void Look(object? value, string path, int depth, List<(string, StateDict)> schedules, List<StateDict[]> groups)
    {
        if (depth > 30)
            return;
        switch (value)
        {
            case StateDict dict when IsSchedulers(dict):
                schedules.Add((path, dict));
                break;
            case StateDict dict when StateSearch.IsOptimizers(dict):
                groups.Add([.. dict.GetList("param_groups").OfType<StateDict>()]);
                break;
            case StateDict dict:
                foreach (var (key, entry) in dict)
                    Look(entry, StateWalk.Join(path, key.ToString()), depth + 1, schedules, groups);
                break;
            case IReadOnlyList<object?> list:
                foreach (var (i, item) in list.Index())
                    Look(item, $"{path}[{i}]", depth + 1, schedules, groups);
                break;
        }
    }

    static bool IsSchedulers(StateDict state) => state.ContainsKey("_last_lr") && (state.ContainsKey("last_epoch") || state.ContainsKey("_schedulers")) || state.ContainsKey("num_bad_epochs") && state.ContainsKey("patience");
}
