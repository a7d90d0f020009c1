using System.Globalization;
using OptimSharp.Kernels;

namespace OptimSharp;

/// <summary>
/// Changes parameters by their gradients. The part that all optimizers have in common, as PyTorch's
/// <c>torch.optim.Optimizer</c>; make one of its kinds, such as <see cref="SGD"/> or <see cref="AdamW"/>.
/// </summary>
/// <remarks>Not for use by several threads at once; a step uses several threads itself.</remarks>
public abstract class Optimizer : IStateful, IDisposable
{
    private protected readonly StepContext Context = new();
    private protected Dictionary<object, ParameterState> States = [];
    bool disposed;

    private protected Optimizer()
    {
    }

    /// <summary>Raised before each step of any optimizer, first of all.</summary>
    public static event EventHandler? AnyStepping;

    /// <summary>Raised after each step of any optimizer, last of all.</summary>
    public static event EventHandler? AnyStepped;

    /// <summary>Raised before each step, before its closure runs.</summary>
    public event EventHandler? Stepping;

    /// <summary>Raised after each step.</summary>
    public event EventHandler? Stepped;

    /// <summary>Raised before the state is saved.</summary>
    public event EventHandler? StateSaving;

    /// <summary>Raised after the state was saved, with the state dict that <see cref="StateDict"/> returns: handlers may change it.</summary>
    public event EventHandler<StateDictEventArgs>? StateSaved;

    /// <summary>Raised before a state is loaded, with a copy of the state dict: handlers may change it.</summary>
    public event EventHandler<StateDictEventArgs>? StateLoading;

    /// <summary>Raised after a state was loaded.</summary>
    public event EventHandler? StateLoaded;

    /// <summary>The groups of parameters, each with its options.</summary>
    public IReadOnlyList<ParameterGroup> ParameterGroups => Groups;

    /// <summary>Whether a step was ever taken, or left out in its turn: schedulers ask.</summary>
    internal bool HasStepped { get; set; }

    private protected abstract IReadOnlyList<ParameterGroup> Groups { get; }

