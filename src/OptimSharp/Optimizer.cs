using System.Globalization;
using OptimSharp.Kernels;

namespace OptimSharp;

/// <summary>
/// Changes parameters by their gradients. The part that all optimizers have in common, as PyTorch's
/// <c>torch.optim.Optimizer</c>; make one of its kinds, such as <see cref="SGD"/> or <see cref="AdamW"/>.
/// </summary>
/// <remarks>Not for use by several threads at once; a step uses several threads itself.</remarks>
public abstract class Optimizer : IDisposable
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

    /// <summary>The groups of parameters, each with its options.</summary>
    public IReadOnlyList<ParameterGroup> ParameterGroups => Groups;

    /// <summary>Whether a step was ever taken: schedulers ask.</summary>
    internal bool HasStepped { get; private set; }

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

    /// <summary>Class, groups and options, as PyTorch prints them.</summary>
    public override string ToString()
    {
        var text = new System.Text.StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"{GetType().Name} (\n");
        for (int i = 0; i < Groups.Count; i++)
        {
            text.Append(CultureInfo.InvariantCulture, $"{(i == 0 ? "" : "\n")}Parameter Group {i}\n");
            foreach (string key in Groups[i].OptionKeys)
                text.Append(CultureInfo.InvariantCulture, $"    {key}: {OptionDescriptor.Text(Groups[i][key])}\n");
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

    void AfterStep()
    {
        HasStepped = true;
        Stepped?.Invoke(this, EventArgs.Empty);
        AnyStepped?.Invoke(this, EventArgs.Empty);
    }
}
