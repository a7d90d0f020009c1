namespace OptimSharp.Schedulers;

/// <summary>
/// Sets an optimizer's learning rates as training goes on. Step it after the optimizer: once per epoch or once per batch, as
/// the schedule is meant.
/// </summary>
/// <remarks>
/// <para>
/// Most schedulers are chainable, as PyTorch's: at each step they multiply the rate that a group has by a factor, so that
/// several on one optimizer multiply, and a rate set by hand in between is kept. Others set the rate (<see cref="LambdaLR"/>,
/// <see cref="CyclicLR"/>, <see cref="OneCycleLR"/>, <see cref="CosineAnnealingWarmRestarts"/>).
/// </para>
/// <para>
/// No rate is ever NaN, infinite or negative: what would overflow stays at the largest double, what rounding or a rate set by
/// hand would make negative is 0. A step changes all groups or, when it throws, none.
/// </para>
/// <para>
/// To resume, make optimizer and scheduler as at first, then load the states of both, in any order. With
/// <c>lastEpoch</c> ≥ 0 instead, the optimizer must have been loaded before: its rates are those after step lastEpoch + 1,
/// and stay.
/// </para>
/// </remarks>
public abstract partial class LRScheduler : IScheduler
{
    List<double> baseRates = [];       // by the groups' places; NaN where one is still to be taken
    List<object?> startedFrom = [];    // a group's kept rate that the base rate was taken from
    double[] lastRates = [];           // by the groups' places
    bool orderChecked;

    /// <param name="optimizer">The optimizer whose groups' rates are set.</param>
    /// <param name="lastEpoch">−1 to start; otherwise the optimizer goes on where it was after step lastEpoch + 1.</param>
    /// <exception cref="InvalidOperationException">
    /// To go on, each group must have an <see cref="ParameterGroup.InitialLearningRate"/>, but one has none.</exception>
    private protected LRScheduler(Optimizer optimizer, long lastEpoch)
    {
        ArgumentNullException.ThrowIfNull(optimizer);
        ArgumentOutOfRangeException.ThrowIfLessThan(lastEpoch, -1);
        foreach (var (i, group) in optimizer.ParameterGroups.Index())
        {
            if (lastEpoch >= 0 && group.InitialLearningRate is null)
                throw new InvalidOperationException(
                    $"Parameter group {i} has no InitialLearningRate, which a scheduler needs to go on from lastEpoch = {lastEpoch}. " +
                    "Load the optimizer's state first, or leave out lastEpoch and load the scheduler's state.");
        }
        Optimizer = optimizer;
        Places = new(optimizer);
        LastEpoch = lastEpoch;
        RatesBefore = [.. optimizer.ParameterGroups.Select(g => g.LearningRate)];
    }

    /// <summary>The optimizer whose rates are set.</summary>
    public Optimizer Optimizer { get; }

    /// <summary>How many steps were taken since the start: the number of the epoch that the present rates are for. PyTorch's <c>last_epoch</c>.</summary>
    public long LastEpoch { get; private protected set; }

    /// <summary>The groups' rates after the last step.</summary>
    public IReadOnlyList<double> LastLearningRates => [.. NumbersBelow(lastRates.Length).Select(LastRate)];

    /// <summary>The rates that the schedule starts from, one a group. PyTorch's <c>base_lrs</c>.</summary>
    public IReadOnlyList<double> BaseLearningRates => [.. Optimizer.ParameterGroups.Select((_, i) => BaseRate(Places.PlaceOf(i)))];

    /// <summary>Goes on by one: sets every group's rate.</summary>
    /// <exception cref="InvalidOperationException">A function of yours gave no valid rate, or a list of values has none for a
    /// group that was added. Nothing was changed.</exception>
    /// <exception cref="ObjectDisposedException">The optimizer was disposed.</exception>
    public virtual void Step()
    {
        Optimizer.Turn.Check();
        CheckOrder();
        Advance(LastEpoch + 1);
    }

