namespace OptimSharp.Schedulers;

/// <summary>
/// Sets an option of an optimizer's groups as training goes on: the weight decay, a momentum, one of the betas, any that is a number. Step it after the optimizer, as an
/// <see cref="LRScheduler"/>, or name it in <see cref="TrainingStepOptions.Schedulers"/>.
/// </summary>
/// <remarks>
/// <para>
/// The option goes by PyTorch's name, <c>"weight_decay"</c>; one number of several by its place, <c>"betas[0]"</c>. Its value is a function of the step and the base value, which is
/// what a group has when the scheduler is made; or has the shape of a scheduler of rates (<see cref="Over"/>); or follows the rate (<see cref="FollowRate"/>).
/// </para>
/// <para>
/// Groups without the option are left out; groups that are added later start from their own value. A step changes the option of all groups or, when one can't have its value, of none:
/// the error names option, group, step and value. Other options than the one named are never written.
/// </para>
/// <para>
/// To resume, make optimizer and scheduler as at first, then load the states of both, in any order. One option has one scheduler: several shapes are put together in it by
/// <see cref="ChainedScheduler"/> and <see cref="SequentialLR"/>.
/// </para>
/// </remarks>
/// <example><code>
/// using var optimizer = new AdamW(parameters, new() { WeightDecay = 0.04 });
/// var decay = OptionScheduler.Over(optimizer, "weight_decay", o => new CosineAnnealingLR(o, tMax: 100, etaMin: 0.4)); // from 0.04 to 0.4
/// var beta = new OptionScheduler(optimizer, "betas[1]", (step, start) => Math.Min(0.999, start + 1e-4 * step));
/// var step = new TrainingStep(optimizer, new() { Schedulers = [decay, beta] });
/// </code></example>
public sealed class OptionScheduler : IScheduler
{
    /// <summary>The state's key that says whose schedule it is.</summary>
    internal const string OptionKey = "option";

    readonly ScheduledOption option;
    readonly LRScheduler schedule;

    /// <summary>A schedule that is a function of step and base value. It sets the option, whatever it was.</summary>
    /// <param name="optimizer">The optimizer whose groups' option is set.</param>
    /// <param name="option">The option by PyTorch's name, as <c>"weight_decay"</c>, or one of its numbers, as <c>"betas[0]"</c>.</param>
    /// <param name="value">From the step, 0 first, and a group's base value to the value. A method of an object that is <see cref="IStateful"/> is saved with its object's state.</param>
    /// <exception cref="ArgumentException">No group has the option, it is no number, or it is the rate. Nothing was changed.</exception>
    /// <exception cref="InvalidOperationException">A group can't have the first value. Nothing was changed.</exception>
    public OptionScheduler(Optimizer optimizer, string option, Func<long, double, double> value)
        : this(new ScheduledOption(optimizer, option, isRate: false), of => new OptionFunction(of, value ?? throw new ArgumentNullException(nameof(value))))
    {
    }

    OptionScheduler(ScheduledOption option, Func<ScheduledOption, LRScheduler> shape)
    {
        this.option = option;
        schedule = shape(option) ?? throw new ArgumentException("The function gave no scheduler.", nameof(shape));
        if (schedule.Optimizer != option)
            throw new ArgumentException($"The {schedule.GetType().Name} must be made over what the function is given, but it was made over another optimizer: o => new {schedule.GetType().Name}(o, …).", nameof(shape));
        if (schedule is ReduceLROnPlateau)
            throw new ArgumentException("ReduceLROnPlateau needs a metric for each step: it can't be the shape of an option's schedule.", nameof(shape));
        double[] first = [.. option.ParameterGroups.Select(g => g.LearningRate)];
        option.WriteAsNew(() => option.Write(schedule.LastEpoch, first));
        schedule.BeforeWriting = option.Write;
    }

    /// <summary>A schedule with the shape of any scheduler of rates: what would be a group's rate is its option's value.</summary>
    /// <param name="optimizer">The optimizer whose groups' option is set.</param>
    /// <param name="option">The option by PyTorch's name, as <c>"weight_decay"</c>, or one of its numbers, as <c>"betas[0]"</c>. Its values are ≥ 0.</param>
    /// <param name="shape">
    /// Makes the scheduler: <c>o => new CosineAnnealingLR(o, 100)</c>, <c>o => Warmup.Cosine(o, 10, 100)</c>. What it is given stands for the option's values, and is for making
    /// schedulers only. Those that cycle the momentum, too, are told not to: <c>cycleMomentum: false</c>.
    /// </param>
    /// <exception cref="ArgumentException">
    /// No group has the option, it is no number ≥ 0, or it is the rate; or the function gave a <see cref="ReduceLROnPlateau"/>, or a scheduler over another optimizer. The option was not changed.
    /// </exception>
    /// <exception cref="InvalidOperationException">A group can't have the first value. Nothing was changed.</exception>
    public static OptionScheduler Over(Optimizer optimizer, string option, Func<Optimizer, LRScheduler> shape)
    {
        ArgumentNullException.ThrowIfNull(shape);
        return new(new ScheduledOption(optimizer, option, isRate: true), shape);
    }

    /// <summary>
    /// A schedule that follows the rate: value = base · rate / initial rate, the rate being what the group has when this is stepped. So step it after the scheduler of rates, and make it after that.
    /// </summary>
    /// <remarks>
    /// The initial rate is the group's <see cref="ParameterGroup.InitialLearningRate"/>, or the rate it had when this was made; where that is 0, the option stays at its base value.
    /// With <see cref="OneCycleLR"/> and <see cref="CyclicLR"/> it is the lowest rate, not the highest.
    /// </remarks>
    /// <param name="optimizer">The optimizer whose groups' option is set.</param>
    /// <param name="option">The option by PyTorch's name, as <c>"weight_decay"</c>, or one of its numbers, as <c>"betas[0]"</c>.</param>
    /// <exception cref="ArgumentException">No group has the option, it is no number, or it is the rate. Nothing was changed.</exception>
    /// <exception cref="InvalidOperationException">A group can't have the first value. Nothing was changed.</exception>
    public static OptionScheduler FollowRate(Optimizer optimizer, string option) =>
        new(new ScheduledOption(optimizer, option, isRate: false), of => new RateFollower(of));

