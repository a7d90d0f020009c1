using OptimSharp.Engine;
using OptimSharp.Rules;

namespace OptimSharp;

// What an optimizer remembers, saved and taken over.
public abstract partial class Optimizer
{
    /// <summary>The state of a parameter; null before its first step with a gradient.</summary>
    public ParameterState? StateOf(Parameter parameter)
    {
        ArgumentNullException.ThrowIfNull(parameter);
        return StateOf(parameter.Identity) is { IsEmpty: false } state ? state : null;
    }

    /// <summary>
    /// A copy of state and options in PyTorch's structure: <c>state</c>, by the parameters' running numbers, and <c>param_groups</c>, each with
    /// its options, the numbers of its <c>params</c> and, when all parameters have names, <c>param_names</c>.
    /// </summary>
    /// <remarks>Parameters themselves are not in it: save the model's, too.</remarks>
    public StateDict StateDict()
    {
        using var turn = Turn.Enter("StateDict", within: Stage.Before | Stage.Evaluating | Stage.After, Stage.Before);
        CheckHeld("StateDict");
        CheckMemory("StateDict");
        StateSaving?.Invoke(this, EventArgs.Empty);
        Turn.Check();
        var state = OptimizerState.Save(this);
        Turn.GoTo(Stage.After);
        StateSaved?.Invoke(this, new(state));
        return state;
    }

    /// <summary>
    /// Takes over a copy of state and options, of ours or PyTorch's making. Parameters are matched by name when both sides have names, all
    /// different, and by position otherwise; then a name that differs from that at its place is refused. State is converted to the type that this optimizer keeps it in.
    /// </summary>
    /// <returns>What became of each parameter.</returns>
    /// <exception cref="StateDictException">Counts, names, shapes, types or options do not fit, or something is missing. Nothing was changed.</exception>
    public LoadReport LoadStateDict(StateDict state) => LoadStateDict(state, new());

    /// <param name="state">The state dict.</param>
    /// <param name="options">What is kept, how parameters are matched, and what becomes of what one side alone has.</param>
    /// <inheritdoc cref="LoadStateDict(StateDict)" path="/summary|/returns|/exception"/>
    /// <exception cref="ArgumentException">There is no such option to keep.</exception>
    public LoadReport LoadStateDict(StateDict state, LoadStateOptions options)
    {
        ArgumentNullException.ThrowIfNull(state);
        ArgumentNullException.ThrowIfNull(options);
        using var turn = Turn.Enter("LoadStateDict", within: Stage.Before | Stage.After, Stage.Before);
        CheckHeld("LoadStateDict");
        CheckMemory("LoadStateDict");
        if (StateLoading is { } handlers)
        {
            state = state.Clone();
            handlers(this, new(state));
            Turn.Check();
        }
        Turn.GoTo(Stage.Working);
        var load = new OptimizerLoad(this, state, options);
        foreach (var part in Parts)
            part.Take([.. load.Groups.Where(g => g.Part == part)], load.States, options.Keep);
        Context.Forget();
        Turn.GoTo(Stage.After);
        RaiseLoaded();
        if (load.Nothing is { } warning)
            Warnings.Raise(this, warning);
        return load.Report;
    }

    void IStateful.LoadStateDict(StateDict state) => LoadStateDict(state);

    /// <summary>Whether a step was ever taken, or left out because it was not finite. Schedulers warn when none was.</summary>
    internal virtual bool HasStepped
    {
        get;
        set
        {
            field = value;
            HasSteppedSinceLoading |= value;
        }
    }

    /// <summary>The same since a state was loaded.</summary>
    internal bool HasSteppedSinceLoading { get; private set; }

    /// <summary>The state of the parameter with an identity; null when there is none yet.</summary>
    internal ParameterState? StateOf(object identity)
    {
        foreach (var part in Parts)
        {
            if (part.States.TryGetValue(identity, out var state))
                return state;
        }
        return null;
    }

    /// <summary>Takes over what was loaded of its own.</summary>
    void Take(LoadedGroup[] loaded, Dictionary<object, ParameterState> all, IReadOnlyCollection<string> keep)
    {
        foreach (var group in loaded)
            group.Group.Load(group, keep);
        if (!Groups.SequenceEqual(loaded.Select(g => g.Group)))
            SetGroups([.. loaded.Select(g => g.Group)]);
        var states = new Dictionary<object, ParameterState>();
        foreach (var parameter in Groups.SelectMany(g => g.Parameters))
        {
            if (all.TryGetValue(parameter.Identity, out var state))
                states.Add(parameter.Identity, state);
        }
        foreach (var (identity, old) in States)
        {
            if (!states.TryGetValue(identity, out var kept) || kept != old)
                old.Dispose();
        }
        States = states;
        foreach (var state in states.Values)
            state.StepWhenLoaded = state.Step;
        HasSteppedSinceLoading = false;
        Context.Forget();
    }

    /// <summary>What is remembered of a parameter, in PyTorch's order.</summary>
    internal abstract IReadOnlyList<StateEntry> EntriesOf(Parameter parameter);

    /// <summary>The same with what keeps the parameter itself (<see cref="ParameterPrecision"/>).</summary>
    internal IReadOnlyList<StateEntry> AllEntriesOf(Parameter parameter) =>
        parameter.ElementType == ElementType.BFloat16 && CanKeepParameters ? [.. EntriesOf(parameter), .. ParameterStorage.Entries] : EntriesOf(parameter);

    /// <summary>Whether parameters can be kept in another way than to nearest: whether rules alone write them.</summary>
    internal virtual bool CanKeepParameters => true;

    /// <summary>The name of a group's count of steps, which counts for its parameters where their states have none.</summary>
    internal virtual string CountOfGroup => StateEntry.Step.Key;

    /// <summary>The scope in which the parameters hold something else than what is trained, as "within …"; null outside of one.</summary>
    internal string? Held { get; set; }

    /// <summary>Throws when parameters hold something else than what is trained, so that the call would save or change the wrong thing.</summary>
    internal void CheckHeld(string call)
    {
        var scope = Held ?? CombinedIn?.Held;
        foreach (var part in Parts)
            scope ??= part.Held;
        if (scope is not null)
            throw new InvalidOperationException($"{call} was called {scope}. Dispose that first.");
    }

    /// <summary>Throws when a step would be of something else than what was loaded.</summary>
    internal virtual void CheckLoaded()
    {
    }

    /// <summary>Throws <see cref="ArgumentException"/> for a parameter that the optimizer can't have with these options.</summary>
    internal abstract void CheckParameter(Parameter parameter, OptimizerOptions options);

    /// <summary>Why options name precisions of states that the optimizer does not have, or can't keep so; null when they don't.</summary>
    /// <param name="options">The options of a group.</param>
    /// <param name="others">Parameters that the optimizer does not have yet.</param>
    internal string? WrongNames(OptimizerOptions options, IEnumerable<Parameter> others) => options.StatePrecisionByName.Count == 0 ? null
        : options.Precisions.WrongNames(this, Groups.SelectMany(group => group.ParameterArray).Concat(others));

    /// <summary>Whether one state is for all parameters together, in their order.</summary>
    internal virtual bool SharesState => false;

    /// <summary>A state tensor for a value that is loaded.</summary>
    internal virtual StateTensor CreateState(Parameter parameter, StateEntry entry, StatePrecision precision) =>
        entry.Create(parameter, precision);

    /// <summary>What is wrong with a parameter's state when several entries are looked at together: the entry to be named, and a sentence about it without its full stop; null when nothing is.</summary>
    internal abstract (StateEntry Entry, string Problem)? WrongTogether(Parameter parameter, StateDict state);
}
