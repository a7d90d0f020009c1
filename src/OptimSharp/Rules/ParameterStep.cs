using System.Numerics;
using System.Runtime.CompilerServices;
using OptimSharp.Engine;

namespace OptimSharp.Rules;

/// <summary>One parameter in a step: its state, and the rule that it is given. Nothing is changed before all parameters have their rules.</summary>
/// <typeparam name="T">The type computed in: float or double.</typeparam>
public readonly ref struct ParameterStep<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    readonly StepContext context;
    readonly ref StepContext.Entry entry;

    internal ParameterStep(StepContext context, ref StepContext.Entry entry)
    {
        this.context = context;
        this.entry = ref entry;
    }

    /// <summary>The parameter.</summary>
    public Parameter Parameter => entry.Parameter;

    /// <summary>The sizes of the parameter.</summary>
    public ReadOnlySpan<long> Shape => entry.Parameter.Shape;

    /// <summary>The type that the parameter is stored as.</summary>
    public ElementType ElementType => entry.Type;

    /// <summary>Rounds what PyTorch stores in the middle of a step.</summary>
    public Rounding<T> Rounding => new((entry.Precision == StatePrecision.Parameter && entry.Kept is null ? StatePrecision.Parameter : StatePrecision.Compute).TypeFor(entry.Type));

    /// <summary>Counts the step when it succeeds, and gives its number: 1 for the parameter's first. The state has <see cref="StateEntry.Step"/>.</summary>
    /// <exception cref="InvalidOperationException">The optimizer's state has no <see cref="StateEntry.Step"/>.</exception>
    public long NextStep()
    {
        entry.Counts = true;
        long before = entry.State!.Step;
        if (before == 0)
            context.CheckDeclared(ref entry, StateEntry.Step);
        return before + 1;
    }

    /// <summary>xʸ with the same bits on every machine, which <see cref="Math.Pow"/> does not promise. For x &gt; 0, or whole y ≥ 0.</summary>
    public double Power(double x, double y) => context.Powers[x, y];

    /// <summary>ln x with the same bits on every machine, which <see cref="Math.Log(double)"/> does not promise.</summary>
    public double Log(double x) => Powers.Log(x);

    /// <summary>Whether the parameter has this state tensor, or list of matrices, already.</summary>
    public bool Has(StateEntry state)
    {
        ArgumentNullException.ThrowIfNull(state);
        return ReferenceEquals(entry.S0.Entry, state) || entry.State!.Find(state.Key) is not null || entry.State.FindList(state.Key) is not null; // what a slot remembers is there
    }

    /// <summary>A number of the state, or what it starts with.</summary>
    public double Number(StateEntry state) => Number(state, state.Initial);

    /// <summary>A number of the state, or what it starts with, when that depends on options.</summary>
    public double Number(StateEntry state, double initial) => entry.State!.TryGetScalar(state.Key, out double value) ? value : initial;

    /// <summary>Leaves a number in the state, when the step succeeds.</summary>
    /// <exception cref="InvalidOperationException">The optimizer's state has no such number.</exception>
    public void SetNumber(StateEntry state, double value)
    {
        ArgumentNullException.ThrowIfNull(state);
        if (state.Kind is not (StateKind.Number or StateKind.Whole))
            throw new InvalidOperationException($"State '{state}' is used as a number, but it was declared as {state.Kind}: it would not be saved.");
        if (!entry.State!.TryGetScalar(state.Key, out _))
            context.CheckDeclared(ref entry, state);
        context.SetNumber(ref entry, state.Key, value);
    }

    /// <summary>Makes a state tensor, unless it is there already, that starts with a value that depends on options.</summary>
    /// <exception cref="InvalidOperationException">The optimizer's state has no such tensor.</exception>
    public void Start(StateEntry state, double initial) => context.State(ref entry, state, initial);

    /// <summary>Makes a list of matrices of the state (<see cref="StateEntry.Matrices"/>), all zeros, unless it is there already.</summary>
    /// <param name="state">The list.</param>
    /// <param name="sizes">The sizes of each matrix.</param>
    /// <exception cref="InvalidOperationException">The optimizer's state has no such list, or it is there with other sizes: because options were changed, or it was loaded.</exception>
    public void Start(StateEntry state, ReadOnlySpan<MatrixSize> sizes) => context.StateList(ref entry, state, sizes);

    /// <summary>
    /// Gives a sparse gradient its zeros, for a rule that moves rows without a gradient too. The step then costs by the table.
    /// </summary>
    public void Densify()
    {
        if (entry.Rows is not null)
            context.Densify<T>(ref entry);
    }

    /// <summary>Gives the parameter its rule for this step.</summary>
    /// <param name="rule">The rule.</param>
    /// <param name="states">The tensors of the state that the rule has as <see cref="Cell{L}.S0"/>, <see cref="Cell{L}.S1"/> and so on. They are made when they are first needed.</param>
    /// <exception cref="InvalidOperationException">They are not as many as the rule has slots, not of the parameter's shape, or not in the optimizer's state.</exception>
    public void Apply<TRule>(in TRule rule, params ReadOnlySpan<StateEntry> states) where TRule : struct, IUpdateRule<T> =>
        context.Plan<TRule, T>(ref entry, rule, states);

    /// <summary>Gives the parameter its rule for this step, masked.</summary>
    /// <param name="rule">The rule. It leaves its step in <see cref="Cell{L}.Step"/>.</param>
    /// <param name="mask">Which elements of the step are taken.</param>
    /// <param name="maximize">Whether the rule goes up the gradient.</param>
    /// <param name="states">The tensors of the state that the rule has.</param>
    /// <inheritdoc cref="Apply{TRule}(in TRule, ReadOnlySpan{StateEntry})" path="/exception"/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)] // it is nothing without a mask
    public void Apply<TRule>(in TRule rule, StepMask mask, bool maximize, params ReadOnlySpan<StateEntry> states) where TRule : struct, IUpdateRule<T>
    {
        if (mask == StepMask.None)
            Apply(rule, states);
        else
            ApplyMasked(rule, mask, maximize, states);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    void ApplyMasked<TRule>(in TRule rule, StepMask mask, bool maximize, ReadOnlySpan<StateEntry> states) where TRule : struct, IUpdateRule<T>
    {
        if (mask == StepMask.Cautious)
            ApplyMeasured(new Cautious<TRule, T>(rule, maximize), states);
        else
            Apply(new Grams<TRule, T>(rule, maximize), states);
    }

    /// <summary>Gives the parameter a rule for this step that measures before it is applied.</summary>
    /// <inheritdoc cref="Apply{TRule}(in TRule, ReadOnlySpan{StateEntry})"/>
    public void ApplyMeasured<TRule>(in TRule rule, params ReadOnlySpan<StateEntry> states) where TRule : struct, IMeasuringRule<T> =>
        context.PlanMeasured<TRule, T>(ref entry, rule, states);

    /// <summary>
    /// Gives the parameter a rule for this step that measures each row before it is applied to that row: what one index of the first dimension has, an output's weights or a filter. It takes one pass over memory.
    /// There are no sums over all. A row is done by one thread.
    /// </summary>
    /// <inheritdoc cref="Apply{TRule}(in TRule, ReadOnlySpan{StateEntry})"/>
    public void ApplyByRow<TRule>(in TRule rule, params ReadOnlySpan<StateEntry> states) where TRule : struct, IMeasuringRule<T> =>
        context.PlanByRow<TRule, T>(ref entry, rule, states);

    /// <summary>Gives the parameter a rule over the whole tensor for this step.</summary>
    /// <param name="rule">The rule.</param>
    /// <param name="states">
    /// The tensors of the state that the rule has as <see cref="TensorCell{T}.S0"/>, <see cref="TensorCell{T}.S1"/> and so on, of any shapes. They are made when they are first needed. And lists of matrices, which it has as
    /// <see cref="TensorCell{T}.L0"/> and <see cref="TensorCell{T}.L1"/>; these were started before.
    /// </param>
    /// <exception cref="InvalidOperationException">They are more than six and two, or not in the optimizer's state.</exception>
    public void ApplyTensor<TRule>(in TRule rule, params ReadOnlySpan<StateEntry> states) where TRule : struct, ITensorRule<T> =>
        context.PlanTensor<TRule, T>(ref entry, rule, states);
}
