namespace OptimSharp.Schedulers;

// What is saved of a schedule, and how it is taken over.
public abstract partial class LRScheduler
{
    /// <summary>A copy of the state, with PyTorch's keys. When all parameters have names, all different, those of each group are in it, too, as <c>param_names</c>.</summary>
    public StateDict StateDict()
    {
        var saving = new Fields(FieldsMode.Save, [], this);
        Save(saving);
        if (GroupNames.Of(Sources) is { } names)
            saving.State[GroupNames.Key] = names;
        return saving.State;
    }

    /// <summary>
    /// Takes a state over: settings, epoch, base rates. The optimizer's rates come from its own state, before or after this;
    /// what making this scheduler did to them is taken back if nothing changed them since.
    /// </summary>
    /// <remarks>
    /// What the state has for each group goes to the group with the same parameters, by their names, where both sides have names; else to the group of the same number.
    /// When the optimizer's rates at the next step are not those that the scheduler had left, a warning says so. Where the optimizer kept its rate as it
    /// was loaded (<see cref="LoadStateOptions.Keep"/>), the schedule's base rates are the groups' <see cref="ParameterGroup.InitialLearningRate"/>.
    /// </remarks>
    /// <exception cref="StateDictException">Something is missing or out of range, names don't say which group is which, or it is the state of an option's schedule. Nothing was changed.</exception>
    public void LoadStateDict(StateDict state) => LoadStateDict(state, new());

    /// <param name="state">The state dict.</param>
    /// <param name="options">The settings to be kept, and how groups are matched.</param>
    /// <inheritdoc cref="LoadStateDict(StateDict)" path="/summary|/remarks|/exception"/>
    /// <exception cref="ArgumentException">There is no such setting to keep.</exception>
    public void LoadStateDict(StateDict state, LoadScheduleOptions options)
    {
        ArgumentNullException.ThrowIfNull(state);
        ArgumentNullException.ThrowIfNull(options);
        if (Optimizer is not ScheduledOption && state.TryGetValue(OptionScheduler.OptionKey, out object? option))
            throw state.Wrong(OptionScheduler.OptionKey, option, $"absent: {GetType().Name} sets the rates", ", whose schedule this state is of (an OptionScheduler takes it)");
        var saving = new Fields(FieldsMode.Save, [], this);
        Save(saving);
        if (options.Keep.FirstOrDefault(key => !saving.Settings.Contains(key)) is { } unknown)
            throw new ArgumentException($"{Title} has no setting '{unknown}' to keep; it has: {string.Join(", ", saving.Settings)}.", nameof(options));
        bool wasChecked = orderChecked;
        try
        {
            Load(state, options.Keep, options.ByPosition ? null : GroupNames.Match(state, Sources));
        }
        catch
        {
            Load(saving.State, [], null);
            orderChecked = wasChecked;
            throw;
        }
        foreach (int i in NumbersBelow(lastRates.Length))
        {
            var group = Optimizer.ParameterGroups[i];
            group.TakeBack();
            if (group.RateKept is null && lastRates[Places.PlaceOf(i)] is var rate && !double.IsNaN(rate))
                (group.RatesToResume ??= []).Add(rate);
        }
    }

    /// <summary>
    /// The settings, each named once: constructors check them here, and states are written and read. Called last in an
    /// overriding method, so that PyTorch's order of keys is kept.
    /// </summary>
    private protected virtual void Describe(Fields fields)
    {
        fields.Numbers(baseRates, "base_lrs", Optimizer.ParameterGroups.Count, LeastRate);
        DescribeProgress(fields);
    }

    private protected void DescribeProgress(Fields fields)
    {
        LastEpoch = fields.Whole(LastEpoch, "last_epoch", atLeast: -1);
        fields.Derived("_step_count", Math.Max(1, LastEpoch + 1));
        fields.Derived("_is_initial", false);
        fields.Derived("_get_lr_called_within_step", false);
        DescribeLastRates(fields);
    }

    private protected void DescribeLastRates(Fields fields)
    {
        if (fields.IsSaving && fields.Order is { } order && lastRates.Length > 0)
            lastRates = [.. Enumerable.Range(0, order.Length).Select(place => LastRate(NumberAt(place)))];
        lastRates = fields.Numbers(lastRates, "_last_lr", Optimizer.ParameterGroups.Count, LeastRate, optional: true);
        fields.Ignore("verbose");
    }

    /// <summary>Writes the state.</summary>
    internal void Save(Fields fields)
    {
        AdoptNewGroups();
        fields.Order = Places.IsInOrder ? null : [.. Enumerable.Range(0, Optimizer.ParameterGroups.Count).Select(Places.PlaceOf)];
        Describe(fields);
    }

    /// <summary>Reads a state, changing things on the way.</summary>
    internal void Load(StateDict state, IReadOnlyCollection<string> keep, GroupSources? from)
    {
        var fields = new Fields(FieldsMode.Load, state, this, keep, from);
        if (from is not null || !Places.IsInOrder)
            fields.Order = [.. Enumerable.Range(0, Places.Count).Select(Places.NumberAt).Select(number => from is null ? number : from.Numbers[number])];
        Describe(fields);
        startedFrom.Clear();
        if (Optimizer is ScheduledOption)
            fields.Ignore(OptionScheduler.OptionKey);
        fields.Ignore(GroupNames.Key);
        fields.ReportUnknown();
        orderChecked = LastEpoch > 0;
    }
}
