using System.Globalization;

namespace OptimSharp.Schedulers;

/// <summary>Lowers the rates when a metric, as the validation loss, has not become better for a while.</summary>
/// <remarks>
/// <para>
/// An epoch is bad when its metric isn't better than the best by the threshold. After more than <see cref="Patience"/> bad ones in a
/// row η ← max(η·factor, η_min), unless that changes less than <see cref="Epsilon"/>; then it waits for <see cref="Cooldown"/> epochs.
/// </para>
/// <para>
/// PyTorch's <c>ReduceLROnPlateau</c>, except: a relative threshold is a part of the best metric's magnitude, so that negative
/// metrics work (there −0.95 counts as lower than −1), and a metric that is NaN counts as bad with a warning. It needs a metric
/// for each step, so it can't be a part of a composite; step it beside another scheduler.
/// </para>
/// </remarks>
public sealed class ReduceLROnPlateau : LRScheduler
{
    PerGroup minRates;

    /// <param name="optimizer">The optimizer whose groups' rates are set.</param>
    /// <param name="mode">Whether a lower metric is better (the default) or a higher one.</param>
    /// <param name="factor">What the rate is multiplied by, in [0, 1). Default 0.1.</param>
    /// <param name="patience">How many bad epochs in a row are borne, ≥ 0. Default 10.</param>
    /// <param name="threshold">By how much a metric must be better to count, ≥ 0. Default 10⁻⁴.</param>
    /// <param name="thresholdMode">Whether the threshold is a part of the best metric (the default) or a difference from it.</param>
    /// <param name="cooldown">Epochs after a reduction that are not counted as bad, ≥ 0. Default 0.</param>
    /// <param name="minLr">The lowest rate, ≥ 0: one for all groups or one for each. Default 0.</param>
    /// <param name="eps">A reduction by no more than this is left out, ≥ 0. Default 10⁻⁸.</param>
    /// <exception cref="ArgumentException">An argument is out of range, or a list has not one value for each group.</exception>
    public ReduceLROnPlateau(Optimizer optimizer, PlateauMode mode = PlateauMode.Min, double factor = 0.1, int patience = 10, double threshold = 1e-4,
        ThresholdMode thresholdMode = ThresholdMode.Rel, int cooldown = 0, PerGroup minLr = default, double eps = 1e-8) : base(optimizer, -1)
    {
        (Mode, Factor, Patience, Threshold, ThresholdMode, Cooldown, minRates, Epsilon) = (mode, factor, patience, threshold, thresholdMode, cooldown, minLr, eps);
        LastEpoch = 0;
        Best = Worst;
        SetLastRates();
        Describe(new Fields(FieldsMode.Check, null, this));
    }

    /// <summary>Whether a lower metric is better, or a higher one.</summary>
    public PlateauMode Mode { get; private set; }

    /// <summary>What the rate is multiplied by.</summary>
    public double Factor { get; private set; }

    /// <summary>How many bad epochs in a row are borne.</summary>
    public int Patience { get; private set; }

    /// <summary>By how much a metric must be better to count.</summary>
    public double Threshold { get; private set; }

    /// <summary>What the threshold is relative to.</summary>
    public ThresholdMode ThresholdMode { get; private set; }

    /// <summary>Epochs after a reduction that are not counted as bad.</summary>
    public int Cooldown { get; private set; }

    /// <summary>The lowest rate.</summary>
    public PerGroup MinLR => minRates;

    /// <summary>A reduction by no more than this is left out.</summary>
    public double Epsilon { get; private set; }

    /// <summary>The best metric so far; infinite before the first.</summary>
    public double Best { get; private set; }

    /// <summary>How many bad epochs in a row there were.</summary>
    public long BadEpochs { get; private set; }

    /// <summary>How many epochs of the cooldown are left.</summary>
    public long CooldownLeft { get; private set; }

