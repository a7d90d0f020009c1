namespace OptimSharp.Tool;

/// <summary>Makes a saved schedule again: with rates that have it pass through the one that the file says, or not at all.</summary>
/// <param name="saved">What the file has.</param>
/// <param name="momentum">The optimizer's momentum.</param>
sealed class Restoration(SavedSchedule saved, double momentum)
{
    readonly double[]? last = SavedSchedule.Numbers(saved.State, "_last_lr");

    /// <summary>What was taken for granted; null for nothing.</summary>
    public string? Assumed { get; private set; }

    /// <param name="given">Rates for what the file does not say; null for none.</param>
    /// <exception cref="ToolException">Rates are missing, or none fit what the file says.</exception>
    public RestoredSchedule Restore(double[]? given)
    {
        if (SchedulerOfState.IsPlateau(saved.State))
            return Plateau(given);
        var (schedule, problem) = OfOptimizers() is { } found ? (found, null) : OfState(null);
        if (given is null)
            return schedule ?? throw problem!;
        if (schedule is null)
        {
            var (alone, error) = OfState(given);
            return alone ?? throw error!;
        }
        schedule.Dispose();
        throw new ToolException("The checkpoint has the schedule's rates: --lr is for schedules that are written, or whose rates are not in their file.");
    }

    /// <summary>With what is in the groups of an optimizer: that whose rates are the schedule's, of several that fit.</summary>
    RestoredSchedule? OfOptimizers()
    {
        RestoredSchedule[] fitting = [.. saved.Optimizers.Where(groups => (last is null || groups.Count == last.Length) && MissingRates.AreIn(groups, saved.State))
            .OrderByDescending(groups => last is not null && StartRates.Option(groups, "lr") is { } now && now.SequenceEqual(last))
            .Select(FittingOf).OfType<RestoredSchedule>()];
        foreach (var other in fitting.Skip(1))
            other.Dispose();
        return fitting.FirstOrDefault();
    }

    /// <summary>With an optimizer's groups; null: it is not that optimizer's schedule.</summary>
    RestoredSchedule? FittingOf(IReadOnlyList<StateDict> groups)
    {
        try
        {
            return Fitting(saved.State, groups, StartRates.Of(saved.State, groups)).Schedule;
        }
        catch (ToolException)
        {
            return null;
        }
    }

    /// <summary>With what is in the scheduler's own state.</summary>
    (RestoredSchedule? Schedule, ToolException? Problem) OfState(double[]? given)
    {
        var missing = new MissingRates(saved.Name, saved.Optimizers.Count == 0 ? "which are not in the file" : "and no optimizer of the file fits", given);
        try
        {
            var whole = missing.Complete(saved.State);
            var starts = given is not null && !missing.IsGivenUsed ? [MissingRates.Each(given, last?.Length ?? given.Length)] : StartRates.Of(saved.State, []);
            if (starts.Count == 0)
                throw new ToolException($"{saved.Name} does not say the rates that it starts from. Give them by --lr.");
            var (schedule, found) = Fitting(whole, [], starts);
            Assumed = missing.Assumed;
            return schedule is not null ? (schedule, null) : throw Unfitting(found!.Value, given);
        }
        catch (ToolException e)
        {
            return (null, e);
        }
    }

    /// <summary>From the first rates that fit; else where the first ones do not.</summary>
    (RestoredSchedule? Schedule, Contradiction? Found) Fitting(StateDict state, IReadOnlyList<StateDict> groups, IReadOnlyList<double[]> starts)
    {
        Contradiction? first = null;
        foreach (double[] start in starts.Where(start => last is null || start.Length == last.Length || starts.Count == 1).Concat(StartOfAverage(state, groups)))
        {
            var schedule = new RestoredSchedule(saved.Name, state, start, groups, momentum);
            if (schedule.Contradiction() is not { } found)
                return (schedule, null);
            first ??= found;
            schedule.Dispose();
        }
        return (null, first);
    }

    /// <summary>SWALR starts from whatever rate there is, and its rate is a straight function of that until it has come to its end.</summary>
    IEnumerable<double[]> StartOfAverage(StateDict state, IReadOnlyList<StateDict> groups)
    {
        if (!SchedulerOfState.IsAveraging(state) || last is null)
            yield break;
        using var ofNone = new RestoredSchedule(saved.Name, state, new double[last.Length], groups, momentum);
        using var ofOne = new RestoredSchedule(saved.Name, state, [.. last.Select(_ => 1.0)], groups, momentum);
        double[] low = ofNone.At(SavedSchedule.EpochOf(state)), high = ofOne.At(SavedSchedule.EpochOf(state));
        double[] start = [.. last.Select((rate, i) => (rate - low[i]) / (high[i] - low[i]))];
        if (start.All(rate => rate >= 0 && double.IsFinite(rate)))
            yield return start;
    }

    /// <summary>From its first epoch, for it goes by the metrics from there on.</summary>
    RestoredSchedule Plateau(double[]? given)
    {
        var state = saved.State.Clone();
        double[][] starts = [.. saved.Optimizers.Select(groups => StartRates.Option(groups, "initial_lr")).Append(last).Concat(saved.Optimizers.Select(groups => StartRates.Option(groups, "lr"))).OfType<double[]>()];
        double[] start = given is not null ? MissingRates.Each(given, last?.Length ?? given.Length)
            : starts.FirstOrDefault(rates => last is null || rates.Length == last.Length) ?? throw new ToolException($"{saved.Name} does not say the rates that it starts from. Give them by --lr.");
        state["best"] = state.TryGetValue("mode", out object? mode) && mode is "max" ? double.NegativeInfinity : double.PositiveInfinity;
        state["num_bad_epochs"] = state["cooldown_counter"] = state["last_epoch"] = 0;
        state["_last_lr"] = start;
        return new(saved.Name, state, start, [], momentum);
    }

    ToolException Unfitting(Contradiction found, double[]? given)
    {
        string what = $"{saved.Name} was saved with the rate {ValueText.Short(found.Said)} at step {found.Step}, but";
        return new(given is null ? $"{what} from the rates that the file says it started from it would have {ValueText.Short(found.Here)} there: something else moved the rate, too. Give the rate that it started from by --lr."
            : $"{what} with --lr {string.Join(",", given.Select(ValueText.Short))} it would have {ValueText.Short(found.Here)} there.");
    }
}
