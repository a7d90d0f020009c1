using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using OptimSharp.Engine;
using OptimSharp.Rules;

namespace OptimSharp;

/// <summary>
/// An optimizer whose step evaluates the closure as often as it wants to: a line search, a method that looks at several points. It sees all parameters as one
/// vector, of single or double precision, and has one state for them all.
/// </summary>
/// <remarks>
/// It has one group of parameters, and <see cref="Optimizer.Step{TLoss}(Func{TLoss})"/> is its only step. A step that throws, or whose closure throws, leaves parameters and state as they
/// were. Parameters without gradient count as having a gradient of zeros. In PyTorch's structure the state is that of the first parameter.
/// </remarks>
/// <typeparam name="TOptions">The optimizer's options.</typeparam>
public abstract class ClosureOptimizer<[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicProperties)] TOptions> : Optimizer<TOptions>
    where TOptions : OptimizerOptions, new()
{
    object? objective; // with its memory, kept between steps

    /// <summary>For a group of parameters.</summary>
    /// <param name="groups">The group; <see cref="Optimizer{TOptions}.Group"/> makes one of parameters.</param>
    /// <param name="options">The options, where the group overrides none; null: the record's defaults.</param>
    /// <exception cref="ArgumentException">Several groups, no parameters, one twice, one that the optimizer can't have, or an option out of range.</exception>
    protected ClosureOptimizer(IEnumerable<ParameterGroup<TOptions>> groups, TOptions? options) : base(groups, options)
    {
    }

    /// <summary>What the optimizer remembers, in the order in which state dicts have it. A tensor is a vector of all parameters' numbers.</summary>
    protected abstract IReadOnlyList<StateEntry> StateEntries();

    /// <summary>One step: moves the parameters to where the objective is smaller.</summary>
    /// <typeparam name="T">The type computed in: double when a parameter is of double precision, float otherwise.</typeparam>
    /// <param name="objective">The parameters, the closure, the state.</param>
    /// <param name="options">The group's options as they are now.</param>
    protected abstract void Minimize<T>(Objective<T> objective, TOptions options)
        where T : unmanaged, System.Numerics.IBinaryFloatingPointIeee754<T>;

    /// <summary>How many tensors or numbers a list of the state has at most, for <see cref="Optimizer.MemoryReport"/> of parameters without memory; null: nobody knows, and such a report is refused.</summary>
    /// <param name="list">The list: <see cref="StateEntry.Tensors"/> or <see cref="StateEntry.Numbers"/>.</param>
    /// <param name="options">The group's options.</param>
    protected virtual int? LongestList(StateEntry list, TOptions options) => null;

    /// <inheritdoc/>
    protected sealed override IReadOnlyList<StateEntry> StateEntries(Parameter parameter)
    {
        ArgumentNullException.ThrowIfNull(parameter);
        return parameter.Identity.Equals(Parameters[0].Identity) ? StateEntries() : [];
    }

    /// <inheritdoc/>
    protected sealed override void CheckGroup(ParameterGroup<TOptions> group)
    {
        if (ParameterGroups.Count > 0)
            throw new ArgumentException($"{GetType().Name} has one parameter group: its steps are of all parameters together. Put them all into one.", nameof(group));
    }

    /// <summary>Not called: a step is <see cref="Minimize"/>.</summary>
    protected sealed override void Update<T>(GroupStep<T> group, TOptions options) => throw new UnreachableException();

    internal sealed override bool NeedsClosure => true;

    internal sealed override bool SharesState => true;

    Parameter[] Parameters => ParameterGroups[0].ParameterArray;

    bool IsWide => Array.Exists(Parameters, p => p.ElementType.Compute() == ElementType.Float64);

    internal sealed override bool CanKeepParameters => false;

    internal sealed override StateTensor CreateState(Parameter parameter, StateEntry entry, StatePrecision precision) =>
        new HostTensor([Parameters.Sum(p => p.Numbers)], IsWide ? ElementType.Float64 : ElementType.Float32);

    internal sealed override Dictionary<object, ParameterState> MetaStates()
    {
        var state = new ParameterState();
        long numbers = Parameters.Sum(p => p.Numbers);
        var type = IsWide ? ElementType.Float64 : ElementType.Float32;
        foreach (var entry in StateEntries())
        {
            if (entry.Kind == StateKind.Tensor)
                state.Add(entry.Key, new MetaTensor([numbers], type), NamedPrecisions.Compute);
            if (entry.Kind is not (StateKind.Tensors or StateKind.Numbers))
                continue;
            int count = LongestList(entry, ParameterGroups[0].Options) ?? throw new InvalidOperationException($"{GetType().Name} does not say how long its list '{entry}' gets ({nameof(LongestList)}), so its memory can't be planned.");
            var list = state.AddList(entry.Key);
            for (int i = 0; i < count; i++)
                list.Add(entry.Kind == StateKind.Tensors ? new MetaTensor([numbers], type) : new MetaTensor([], ElementType.Float64));
        }
        return new() { [Parameters[0].Identity] = state };
    }

    private protected sealed override void Update() => throw new InvalidOperationException(
        $"{GetType().Name} evaluates the loss several times a step: call Step(closure), with a closure that zeroes the gradients, computes them and returns the loss.");

    private protected sealed override TLoss UpdateWith<TLoss>(Func<TLoss> closure)
    {
        Turn.GoTo(Stage.Evaluating);
        bool has = States.TryGetValue(Parameters[0].Identity, out var state);
        state ??= new ParameterState();
        TLoss first = default!;
        bool evaluated = false;

        double Evaluate()
        {
            var loss = Evaluate<TLoss>(closure);
            double value = LossValue.Read(loss, GetType().Name);
            if (!evaluated)
                (first, evaluated) = (loss, true);
            else if (loss is IDisposable later && !ReferenceEquals(later, first))
                later.Dispose(); // nobody else will see this loss
            return value;
        }

        if (IsWide)
            Run(objective as Objective<double> ?? new(this), state, Evaluate);
        else
            Run(objective as Objective<float> ?? new(this), state, Evaluate);
        if (!has)
            States.Add(Parameters[0].Identity, state);
        return first;
    }

    void Run<T>(Objective<T> objective, ParameterState state, Func<double> evaluate)
        where T : unmanaged, System.Numerics.IBinaryFloatingPointIeee754<T>
    {
        this.objective = objective;
        bool done = false;
        objective.Begin(Parameters, StateEntries(), state, evaluate);
        try
        {
            Minimize(objective, ParameterGroups[0].Options);
            if (objective.Evaluations == 0)
                throw new InvalidOperationException($"{GetType().Name} did not evaluate the closure in its step: there is no loss to return.");
            objective.SaveState();
            done = true;
        }
        finally
        {
            if (!done)
                objective.TakeBack();
            objective.End();
        }
    }
}
