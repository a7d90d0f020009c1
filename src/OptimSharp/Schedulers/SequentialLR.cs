namespace OptimSharp.Schedulers;

/// <summary>Runs schedulers one after the other: a warm-up and what follows it.</summary>
/// <remarks>
/// <para>
/// Scheduler i runs from milestone i − 1 on, with epochs counted from there. It starts from the base rate (as PyTorch's: so a chain that
/// holds a sequence loses what its other schedulers did until then), except that <see cref="MultiplicativeLR"/> and
/// <see cref="SWALR"/> go on from the rate that there is.
/// </para>
/// <para>
/// PyTorch's <c>SequentialLR</c>, except: chains and sequences may be nested at any place and depth, and start at their first epoch
/// (there they are a step ahead, or throw at their milestone); the first rate is the first scheduler's, whatever base rate a later one
/// sets; with lastEpoch ≥ 0 the right scheduler goes on. A sequence in a sequence is the same as the one long sequence. The schedulers
/// belong to the sequence from then on: don't step them.
/// </para>
/// </remarks>
public sealed class SequentialLR : LRScheduler
{
    readonly LRScheduler[] schedulers;
    long[] milestones;

    /// <param name="optimizer">The optimizer whose groups' rates are set.</param>
    /// <param name="schedulers">The schedulers, in the order in which they run.</param>
    /// <param name="milestones">The epochs at which the second, third… begins, ≥ 0, none lower than the one before. A scheduler with no
    /// epoch between its milestones is left out.</param>
    /// <param name="lastEpoch">−1 to start; see <see cref="LRScheduler"/> for going on.</param>
    /// <exception cref="ArgumentException">There are no schedulers, one is a <see cref="ReduceLROnPlateau"/>, they have different optimizers,
    /// or the milestones are not one fewer, in order.</exception>
    public SequentialLR(Optimizer optimizer, IEnumerable<LRScheduler> schedulers, IEnumerable<int> milestones, long lastEpoch = -1)
        : base(optimizer, lastEpoch)
    {
        ArgumentNullException.ThrowIfNull(milestones);
        this.schedulers = Composite.Check(schedulers, optimizer);
        this.milestones = [.. milestones];
        if (this.milestones.Length != this.schedulers.Length - 1)
            throw new ArgumentException($"There must be one milestone fewer than schedulers, but there are {this.schedulers.Length} schedulers and {this.milestones.Length} milestones.", nameof(milestones));
        for (int i = 0; i < this.milestones.Length; i++)
        {
            if (this.milestones[i] < (i == 0 ? 0 : this.milestones[i - 1]))
                throw new ArgumentOutOfRangeException(nameof(milestones), this.milestones[i], $"milestones must be ≥ 0 and none lower than the one before, but are {string.Join(", ", this.milestones)}.");
        }
        RatesBefore = this.schedulers[0].RatesBefore;
        foreach (var scheduler in this.schedulers)
            scheduler.Rewind();
        if (lastEpoch < 0)
            WriteAsNew(_ => Write(0, StepKind.Begin));
        else
            GoOn(lastEpoch + 1);
        AdoptNewGroups();
    }

    /// <summary>The schedulers, in the order in which they run.</summary>
    public IReadOnlyList<LRScheduler> Schedulers => schedulers;

    /// <summary>The epochs at which the second, third… begins.</summary>
    public IReadOnlyList<long> Milestones => milestones;

    internal override long? PlannedSteps => ActiveAt(long.MaxValue).Scheduler.PlannedSteps + ActiveAt(long.MaxValue).Start;

    internal override double? LowestRate(int group) => ActiveAt(long.MaxValue).Scheduler is var last ? last.LowestRate(last.PlaceOf(NumberAt(group))) : null;

    internal override IEnumerable<long> Joints
    {
        get
        {
            for (int i = 0; i < schedulers.Length; i++)
            {
                long start = StartOf(i), end = i < milestones.Length ? milestones[i] : long.MaxValue;
                if (start > 0)
                    yield return start;
                foreach (long joint in schedulers[i].Joints)
                {
                    if (start + joint < end)
                        yield return start + joint;
                }
            }
        }
    }

    internal override bool CyclesMomentum => Array.Exists(schedulers, s => s.CyclesMomentum);

    private protected override void Describe(Fields fields)
    {
        fields.Children(schedulers, "_schedulers");
        fields.Derived("_milestones", milestones);
        fields.Setting("_milestones");
        if (fields.IsLoading && !fields.Keeps("_milestones"))
            milestones = Read(fields.State);
        LastEpoch = fields.Whole(LastEpoch, "last_epoch", atLeast: -1);
        DescribeLastRates(fields);
        fields.Ignore("_step_count", "base_lrs", "_is_initial", "_get_lr_called_within_step");
        if (fields.IsLoading)
            MoveTo(LastEpoch, [.. LastLearningRates]);
    }

    internal override void Evaluate(Moment at, RateTable table)
    {
        var (scheduler, start) = ActiveAt(at.Epoch);
        var kind = at.Kind == StepKind.Next && at.Epoch == start ? StepKind.Restart : at.Kind;
        scheduler.Evaluate(new(at.Epoch - start, kind), table);
    }

    /// <summary>Each scheduler's epoch follows from the sequence's: −1 before its time, its last one after it.</summary>
    internal override void MoveTo(long epoch, double[] rates)
    {
        base.MoveTo(epoch, rates);
        for (int i = 0; i < schedulers.Length; i++)
        {
            long last = i < milestones.Length ? Math.Min(epoch, milestones[i] - 1) : epoch;
            schedulers[i].MoveTo(Math.Max(-1, last - StartOf(i)), rates);
        }
    }

    internal override void Rewind()
    {
        base.Rewind();
        foreach (var scheduler in schedulers)
            scheduler.Rewind();
    }

    internal override void AdoptNewGroups()
    {
        base.AdoptNewGroups();
        foreach (var scheduler in schedulers)
            scheduler.AdoptNewGroups();
    }

    internal override double? ClosedForm(long epoch, int group)
    {
        var (scheduler, start) = ActiveAt(epoch);
        return scheduler.ClosedForm(epoch - start, scheduler.PlaceOf(NumberAt(group)));
    }

    long StartOf(int scheduler) => scheduler == 0 ? 0 : milestones[scheduler - 1];

    /// <summary>The scheduler of an epoch, and the epoch at which it began.</summary>
    (LRScheduler Scheduler, long Start) ActiveAt(long epoch)
    {
        int active = 0;
        while (active < milestones.Length && milestones[active] <= epoch)
            active++;
        return (schedulers[active], StartOf(active));
    }

    /// <summary>The rates that the optimizer had been restored to, before its schedulers were made, stay.</summary>
    void GoOn(long epoch)
    {
        foreach (var group in Optimizer.ParameterGroups)
            group.TakeBack();
        MoveTo(epoch, [.. Optimizer.ParameterGroups.Select(g => g.LearningRate)]);
        RateChecks.AfterLastEpoch(this);
    }

    long[] Read(StateDict state)
    {
        long[] read = [.. state.GetDoubles("_milestones").Select(m => (long)m)];
        return read.Length == schedulers.Length - 1 && read.Zip(read.Prepend(0)).All(pair => pair.First >= pair.Second) ? read
            : throw state.Wrong("_milestones", state["_milestones"], $"{schedulers.Length - 1} epochs in order");
    }
}
