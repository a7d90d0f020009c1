using System.Globalization;
using OptimSharp.Engine;

namespace OptimSharp;

/// <summary>
/// Changes parameters by their gradients. The part that all optimizers have in common, as PyTorch's
/// <c>torch.optim.Optimizer</c>; make one of its kinds, such as <see cref="SGD"/> or <see cref="AdamW"/>.
/// </summary>
/// <remarks>
/// <para>
/// Not for use by several threads at once (a step uses several threads itself): a call during another thread's is an
/// <see cref="InvalidOperationException"/>. Several optimizers, of other parameters, may be used by several threads.
/// </para>
/// <para>
/// Handlers of events and closures may call the optimizer, but for what would disturb the call that they are in: a step within a step, and,
/// in the closure of a <see cref="ClosureOptimizer{TOptions}"/> such as <see cref="LBFGS"/>, whatever changes groups or state, are an <see cref="InvalidOperationException"/>, without harm.
/// <see cref="Dispose"/> in one of them frees the state at the end of that call; a step that was not taken by then is not taken.
/// </para>
/// </remarks>
public abstract partial class Optimizer : IStateful, IDisposable
{
    private protected readonly StepContext Context = new();
    readonly Optimizer[] self;

    private protected Optimizer()
    {
        self = [this];
        Turn = new(this, "an optimizer", Free);
    }

    /// <summary>The groups of parameters, each with its options.</summary>
    public IReadOnlyList<ParameterGroup> ParameterGroups => Groups;

    /// <summary>Who is inside, and what may be called from there.</summary>
    internal Turn Turn { get; private set; }

    /// <summary>What is remembered, by the parameters' identity.</summary>
    internal Dictionary<object, ParameterState> States { get; private protected set; } = [];

    private protected abstract IReadOnlyList<ParameterGroup> Groups { get; }

    /// <summary>
    /// Changes every parameter that has a gradient, by one step. All or nothing: when it throws, parameters, state and counts
    /// are as they were, unless it is a handler of <see cref="Stepped"/> or <see cref="AnyStepped"/> that throws: then the step was taken.
    /// </summary>
    /// <exception cref="InvalidOperationException">
    /// A gradient does not fit its parameter, or a parameter can't be used any more: it was disposed, or its tensor was changed in place to another
    /// shape or layout. Or another thread is using the optimizer, or this is within a step.
    /// </exception>
    /// <exception cref="ObjectDisposedException">The optimizer was disposed.</exception>
    public void Step()
    {
        using var turn = BeginStep();
        Update();
        AfterStep();
    }

    /// <summary>
    /// Runs a closure that computes the loss and its gradients, once and first, then takes a step.
    /// </summary>
    /// <param name="closure">Zeroes the gradients, computes the loss and the new gradients, returns the loss.</param>
    /// <returns>What the closure returned.</returns>
    /// <inheritdoc cref="Step()" path="/exception"/>
    public TLoss Step<TLoss>(Func<TLoss> closure)
    {
        ArgumentNullException.ThrowIfNull(closure);
        using var turn = BeginStep(evaluates: true);
        var loss = UpdateWith(closure);
        AfterStep();
        return loss;
    }

    /// <summary>Enters for a change of the gradients, until the result is disposed.</summary>
    internal Turn.Inside UseGradients(string call) => Turn.Enter(call, within: Stage.Before | Stage.Evaluating | Stage.After);

    /// <summary>Enters for a step, until the result is disposed, and raises what is raised before it.</summary>
    /// <param name="evaluates">Whether a closure computes the gradients in it.</param>
    internal Turn.Inside BeginStep(bool evaluates = false)
    {
        var turn = Turn.Enter("Step", within: Stage.After, Stage.Before);
        Evaluates = evaluates;
        try
        {
            CheckHeld("Step");
            CheckLoaded();
            AnyStepping?.Invoke(this, EventArgs.Empty);
            RaiseStepping();
            Turn.Check();
        }
        catch
        {
            turn.Dispose();
            throw;
        }
        return turn;
    }

    /// <summary>The update of a step, with what a training step does around it; it may be left out.</summary>
    internal void UpdateWithin(StepFrame frame)
    {
        Context.Frame = frame;
        try
        {
            Update();
        }
        finally
        {
            Context.Frame = null;
        }
    }

    /// <summary>The update of a step that evaluates a closure several times.</summary>
    internal void UpdateWithin<TLoss>(Func<TLoss> closure) => UpdateWith(closure);

    /// <summary>The update of a step that is a part of something else: without events.</summary>
    internal void UpdateAlone()
    {
        using var turn = Turn.Enter("Step", within: 0);
        Update();
    }