    /// <summary>
    /// The rate that this schedule alone gives a group at an epoch, from its base rate. Changes nothing. By closed form where
    /// there is one, else by going through the epochs.
    /// </summary>
    /// <exception cref="InvalidOperationException">The rate depends on more than the epoch.</exception>
    public double RateAt(long epoch, int group = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(epoch);
        ArgumentOutOfRangeException.ThrowIfNegative(group);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(group, Optimizer.ParameterGroups.Count);
        return ClosedForm(epoch, Places.PlaceOf(group)) is { } rate ? Valid(rate, epoch, group) : Trace().ElementAt(checked((int)epoch)).Rates[group];
    }

    /// <summary>The class and where it stands.</summary>
    public override string ToString() => $"{GetType().Name} (epoch {LastEpoch})";

    /// <summary>Is given each epoch and its rates before they are written. When it throws, the step does, and nothing was changed.</summary>
    internal Action<long, double[]>? BeforeWriting { get; set; }

    /// <summary>The rates before this scheduler's first, for composites that begin anew.</summary>
    internal double[] RatesBefore { get; private protected set; }

    /// <summary>The number of steps after which the schedule has done what it was planned for; null when it has no such end.</summary>
    internal virtual long? PlannedSteps => null;

    /// <summary>The lowest rate that the schedule is meant to reach, of the group at a place; null when it has none.</summary>
    internal virtual double? LowestRate(int group) => null;

    /// <summary>Whether it moves the momentum, too.</summary>
    internal virtual bool CyclesMomentum => false;

    /// <summary>What messages call it: the class, or the schedule of an option.</summary>
    internal string Title => Optimizer is ScheduledOption option ? $"The schedule of '{option.Path}'" : GetType().Name;

    /// <summary>The epochs at which one schedule follows another.</summary>
    internal virtual IEnumerable<long> Joints => [];

    /// <summary>The rate of a group at an epoch ≥ 1, from the rate that it has.</summary>
    private protected virtual double Next(in RateStep x) => throw new InvalidOperationException($"{Title} can't be stepped by the epoch alone.");

    /// <summary>The rate at epoch 0, from the rate that a group has.</summary>
    private protected virtual double First(in RateStep x) => x.Current;

    /// <summary>The rate at epoch 0 when a sequence comes to this scheduler: from the base rate, where there is a closed form.</summary>
    private protected virtual double Restart(in RateStep x) => First(x with { Current = x.Base });

    /// <summary>The rate when going on in an optimizer whose rates were restored.</summary>
    private protected virtual double Resume(in RateStep x) => x.Current;

    /// <summary>The momentum (or first beta) at an epoch, of the group at a place; null for schedulers that leave it alone.</summary>
    private protected virtual double? Momentum(long epoch, int group) => null;

    /// <summary>What is written for a computed rate of a group, by its number.</summary>
    private protected virtual double Valid(double rate, long epoch, int group) => RateTable.Valid(rate, this, epoch, group);

    /// <summary>What no rate is below; NaN where there is no such bound.</summary>
    private protected virtual double LeastRate => 0;

    /// <summary>The rate at an epoch by closed form, from the base rate, of the group at a place; null where there is none.</summary>
    internal virtual double? ClosedForm(long epoch, int group) => null;

    /// <summary>What the scheduler puts into a group when it is made.</summary>
    private protected virtual void Prepare(ParameterGroup group, int index, bool resumes) =>
        group.InitialLearningRate ??= group.LearningRate;

    /// <summary>The base rate of a group that comes in.</summary>
    private protected virtual double NewBaseRate(ParameterGroup group, int index) =>
        group.InitialLearningRate ??= group.LearningRate; // a group added later starts from its own rate

    /// <summary>Whether the schedule starts from the groups' rates, not from rates of its own.</summary>
    private protected virtual bool StartsFromGroup => true;

