namespace OptimSharp.Schedulers;

/// <summary>
/// Sets an optimizer's learning rates as training goes on. Step it after the optimizer: once per epoch or once per batch, as
/// the schedule is meant.
/// </summary>
/// <remarks>
/// Most schedulers are chainable, as PyTorch's: at each step they multiply the rate that a group has by a factor, so that
/// several on one optimizer multiply, and a rate set by hand in between is kept.
/// </remarks>
public abstract class LRScheduler
{
    bool orderChecked;

    /// <param name="optimizer">The optimizer whose groups' rates are set.</param>
    /// <param name="lastEpoch">−1 to start; the number of steps already taken to go on where a run had stopped.</param>
    /// <exception cref="InvalidOperationException">
    /// To go on, each group must have an <see cref="ParameterGroup.InitialLearningRate"/>, but one has none.</exception>
    private protected LRScheduler(Optimizer optimizer, long lastEpoch)
    {
        ArgumentNullException.ThrowIfNull(optimizer);
        ArgumentOutOfRangeException.ThrowIfLessThan(lastEpoch, -1);
        foreach (var (group, i) in optimizer.ParameterGroups.Select((g, i) => (g, i)))
        {
            if (lastEpoch >= 0 && group.InitialLearningRate is null)
                throw new InvalidOperationException(
                    $"Parameter group {i} has no InitialLearningRate, which a scheduler needs to go on from lastEpoch = {lastEpoch}. Load the optimizer's state first.");
        }
        Optimizer = optimizer;
        LastEpoch = lastEpoch;
    }

    /// <summary>The optimizer whose rates are set.</summary>
    public Optimizer Optimizer { get; }

    /// <summary>How many steps were taken since the start: the number of the epoch that the present rates are for. PyTorch's <c>last_epoch</c>.</summary>
    public long LastEpoch { get; private set; }

    /// <summary>The groups' rates after the last step.</summary>
    public IReadOnlyList<double> LastLearningRates { get; private set; } = [];

    /// <summary>Goes on by one: sets every group's rate.</summary>
    public void Step()
    {
        if (!orderChecked)
        {
            orderChecked = true;
            if (!Optimizer.HasStepped)
                Warnings.Raise(this, $"{GetType().Name} was stepped before its optimizer: the schedule's first rate is skipped. Call optimizer.Step() first, then scheduler.Step().");
        }
        LastEpoch++;
        WriteRates(initial: false);
    }

    /// <summary>The rate of a group at an epoch, from the rate that it has.</summary>
    private protected abstract double Rate(in RateStep x);

    /// <summary>The first step, which a scheduler takes when it is made: called last in its constructor.</summary>
    private protected void Start()
    {
        foreach (var group in Optimizer.ParameterGroups)
            group.InitialLearningRate ??= group.LearningRate;
        LastEpoch++;
        WriteRates(initial: true);
    }

    void WriteRates(bool initial)
    {
        var groups = Optimizer.ParameterGroups;
        var rates = new double[groups.Count];
        for (int i = 0; i < groups.Count; i++)
        {
            var group = groups[i];
            group.InitialLearningRate ??= group.LearningRate; // a group added later starts from its own rate
            group.LearningRate = Rate(new(LastEpoch, i, group.LearningRate, group.InitialLearningRate.Value, initial));
            rates[i] = group.LearningRate;
        }
        LastLearningRates = rates;
    }

    /// <summary>What a scheduler needs to know to set one group's rate.</summary>
    /// <param name="Epoch">The number of the epoch, 0 first.</param>
    /// <param name="Group">The group's number.</param>
    /// <param name="Current">The rate the group has.</param>
    /// <param name="Base">The rate that the schedule started from.</param>
    /// <param name="IsInitial">Whether this is the step taken when the scheduler is made.</param>
    private protected readonly record struct RateStep(long Epoch, int Group, double Current, double Base, bool IsInitial);
}