    /// <summary>Runs a closure with the thread prepared for computing gradients.</summary>
    internal TLoss Evaluate<TLoss>(Func<TLoss> closure)
    {
        TLoss loss;
        using (EnterClosure())
            loss = closure();
        AfterClosure?.Invoke();
        Turn.Check();
        return loss;
    }

    /// <summary>Removes all gradients, or sets them to zeros.</summary>
    /// <param name="setToNull">
    /// true: parameters have no gradient until the next is computed, and a step in between leaves them out. false: they have
    /// gradients of zeros, and a step in between still applies momentum and weight decay.
    /// </param>
    /// <exception cref="InvalidOperationException">
    /// A parameter was disposed, or a gradient can't be written to, because several of its elements share their memory. Or another thread is using the
    /// optimizer. Nothing was changed.
    /// </exception>
    /// <exception cref="ObjectDisposedException">The optimizer was disposed.</exception>
    public void ZeroGrad(bool setToNull = true)
    {
        using var turn = UseGradients("ZeroGrad");
        for (int i = 0; i < Groups.Count; i++)
        {
            foreach (var parameter in Groups[i].ParameterArray)
                parameter.CheckZeroGrad(setToNull);
        }
        for (int i = 0; i < Groups.Count; i++)
        {
            foreach (var parameter in Groups[i].ParameterArray)
                parameter.ZeroGrad(setToNull);
        }
    }

    /// <summary>Class, groups, options and extras, as PyTorch prints them.</summary>
    public override string ToString()
    {
        var text = new System.Text.StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"{GetType().Name} (\n");
        for (int i = 0; i < Groups.Count; i++)
        {
            var group = Groups[i];
            var part = PartOf(group);
            text.Append(CultureInfo.InvariantCulture, $"{(i == 0 ? "" : "\n")}Parameter Group {i}{(part == this ? "" : $" of {part.GetType().Name}")}\n");
            var shown = group.OptionKeys.Where(key => group.Saves(key, part.StandardOptions)).Select(key => (Key: key, Value: group[key])).Concat(group.Numbers.All.Select(n => (n.Key, (object?)n.Value))).Concat(group.Extras.Select(e => (Key: e.Key.ToString(), e.Value)));
            foreach (var (key, value) in shown.OrderBy(entry => entry.Key, StringComparer.Ordinal))
                text.Append(CultureInfo.InvariantCulture, $"    {key}: {OptionDescriptor.Text(value)}\n");
        }
        return text.Append(')').ToString();
    }

    /// <summary>Frees the state: at once, or, in a handler or a closure, at the end of the call that it is in.</summary>
    /// <exception cref="InvalidOperationException">Another thread is using the optimizer. Nothing was freed.</exception>
    public void Dispose()
    {
        Turn.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>The options as they are when nobody says otherwise.</summary>
    internal abstract OptimizerOptions StandardOptions { get; }

    /// <summary>Whether the state belongs to the parameters' values, so that nobody else may move them.</summary>
    internal virtual bool FollowsValues => NeedsClosure;

    /// <summary>Whether a step evaluates a closure, several times, and is none without.</summary>
    internal virtual bool NeedsClosure => false;

    /// <summary>A group of this optimizer's kind, which is not among its groups yet.</summary>
    internal abstract ParameterGroup MakeGroup(IEnumerable<Parameter> parameters, OptimizerOptions options);

    /// <summary>Takes other groups of the same parameters.</summary>
    internal abstract void SetGroups(IReadOnlyList<ParameterGroup> to);

    /// <summary>Why a gradient of this kind can't be used in a group, and what can; null when it can.</summary>
    internal abstract string? WhyRefused(bool sparse, ParameterGroup group);

    /// <summary>Gives parameters their rules.</summary>
    /// <param name="context">The step.</param>
    /// <param name="first">The number that the first group has in it.</param>
    internal abstract void Plan(StepContext context, int first);

    /// <summary>One step over all groups, without hooks.</summary>
    private protected virtual void Update()
    {
        Turn.GoTo(Stage.Working);
        try
        {
            Context.Begin(Parts);
            if (!Context.GoesOn())
                return;
            for (int i = 0; i < Parts.Length; i++)
                Parts[i].Plan(Context, Context.GoTo(i));
            Context.Run();
        }
        finally
        {
            Context.End();
        }
    }

    /// <summary>The closure, then one step. An optimizer that needs the loss several times overrides it.</summary>
    private protected virtual TLoss UpdateWith<TLoss>(Func<TLoss> closure)
    {
        TLoss loss = Evaluate(closure);
        Update();
        return loss;
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

    internal virtual void Free()
    {
        Context.Forget();
        foreach (var state in States.Values)
            state.Dispose();
        States.Clear();
    }
}
