namespace OptimSharp.Schedulers;

/// <summary>A rate of <see cref="OneCycleLR"/>, and the momentum that goes with it.</summary>
internal enum OneCycleLevel
{
    Initial,
    Max,
    Min,
}

/// <summary>A part of <see cref="OneCycleLR"/>: from one level to another.</summary>
/// <param name="End">The step at which it ends; may be a fraction.</param>
/// <param name="From">The level at its start.</param>
/// <param name="To">The level at its end.</param>
internal readonly record struct OneCyclePhase(double End, OneCycleLevel From, OneCycleLevel To)
{
    static readonly string[] rates = ["initial_lr", "max_lr", "min_lr"];

    public static OneCyclePhase[] All(long total, double pct, bool three) => three
        ? [new(pct * total - 1, OneCycleLevel.Initial, OneCycleLevel.Max), new(2 * pct * total - 2, OneCycleLevel.Max, OneCycleLevel.Initial), new(total - 1, OneCycleLevel.Initial, OneCycleLevel.Min)]
        : [new(pct * total - 1, OneCycleLevel.Initial, OneCycleLevel.Max), new(total - 1, OneCycleLevel.Max, OneCycleLevel.Min)];

    /// <summary>The phase that a step is in, and how far it has come, in [0, 1]. One of no length is left out.</summary>
    public static (OneCyclePhase Phase, double Time) At(long step, OneCyclePhase[] phases, long total)
    {
        double at = Math.Min(step, total - 1), start = 0;
        foreach (var phase in phases)
        {
            if (at <= phase.End && phase.End > start)
                return (phase, (at - start) / (phase.End - start));
            start = phase.End;
        }
        var last = phases[^1];
        start = phases.Length > 1 ? phases[^2].End : 0;
        return (last, last.End > start ? (at - start) / (last.End - start) : 1);
    }

    /// <summary>The phases as PyTorch keeps them, and as its version 1.7 did.</summary>
    public static OneCyclePhase[] Describe(OneCyclePhase[] phases, Fields fields, long total)
    {
        fields.Derived("_schedule_phases", phases.Select(p => new StateDict
        {
            { "end_step", p.End },
            { "start_lr", rates[(int)p.From] },
            { "end_lr", rates[(int)p.To] },
            { "start_momentum", Momentum(p.From) },
            { "end_momentum", Momentum(p.To) },
        }));
        fields.Ignore("step_size_up", "step_size_down");
        if (fields.Keeps("total_steps"))
            return phases;
        if (fields.Has("_schedule_phases"))
        {
            phases = [.. fields.State.GetDicts("_schedule_phases").Select(p => new OneCyclePhase(Finite(p, "end_step"), Read(p, "start_lr"), Read(p, "end_lr")))];
            return phases.Length > 0 ? phases : throw fields.State.Wrong("_schedule_phases", fields.State["_schedule_phases"], "a list of phases");
        }
        return fields.Has("step_size_up")
            ? [new(Finite(fields.State, "step_size_up"), OneCycleLevel.Initial, OneCycleLevel.Max), new(total - 1, OneCycleLevel.Max, OneCycleLevel.Min)]
            : phases;
    }

    static string Momentum(OneCycleLevel level) => level == OneCycleLevel.Max ? "base_momentum" : "max_momentum";

    static double Finite(StateDict state, string key) =>
        state.GetDouble(key) is var step && double.IsFinite(step) ? step : throw state.Wrong(key, step, "a finite number");

    static OneCycleLevel Read(StateDict phase, string key) => Array.IndexOf(rates, phase.GetString(key)) is >= 0 and var found
        ? (OneCycleLevel)found
        : throw phase.Wrong(key, phase[key], $"one of {string.Join(", ", rates)}");
}