    /// <summary>
    /// Changes every parameter that has a gradient, by one step. All or nothing: when it throws, parameters, state and counts
    /// are as they were.
    /// </summary>
    /// <exception cref="InvalidOperationException">A gradient does not fit its parameter, or a parameter can't be used any more.</exception>
    public void Step()
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        AnyStepping?.Invoke(this, EventArgs.Empty);
        Stepping?.Invoke(this, EventArgs.Empty);
        Update();
        AfterStep();
    }

    /// <summary>
    /// Runs a closure that computes the loss and its gradients, once and first, then takes a step.
    /// </summary>
    /// <param name="closure">Zeroes the gradients, computes the loss and the new gradients, returns the loss.</param>
    /// <returns>What the closure returned.</returns>
    /// <inheritdoc cref="Step()"/>
    public TLoss Step<TLoss>(Func<TLoss> closure)
    {
        ArgumentNullException.ThrowIfNull(closure);
        ObjectDisposedException.ThrowIf(disposed, this);
        AnyStepping?.Invoke(this, EventArgs.Empty);
        Stepping?.Invoke(this, EventArgs.Empty);
        var loss = UpdateWith(closure);
        AfterStep();
        return loss;
    }

    /// <summary>A step with what a training step does around it; it may be left out.</summary>
    internal void StepWithin(StepFrame frame)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        AnyStepping?.Invoke(this, EventArgs.Empty);
        Stepping?.Invoke(this, EventArgs.Empty);
        Context.Frame = frame;
        try
        {
            Update();
        }
        finally
        {
            Context.Frame = null;
        }
        AfterStep(frame);
    }

    /// <inheritdoc cref="StepWithin(StepFrame)"/>
    internal TLoss StepWithin<TLoss>(StepFrame frame, Func<TLoss> closure)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        AnyStepping?.Invoke(this, EventArgs.Empty);
        Stepping?.Invoke(this, EventArgs.Empty);
        Context.Frame = frame;
        TLoss loss;
        try
        {
            loss = UpdateWith(closure);
        }
        finally
        {
            Context.Frame = null;
        }
        AfterStep(frame);
        return loss;
    }

    /// <summary>Runs a closure, without a step.</summary>
    internal TLoss EvaluateAlone<TLoss>(Func<TLoss> closure)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        return Evaluate(closure);
    }

    /// <summary>Removes all gradients, or sets them to zeros.</summary>
    /// <param name="setToNull">
    /// true: parameters have no gradient until the next is computed, and a step in between leaves them out. false: they have
    /// gradients of zeros, and a step in between still applies momentum and weight decay.
    /// </param>
    public void ZeroGrad(bool setToNull = true)
    {
        for (int i = 0; i < Groups.Count; i++)
        {
            foreach (var parameter in Groups[i].ParameterArray)
                parameter.ZeroGrad(setToNull);
        }
    }

    /// <summary>The state of a parameter; null before its first step with a gradient.</summary>
    public ParameterState? StateOf(Parameter parameter)
    {
        ArgumentNullException.ThrowIfNull(parameter);
        return States.TryGetValue(parameter.Identity, out var state) && !state.IsEmpty ? state : null;
    }

    /// <summary>
    /// A copy of state and options in PyTorch's structure: <c>state</c>, by the parameters' running numbers, and <c>param_groups</c>, each with
    /// its options, the numbers of its <c>params</c> and, when all parameters have names, <c>param_names</c>.
    /// </summary>
    /// <remarks>Parameters themselves are not in it: save the model's, too.</remarks>
    public StateDict StateDict()
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        StateSaving?.Invoke(this, EventArgs.Empty);
        var state = OptimizerState.Save(this);
        StateSaved?.Invoke(this, new(state));
        return state;
    }

    /// <summary>
    /// Takes over a copy of state and options, of ours or PyTorch's making. Parameters are matched by name when both sides have names, all
    /// different, and by position otherwise. State is converted to the type that this optimizer keeps it in.
    /// </summary>
    /// <returns>What became of each parameter.</returns>
    /// <exception cref="StateDictException">Counts, names, shapes, types or options do not fit, or something is missing. Nothing was changed.</exception>
    public LoadReport LoadStateDict(StateDict state) => LoadStateDict(state, new());

    /// <param name="state">The state dict.</param>
    /// <param name="options">What is kept, how parameters are matched, and what becomes of what one side alone has.</param>
    /// <inheritdoc cref="LoadStateDict(StateDict)"/>
    /// <exception cref="StateDictException">Counts, names, shapes, types or options do not fit, or something is missing. Nothing was changed.</exception>
    /// <exception cref="ArgumentException">There is no such option to keep.</exception>
    public LoadReport LoadStateDict(StateDict state, LoadStateOptions options)
    {
        ArgumentNullException.ThrowIfNull(state);
        ArgumentNullException.ThrowIfNull(options);
        ObjectDisposedException.ThrowIf(disposed, this);
        if (StateLoading is { } handlers)
        {
            state = state.Clone();
            handlers(this, new(state));
        }
        var load = new OptimizerLoad(this, state, options);
        foreach (var group in load.Groups)
            group.Group.Load(group, keepsRate: options.Keep.Contains("lr"));
        if (!Groups.SequenceEqual(load.Groups.Select(g => g.Group)))
            SetGroups([.. load.Groups.Select(g => g.Group)]);
        foreach (var (identity, old) in States)
        {
            if (!load.States.TryGetValue(identity, out var kept) || kept != old)
                old.Dispose();
        }
        States = load.States;
        Context.Forget();
        StateLoaded?.Invoke(this, EventArgs.Empty);
        if (load.Nothing is { } warning)
            Warnings.Raise(this, warning);
        return load.Report;
    }

    void IStateful.LoadStateDict(StateDict state) => LoadStateDict(state);

    /// <summary>Class, groups, options and extras, as PyTorch prints them.</summary>
    public override string ToString()
    {
        var text = new System.Text.StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"{GetType().Name} (\n");
        for (int i = 0; i < Groups.Count; i++)
        {
            text.Append(CultureInfo.InvariantCulture, $"{(i == 0 ? "" : "\n")}Parameter Group {i}\n");
            var group = Groups[i];
            var shown = group.OptionKeys.Select(key => (Key: key, Value: group[key])).Concat(group.Extras.Select(e => (Key: e.Key.ToString(), e.Value)));
            foreach (var (key, value) in shown.OrderBy(entry => entry.Key, StringComparer.Ordinal))
                text.Append(CultureInfo.InvariantCulture, $"    {key}: {OptionDescriptor.Text(value)}\n");
        }
        return text.Append(')').ToString();
    }

    /// <summary>Frees the state.</summary>
    public void Dispose()
    {
        if (disposed)
            return;
        disposed = true;
        foreach (var state in States.Values)
            state.Dispose();
        States.Clear();
        GC.SuppressFinalize(this);
    }

    /// <summary>The options as they are when nobody says otherwise.</summary>
    internal abstract OptimizerOptions StandardOptions { get; }

    /// <summary>What is remembered of a parameter, in PyTorch's order.</summary>
    internal abstract IReadOnlyList<StateEntry> StateEntries(Parameter parameter);

    /// <summary>Whether a step evaluates a closure, several times, and is none without.</summary>
    internal virtual bool NeedsClosure => false;

    /// <summary>Whether one state is for all parameters together, in their order.</summary>
    internal virtual bool SharesState => false;

    /// <summary>A state tensor for a value that is loaded.</summary>
    internal virtual StateTensor CreateState(Parameter parameter, string key, StatePrecision precision) =>
        parameter.Backend.CreateState(parameter, parameter.Shape, precision.TypeFor(parameter.ElementType));

    /// <summary>Throws <see cref="StateDictException"/> when entries that were read do not fit together.</summary>
    internal virtual void CheckState(ParameterState state, StateDict from)
    {
    }

    /// <summary>A group of this optimizer's kind, which is not among its groups yet.</summary>
    internal abstract ParameterGroup MakeGroup(IEnumerable<Parameter> parameters, OptimizerOptions options);

    /// <summary>Takes other groups of the same parameters.</summary>
    private protected abstract void SetGroups(IReadOnlyList<ParameterGroup> to);

    internal bool Has(object identity, ParameterState state) => States.TryGetValue(identity, out var present) && present == state;

    /// <summary>One step over all groups, without hooks.</summary>
    private protected abstract void Update();

    /// <summary>The closure, then one step. An optimizer that needs the loss several times overrides it.</summary>
    private protected virtual TLoss UpdateWith<TLoss>(Func<TLoss> closure)
    {
        TLoss loss = Evaluate(closure);
        Update();
        return loss;
    }

    /// <summary>Runs a closure with the thread prepared for computing gradients.</summary>
    private protected TLoss Evaluate<TLoss>(Func<TLoss> closure)
    {
        using (EnterClosure())
            return closure();
    }

    IDisposable? EnterClosure()
    {
        for (int i = 0; i < Groups.Count; i++)
        {
            foreach (var parameter in Groups[i].ParameterArray)
            {
                if (parameter.EnterClosure() is { } scope)
                    return scope;
            }
        }
        return null;
    }

    void AfterStep(StepFrame frame)
    {
        if (frame.Skipped)
            HasStepped = true; // a scheduler that follows comes in its turn
        else
            AfterStep();
    }

    void AfterStep()
    {
        HasStepped = true;
        Stepped?.Invoke(this, EventArgs.Empty);
        AnyStepped?.Invoke(this, EventArgs.Empty);
    }
}
