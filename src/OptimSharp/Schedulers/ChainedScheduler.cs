namespace OptimSharp.Schedulers;

/// <summary>Steps several schedulers together: a group's rate is multiplied by each one's factor.</summary>
/// <remarks>
/// <para>η(e) = η₀ · f₁(e) · f₂(e) · … for chainable schedulers; one that sets the rate overrides those before it, so it comes first.</para>
/// <para>
/// PyTorch's <c>ChainedScheduler</c>, except: chains and sequences may be nested at any place and depth, and have their right first rate
/// (there a sequence within a chain drops the first factors of the schedulers before it). A chain in a chain is the same as the one long
/// chain. The schedulers belong to the chain from then on: don't step them.
/// </para>
/// </remarks>
public sealed class ChainedScheduler : LRScheduler
{
    readonly LRScheduler[] schedulers;
    readonly long[] ahead; // a scheduler's epoch less the chain's: it may have been stepped before

    /// <param name="schedulers">The schedulers, in the order in which they multiply.</param>
    /// <param name="optimizer">The optimizer. Default: the schedulers'.</param>
    /// <exception cref="ArgumentException">There are none, one is a <see cref="ReduceLROnPlateau"/>, or they have different optimizers.</exception>
    public ChainedScheduler(IEnumerable<LRScheduler> schedulers, Optimizer? optimizer = null)
        : this(Composite.Check(schedulers, optimizer))
    {
    }

    ChainedScheduler(LRScheduler[] schedulers) : base(schedulers[0].Optimizer, -1)
    {
        this.schedulers = schedulers;
        ahead = new long[schedulers.Length];
        RatesBefore = schedulers[0].RatesBefore;
        FollowFirst();
        if (LastEpoch == 0 && schedulers.Skip(1).Any(s => s is ChainedScheduler or SequentialLR) && Optimizer.ParameterGroups.All(g => g.IsAsNew))
            WriteAsNew(_ => BeginAnew());
        else
            MoveTo(LastEpoch, [.. Optimizer.ParameterGroups.Select(g => g.LearningRate)]);
    }

    /// <summary>The schedulers, in the order in which they multiply.</summary>
    public IReadOnlyList<LRScheduler> Schedulers => schedulers;

    internal override long? PlannedSteps => schedulers.Max(s => s.PlannedSteps);

    internal override IEnumerable<long> Joints => schedulers.SelectMany(s => s.Joints).Distinct().Order();

    internal override bool CyclesMomentum => Array.Exists(schedulers, s => s.CyclesMomentum);

    private protected override void Describe(Fields fields)
    {
        fields.Children(schedulers, "_schedulers");
        if (fields.IsLoading)
            FollowFirst();
        DescribeLastRates(fields);
    }

    internal override void Evaluate(Moment at, RateTable table)
    {
        for (int i = 0; i < schedulers.Length; i++)
        {
            var kind = i > 0 && at.Kind is StepKind.Begin or StepKind.Restart ? StepKind.First : at.Kind; // on top of those before
            schedulers[i].Evaluate(new(at.Kind == StepKind.Next ? at.Epoch + ahead[i] : at.Epoch, kind), table);
        }
    }

    internal override void MoveTo(long epoch, double[] rates)
    {
        base.MoveTo(epoch, rates);
        for (int i = 0; i < schedulers.Length; i++)
            schedulers[i].MoveTo(epoch + ahead[i], rates);
    }

    internal override void Rewind()
    {
        base.Rewind();
        Array.Clear(ahead);
        foreach (var scheduler in schedulers)
            scheduler.Rewind();
    }

    internal override void AdoptNewGroups()
    {
        base.AdoptNewGroups();
        foreach (var scheduler in schedulers)
            scheduler.AdoptNewGroups();
    }

    /// <summary>The chain's epoch is that of its first scheduler: PyTorch keeps none for the chain.</summary>
    void FollowFirst()
    {
        LastEpoch = schedulers[0].LastEpoch;
        for (int i = 0; i < schedulers.Length; i++)
            ahead[i] = schedulers[i].LastEpoch - LastEpoch;
    }

    /// <summary>The first rates again, from those before the schedulers were made: a sequence had set them back.</summary>
    void BeginAnew()
    {
        foreach (var (group, rate) in Optimizer.ParameterGroups.Zip(RatesBefore))
            group.SetScheduledRate(rate);
        Array.Clear(ahead);
        Write(0, StepKind.First);
    }
}