    /// <summary>The first step, which a scheduler takes when it is made: called last in its constructor.</summary>
    private protected void Start()
    {
        Describe(new Fields(FieldsMode.Check, null, this));
        bool resumes = LastEpoch >= 0;
        WriteAsNew(groups =>
        {
            for (int i = 0; i < groups.Count; i++)
                Prepare(groups[i], i, resumes);
            AdoptNewGroups();
            Write(LastEpoch + 1, resumes ? StepKind.Resume : StepKind.First);
        });
        if (resumes)
            RateChecks.AfterLastEpoch(this);
    }

    private protected void WriteAsNew(Action<IReadOnlyList<ParameterGroup>> write)
    {
        Action all = Optimizer.ParameterGroups.Aggregate(() => write(Optimizer.ParameterGroups), (Action inner, ParameterGroup group) => () => group.WriteAsNew(inner));
        all();
    }

    /// <summary>One step to an epoch, once the order was checked.</summary>
    private protected void Advance(long epoch)
    {
        RateChecks.AfterLoading(this);
        AdoptNewGroups();
        (int, double)[] joining = [.. Added().Where(i => StartsFromGroup && Sources[i].IsAddedByRules).Select(i => (i, Optimizer.ParameterGroups[i].LearningRate))];
        Write(epoch, StepKind.Next);
        addedSince.Clear();
        foreach (var (number, rate) in joining)
            RateChecks.AfterAdding(this, number, rate);
    }

    private protected void Write(long epoch, StepKind kind)
    {
        var table = new RateTable(Optimizer);
        Evaluate(new(epoch, kind), table);
        BeforeWriting?.Invoke(epoch, table.Rates);
        table.Write();
        MoveTo(epoch, table.Rates);
    }

    /// <summary>
    /// Puts the rates of a moment into the table, from those in it. Pure: it changes nothing else, so that it also serves to
    /// look ahead. Composites pass it on.
    /// </summary>
    internal virtual void Evaluate(Moment at, RateTable table)
    {
        for (int i = 0; i < table.Rates.Length; i++)
        {
            int place = Places.PlaceOf(i);
            var x = new RateStep(at.Epoch, place, table.Rates[i], BaseRate(place));
            double rate = at.Kind switch
            {
                StepKind.Next => Next(x),
                StepKind.First => First(x),
                StepKind.Begin => First(x with { Current = x.Base }),
                StepKind.Restart => Restart(x),
                _ => Resume(x),
            };
            table.Rates[i] = Valid(rate, at.Epoch, i);
            if (Momentum(at.Epoch, place) is { } momentum)
                table.Momenta[i] = momentum;
        }
    }

    /// <summary>Takes an epoch and its rates for its own. Composites pass it on.</summary>
    internal virtual void MoveTo(long epoch, double[] rates)
    {
        LastEpoch = epoch;
        if (Places.IsInOrder || rates.Length == 0)
        {
            lastRates = [.. rates];
            return;
        }
        lastRates = [.. Enumerable.Repeat(double.NaN, Math.Max(Places.Count, rates.Length))];
        for (int i = 0; i < rates.Length; i++)
            lastRates[Places.PlaceOf(i)] = rates[i];
    }

    /// <summary>Forgets where it stands: a composite takes it over, and will start it.</summary>
    internal virtual void Rewind() => LastEpoch = -1;

    /// <summary>The rates (and momenta) of all groups from epoch 0 on, without changing anything.</summary>
    internal IEnumerable<(double[] Rates, double?[] Momenta)> Trace()
    {
        var table = new RateTable(Optimizer);
        for (long epoch = 0; ; epoch++)
        {
            Evaluate(new(epoch, epoch == 0 ? StepKind.Begin : StepKind.Next), table);
            yield return ([.. table.Rates], [.. table.Momenta]);
        }
    }

    private protected void SetLastRates() => lastRates = [.. Optimizer.ParameterGroups.Select(g => g.LearningRate)];

    void CheckOrder()
    {
        if (orderChecked)
            return;
        orderChecked = true;
        if (!Optimizer.HasStepped)
            Warnings.Raise(this, $"{Title} was stepped before its optimizer: the schedule's first rate is skipped. Call optimizer.Step() first, then scheduler.Step().");
    }
}
