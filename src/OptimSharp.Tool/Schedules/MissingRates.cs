using OptimSharp.Schedulers;

namespace OptimSharp.Tool;

/// <summary>
/// What PyTorch keeps in an optimizer's groups and not in a scheduler's state: OneCycleLR's highest and lowest rates, SWALR's last one. Without those groups some of it follows from the rate
/// that the state has for the step at which it was saved.
/// </summary>
/// <param name="name">What messages call the schedule.</param>
/// <param name="where">Why the groups are not there.</param>
/// <param name="given">The rate that a user gives for what is missing; null for none.</param>
sealed class MissingRates(string name, string where, double[]? given)
{
    /// <summary>Whether what was given is in use.</summary>
    public bool IsGivenUsed { get; private set; }

    /// <summary>What was taken for granted; null for nothing.</summary>
    public string? Assumed { get; private set; }

    /// <summary>Whether groups have all that a state lacks.</summary>
    public static bool AreIn(IReadOnlyList<StateDict> groups, StateDict state) =>
        (!SchedulerOfState.IsOneCycle(state) || state.ContainsKey("max_lrs") || StartRates.Option(groups, "max_lr") is not null && StartRates.Option(groups, "min_lr") is not null && StartRates.Option(groups, "initial_lr") is not null)
        && (!SchedulerOfState.IsAveraging(state) || state.ContainsKey("swa_lrs") || StartRates.Option(groups, "swa_lr") is not null)
        && SavedSchedule.PartsOf(state).All(part => AreIn(groups, part));

    /// <summary>The state with what it lacked.</summary>
    /// <exception cref="ToolException">It can't be known.</exception>
    public StateDict Complete(StateDict state)
    {
        var whole = state.Clone();
        if (SavedSchedule.PartsOf(state) is { Count: > 0 } parts)
            whole["_schedulers"] = parts.Select(part => (object?)Complete(part)).ToArray();
        if (SchedulerOfState.IsAveraging(state) && !state.ContainsKey("swa_lrs"))
            whole["swa_lrs"] = LastRates(state);
        if (!SchedulerOfState.IsOneCycle(state) || state.ContainsKey("max_lrs") || SavedSchedule.Numbers(state, "base_lrs") is not { } first)
            return whole;
        Assumed = "its lowest rate and its momenta are not in the file: PyTorch's defaults are shown";
        return OneCycle(state, first, Given(first.Length) ?? Highest(state, first));
    }

    static StateDict OneCycle(StateDict state, double[] first, double[] highest, double divisor = OneCycleLR.UsualFinalDivisor)
    {
        var whole = state.Clone();
        whole["initial_lrs"] = first;
        whole["max_lrs"] = highest;
        whole["min_lrs"] = first.Select(rate => rate / divisor).ToArray();
        return whole;
    }

    /// <summary>The rate on the way up is a straight function of the highest: two points of it give the highest of the one that was.</summary>
    double[] Highest(StateDict state, double[] first)
    {
        double[] none = new double[first.Length], one = [.. none.Select(_ => 1.0)];
        double[] At(double[] highest, double divisor)
        {
            using var schedule = new RestoredSchedule(name, OneCycle(state, first, highest, divisor), first, [], 0.9);
            return schedule.At(Math.Max(0, SavedSchedule.EpochOf(state)));
        }

        double[] low = At(none, OneCycleLR.UsualFinalDivisor), high = At(one, OneCycleLR.UsualFinalDivisor);
        bool isKnown = low.SequenceEqual(At(none, 1)) && low.Zip(high).All(pair => pair.Second - pair.First > 1e-6); // the lowest has no part in it
        return isKnown && SavedSchedule.EpochOf(state) > 0 && SavedSchedule.Numbers(state, "_last_lr") is { } last && last.Length == first.Length
            ? [.. last.Select((rate, i) => Math.Max(0, (rate - low[i]) / (high[i] - low[i])))]
            : throw Unknown("its highest rate (max_lr)");
    }

    /// <summary>SWALR's, which it has when it has come to its end.</summary>
    double[] LastRates(StateDict state) => SavedSchedule.Numbers(state, "_last_lr") is not { } last ? throw Unknown("the rate that it ends at (swa_lr)")
        : Given(last.Length) is { } rates ? rates
        : SavedSchedule.EpochOf(state) >= Math.Max(1, state.GetInt64("anneal_epochs")) ? last
        : throw Unknown("the rate that it ends at (swa_lr)");

    double[]? Given(int groups)
    {
        IsGivenUsed |= given is not null;
        return given is null ? null : Each(given, groups);
    }

    /// <summary>A rate for each group, of as many or of one for all.</summary>
    /// <exception cref="ToolException">There are others.</exception>
    public static double[] Each(double[] given, int groups) => given.Length == groups ? given
        : given.Length == 1 ? [.. Enumerable.Repeat(given[0], groups)]
        : throw new ToolException($"--lr gives {given.Length} rates, but the schedule is of {groups} {(groups == 1 ? "group" : "groups")}.");

    ToolException Unknown(string what) => new($"{name} does not say {what}: PyTorch keeps it in the optimizer's groups, {where}. Give it by --lr.");
}