    /// <summary>The optimizer whose option is set.</summary>
    public Optimizer Optimizer => option.Owner;

    /// <summary>The option, as it was named.</summary>
    public string Option => option.Path.ToString();

    /// <summary>How many steps were taken since the start: the number of the step that the present values are for.</summary>
    public long LastEpoch => schedule.LastEpoch;

    /// <summary>The values after the last step, one for each group that has the option.</summary>
    public IReadOnlyList<double> LastValues => schedule.LastLearningRates;

    /// <summary>The values that the schedule starts from, one for each group that has the option.</summary>
    public IReadOnlyList<double> BaseValues => schedule.BaseLearningRates;

    /// <summary>Whether it sets the same number of a group as another one.</summary>
    internal bool SetsTheSameAs(OptionScheduler other) => Option == other.Option && option.SourceGroups.Any(other.option.SourceGroups.Contains);

    /// <summary>Whether it sets what a scheduler of rates that cycles the momentum sets.</summary>
    internal bool SetsMomentumOf(LRScheduler cycling) => cycling.Optimizer.ParameterGroups.Any(g => option.SourceGroups.Contains(g) && Option == (g.HasOption("betas") ? "betas[0]" : "momentum"));

    internal bool FollowsRate => schedule is RateFollower;

    /// <summary>Goes on by one: sets the option of every group that has it.</summary>
    /// <exception cref="InvalidOperationException">A group can't have its value. Nothing was changed.</exception>
    /// <exception cref="ArgumentException">The option of a group that was added later is no number. Nothing was changed.</exception>
    /// <exception cref="ObjectDisposedException">The optimizer was disposed.</exception>
    public void Step()
    {
        Optimizer.Turn.Check();
        option.Read();
        schedule.Step();
    }

    /// <summary>
    /// Lets groups that were added to the optimizer since the last step join the schedule where it is, from their own values: <see cref="LRScheduler.IncludeAddedGroups"/>. Following the rate, call it after that of the rate's scheduler.
    /// </summary>
    /// <exception cref="InvalidOperationException">A group can't have its value. Nothing was changed.</exception>
    /// <exception cref="ArgumentException">The option of a group that was added is no number. Nothing was changed.</exception>
    /// <exception cref="ObjectDisposedException">The optimizer was disposed.</exception>
    public void IncludeAddedGroups()
    {
        Optimizer.Turn.Check();
        option.Read();
        schedule.IncludeAddedGroups();
    }

    /// <summary>The value that this schedule gives a group at a step, from its base value: of a group that was added later as if it had been there from the start. Changes nothing.</summary>
    /// <param name="step">The step, ≥ 0.</param>
    /// <param name="group">The group's number in the optimizer.</param>
    /// <exception cref="ArgumentException">The group does not have the option, or a number is out of range.</exception>
    /// <exception cref="InvalidOperationException">The value depends on more than the step: it follows the rate.</exception>
    public double ValueAt(long step, int group = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(group);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(group, Optimizer.ParameterGroups.Count);
        if (FollowsRate)
            throw new InvalidOperationException($"The value of '{Option}' follows the rate: it is no function of the step.");
        option.Read();
        int number = option.Find(group);
        return number >= 0 ? schedule.RateAt(step, number) : throw new ArgumentException($"Parameter group {group} has no option '{option.Path.Key}'.", nameof(group));
    }

    /// <summary>A copy of the state: the option's name, and what a scheduler of rates has of this shape, with PyTorch's keys (<c>base_lrs</c> and <c>_last_lr</c> are the option's values).</summary>
    public StateDict StateDict()
    {
        option.Read();
        var state = new StateDict { { OptionKey, Option } };
        foreach (var (key, value) in schedule.StateDict())
            state[key] = value;
        return state;
    }

    /// <summary>
    /// Takes a state over: settings, step, base values. The options come from the optimizer's own state, before or after this; what making this scheduler did to them is taken back if
    /// nothing changed them since.
    /// </summary>
    /// <remarks>
    /// When the options at the next step are not those that the scheduler had left, a warning says so. Where the optimizer kept the option as it was loaded (<see cref="LoadStateOptions.Keep"/>), the
    /// schedule's base values are what the groups had when the scheduler was made.
    /// </remarks>
    /// <exception cref="StateDictException">It is the state of another option's schedule, or something is missing or out of range. Nothing was changed.</exception>
    public void LoadStateDict(StateDict state) => LoadStateDict(state, new());

    /// <param name="state">The state dict.</param>
    /// <param name="options">The settings to be kept.</param>
    /// <inheritdoc cref="LoadStateDict(StateDict)" path="/summary|/remarks|/exception"/>
    /// <exception cref="ArgumentException">There is no such setting to keep.</exception>
    public void LoadStateDict(StateDict state, LoadScheduleOptions options)
    {
        ArgumentNullException.ThrowIfNull(state);
        if (state.GetString(OptionKey) is var saved && saved != Option)
            throw state.Wrong(OptionKey, saved, $"'{Option}', whose schedule this is");
        option.Read();
        schedule.LoadStateDict(state, options);
        option.TakeBack();
    }

    /// <summary>The option, the shape, and where it stands.</summary>
    public override string ToString() => $"{Option}: {schedule}";
}