    /// <summary>Goes on by one epoch: lowers the rates when the metric has not become better for too long.</summary>
    /// <param name="metric">The epoch's metric. NaN counts as bad, with a warning.</param>
    /// <exception cref="InvalidOperationException">There is a list of lowest rates, and a group was added. Nothing was changed.</exception>
    /// <exception cref="ObjectDisposedException">The optimizer was disposed.</exception>
    public void Step(double metric)
    {
        Optimizer.Turn.Check();
        bool isBetter = IsBetter(metric);
        long bad = isBetter || CooldownLeft > 0 ? 0 : BadEpochs + 1;
        bool reduces = bad > Patience;
        double[] rates = [.. Optimizer.ParameterGroups.Select((group, i) => reduces ? Reduced(group.LearningRate, minRates[PlaceOf(i)]) : group.LearningRate)];

        if (double.IsNaN(metric))
            Warnings.Raise(this, $"ReduceLROnPlateau got a metric that is NaN at epoch {LastEpoch + 1}; it counts as a bad epoch.");
        RateChecks.AfterLoading(this);
        if (isBetter)
            Best = metric;
        CooldownLeft = reduces ? Cooldown : Math.Max(0, CooldownLeft - 1);
        BadEpochs = reduces ? 0 : bad;
        if (reduces)
        {
            foreach (var (group, rate) in Optimizer.ParameterGroups.Zip(rates))
                group.SetScheduledRate(rate);
        }
        FollowGroups();
        MoveTo(LastEpoch + 1, rates);
    }

    /// <summary>Not for this scheduler: give it the metric.</summary>
    /// <exception cref="InvalidOperationException">Always.</exception>
    public override void Step() => throw new InvalidOperationException("ReduceLROnPlateau needs the epoch's metric: Step(metric).");

    internal override double? LowestRate(int group) => minRates[group];

    private protected override void Describe(Fields fields)
    {
        Factor = fields.Number(Factor, "factor", below: 1);
        double[] rates = fields.Each(minRates, "min_lrs", name: "minLr").Expand(Optimizer.ParameterGroups.Count);
        fields.Derived("default_min_lr", minRates.IsSame ? minRates[0] : null);
        if (fields.IsLoading && !fields.Keeps("min_lrs"))
            minRates = fields.Has("default_min_lr") && fields.State["default_min_lr"] is not null ? fields.State.GetDouble("default_min_lr") : PerGroup.Of(rates);
        Patience = fields.Whole(Patience, "patience");
        Cooldown = fields.Whole(Cooldown, "cooldown");
        Epsilon = fields.Number(Epsilon, "eps", name: "eps");
        LastEpoch = fields.Whole(LastEpoch, "last_epoch");
        Mode = fields.Choice(Mode, "mode", ["min", "max"]);
        Threshold = fields.Number(Threshold, "threshold");
        ThresholdMode = fields.Choice(ThresholdMode, "threshold_mode", ["rel", "abs"]);
        fields.Derived("mode_worse", Worst);
        Best = fields.Any(Best, "best");
        CooldownLeft = fields.Whole(CooldownLeft, "cooldown_counter");
        BadEpochs = fields.Whole(BadEpochs, "num_bad_epochs");
        DescribeLastRates(fields);
    }

    internal override void AdoptNewGroups() => FollowGroups();

    /// <summary>Nothing: the rate of a group that was added stays, for no schedule says what it would be now.</summary>
    public override void IncludeAddedGroups()
    {
        Optimizer.Turn.Check();
        AdoptNewGroups();
    }

    double Worst => Mode == PlateauMode.Min ? double.PositiveInfinity : double.NegativeInfinity;

    /// <summary>Whether a metric is better than the best by the threshold; a part of −1 is taken below it, not above.</summary>
    bool IsBetter(double metric)
    {
        double sign = Mode == PlateauMode.Min ? -1 : 1;
        double bar = double.IsInfinity(Best) ? Best
            : ThresholdMode == ThresholdMode.Abs ? Best + sign * Threshold
            : Best * (1 + sign * Threshold * (Best < 0 ? -1 : 1));
        return Mode == PlateauMode.Min ? metric < bar : metric > bar;
    }

    double Reduced(double rate, double lowest)
    {
        double reduced = Math.Max(rate * Factor, lowest);
        return rate - reduced > Epsilon ? reduced : rate;
    }

    /// <summary>The class, the best metric, and how long it has not become better.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"ReduceLROnPlateau (epoch {LastEpoch}, best {Best}, bad epochs {BadEpochs})");
}
