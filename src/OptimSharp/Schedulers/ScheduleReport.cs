using System.Globalization;
using System.Text;

namespace OptimSharp.Schedulers;

/// <summary>
/// A schedule looked at before a training: its rate at every step, what is likely a mistake in it, and a drawing in text.
/// </summary>
/// <remarks>The optimizer and the scheduler are not changed.</remarks>
public sealed class ScheduleReport
{
    readonly List<ScheduleFinding> findings = [];

    ScheduleReport(string name, double[] rates, double?[] momenta, long? planned) => (Name, Rates, Momenta, PlannedSteps) = (name, rates, momenta, planned);

    /// <summary>What the schedule is called.</summary>
    public string Name { get; }

    /// <summary>The rate at each step.</summary>
    public IReadOnlyList<double> Rates { get; }

    /// <summary>The momentum (or first beta) at each step; null where the schedule leaves it alone.</summary>
    public IReadOnlyList<double?> Momenta { get; }

    /// <summary>The number of steps after which the schedule has done what it was planned for, whatever the number that was looked at; null when it has no such end.</summary>
    public long? PlannedSteps { get; }

    /// <summary>What is likely a mistake, in the order of the steps.</summary>
    public IReadOnlyList<ScheduleFinding> Findings => findings;

    /// <summary>Looks at a scheduler, from its first step and from its base rates.</summary>
    /// <param name="scheduler">The scheduler. Not a <see cref="ReduceLROnPlateau"/>, whose rates hang on the metrics.</param>
    /// <param name="steps">The number of steps of the training, ≥ 1: how often the scheduler will be stepped.</param>
    /// <param name="group">The parameter group. Default the first.</param>
    /// <exception cref="ArgumentException">The scheduler is a <see cref="ReduceLROnPlateau"/>, or an argument is out of range.</exception>
    public static ScheduleReport Of(LRScheduler scheduler, int steps, int group = 0)
    {
        ArgumentNullException.ThrowIfNull(scheduler);
        ArgumentOutOfRangeException.ThrowIfLessThan(steps, 1);
        ArgumentOutOfRangeException.ThrowIfNegative(group);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(group, scheduler.Optimizer.ParameterGroups.Count);
        if (scheduler is ReduceLROnPlateau)
            throw new ArgumentException("The rates of ReduceLROnPlateau hang on the metrics: there is nothing to be seen before the training.", nameof(scheduler));
        var trace = scheduler.Trace().Take(steps).ToArray();
        var report = new ScheduleReport(scheduler.GetType().Name, [.. trace.Select(t => t.Rates[group])], [.. trace.Select(t => t.Momenta[group])], scheduler.PlannedSteps);
        report.Inspect(scheduler.Joints, scheduler.LowestRate(scheduler.PlaceOf(group)), scheduler.PlannedSteps);
        return report;
    }

    /// <summary>Looks at a function from a step to a rate.</summary>
    /// <param name="name">What the schedule is called.</param>
    /// <param name="rate">From a step, 0 first, to the rate.</param>
    /// <param name="steps">The number of steps, ≥ 1.</param>
    public static ScheduleReport Of(string name, Func<long, double> rate, int steps)
    {
        ArgumentNullException.ThrowIfNull(name);
        ArgumentNullException.ThrowIfNull(rate);
        ArgumentOutOfRangeException.ThrowIfLessThan(steps, 1);
        var report = new ScheduleReport(name, [.. Enumerable.Range(0, steps).Select(step => rate(step))], new double?[steps], null);
        report.Inspect([], null, null);
        return report;
    }

    /// <summary>The rates as a drawing in text.</summary>
    /// <param name="width">Characters across, ≥ 10. Default 72.</param>
    /// <param name="height">Lines, ≥ 2. Default 12.</param>
    public string Draw(int width = 72, int height = 12) => TextPlot.Draw(Rates, width, height);

    /// <summary>The drawing, the extremes, and the findings.</summary>
    public override string ToString()
    {
        var text = new StringBuilder();
        int highest = IndexOf(Rates.Max()), lowest = IndexOf(Rates.Min());
        text.Append(CultureInfo.InvariantCulture, $"{Name}, {Rates.Count} steps: starts at {Rates[0]:G6}, highest {Rates[highest]:G6} at step {highest}, ");
        text.Append(CultureInfo.InvariantCulture, $"lowest {Rates[lowest]:G6} at step {lowest}, ends at {Rates[^1]:G6}\n");
        text.Append(Draw());
        foreach (var finding in Findings)
            text.Append(CultureInfo.InvariantCulture, $"\n! {finding.Message}");
        return text.ToString();
    }

    void Inspect(IEnumerable<long> joints, double? lowest, long? planned)
    {
        double highest = Rates.Max();
        int steps = Rates.Count;
        if (highest == 0)
            Find(ScheduleFindingKind.ZeroRate, 0, "the rate is 0 at every step: nothing is learned");
        else if (Rates[0] == 0)
            Find(ScheduleFindingKind.ZeroAtStart, 0, "the rate is 0 at step 0: the first step changes nothing");
        foreach (long joint in joints.TakeWhile(joint => joint < steps))
        {
            double before = Rates[(int)joint - 1], after = Rates[(int)joint];
            double slope = Math.Max(Slope((int)joint - 1), Slope((int)joint + 1)); // how fast it changes on either side anyway
            if (Math.Abs(after - before) > 0.1 * highest && Math.Abs(after - before) > 3 * slope)
                Find(ScheduleFindingKind.Jump, joint, string.Create(CultureInfo.InvariantCulture, $"the rate jumps from {before:G4} to {after:G4} at step {joint}, where one schedule follows another"));
        }
        if (planned < steps)
        {
            Find(ScheduleFindingKind.LongerThanPlanned, planned.Value, Rises(planned.Value)
                ? $"the schedule is done after {planned} steps of {steps}, and then the rate rises again"
                : $"the schedule is done after {planned} steps of {steps}");
        }
        else if (planned > steps)
        {
            Find(ScheduleFindingKind.ShorterThanPlanned, steps, $"the schedule is planned for {planned} steps, but there are only {steps}");
        }
        double reached = Rates.Skip((int)joints.LastOrDefault(joint => joint < steps)).Min(); // of the last schedule: a warm-up may start low
        if (lowest is { } low && highest > low && reached - low > 0.01 * (highest - low))
            Find(ScheduleFindingKind.MinimumNotReached, steps, string.Create(CultureInfo.InvariantCulture, $"the lowest rate, {low:G4}, is never reached: the rate comes down to {reached:G4}"));
        int last = steps - 1;
        while (last > 0 && Rates[last - 1] == 0)
            last--;
        if (highest > 0 && Rates[^1] == 0 && steps - last > 1)
            Find(ScheduleFindingKind.ZeroRate, last, $"the rate is 0 from step {last} on: the last {steps - last} steps change nothing");
    }

    double Slope(int step) => step >= 1 && step < Rates.Count ? Math.Abs(Rates[step] - Rates[step - 1]) : 0;

    bool Rises(long from) => Enumerable.Range((int)from, Rates.Count - (int)from).Any(step => Rates[step] > Rates[step - 1]);

    int IndexOf(double rate) => Rates.Index().First(r => r.Item == rate).Index;

    void Find(ScheduleFindingKind kind, long step, string what) => findings.Add(new(kind, step, $"{char.ToUpperInvariant(what[0])}{what[1..]}."));
}
