using OptimSharp.Engine;

namespace OptimSharp;

/// <summary>
/// Lookahead: an optimizer runs k steps ahead with fast weights; then slow ones follow a part of the way, and the fast weights go on from there. It acts after each step of the optimizer, whoever takes it.
/// </summary>
/// <remarks>
/// <para>every k steps: s ← s + α(θ − s);  θ ← s. The slow weights s begin as the parameters are when this is made.</para>
/// <para>
/// Zhang et al., "Lookahead optimizer: k steps forward, 1 step back", 2019. Follows the authors' code (michaelrzhang/lookahead) with <c>pullback_momentum="none"</c>. Unlike there, the slow weights and the count are saved:
/// save both states, this one and the optimizer's, and a run resumes exactly.
/// </para>
/// <para>
/// A step that a <see cref="TrainingStep"/> or a <see cref="GradScaler"/> leaves out does not count. Averages that a training step takes in its own pass are of the fast weights; <see cref="AveragedParameters.Update()"/> after the
/// step takes what the slow ones made of them. Optimizers whose state belongs to the parameters' values are refused: <see cref="LBFGS"/>, and the Schedule-Free ones.
/// </para>
/// </remarks>
/// <example><code>
/// using var lookahead = new Lookahead(optimizer, new() { Steps = 5, Alpha = 0.5 });
/// optimizer.Step();
/// </code></example>
public sealed class Lookahead : IStateful, IDisposable
{
    const string Steps = "la_step", Slow = "cached_params";

    readonly AveragedParameters slow;
    Parameter[] parameters;
    bool disposed;

    /// <param name="optimizer">The optimizer. It stays the caller's to dispose.</param>
    /// <param name="options">The options; null: the defaults.</param>
    /// <exception cref="ArgumentException">The optimizer's state belongs to the parameters' values, or two parameters have one name.</exception>
    /// <exception cref="ArgumentOutOfRangeException">An option is out of range.</exception>
    public Lookahead(Optimizer optimizer, LookaheadOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(optimizer);
        Optimizer = optimizer;
        Options = options ?? new();
        if (Options.Steps < 1)
            throw new ArgumentOutOfRangeException(nameof(options), Options.Steps, $"{nameof(LookaheadOptions.Steps)} must be ≥ 1, but is {Options.Steps}.");
        if (!(Options.Alpha > 0 && Options.Alpha <= 1))
            throw new ArgumentOutOfRangeException(nameof(options), Options.Alpha, $"{nameof(LookaheadOptions.Alpha)} must be in (0, 1], but is {Options.Alpha}.");
        if (optimizer.FollowsValues)
            throw new ArgumentException($"The state of {optimizer.GetType().Name} belongs to the parameters' values: Lookahead, which moves them, does not go with it.", nameof(optimizer));
        if (ParameterStorage.RefusalOfWriter(nameof(Lookahead), optimizer) is { } refusal)
            throw new ArgumentException(refusal, nameof(optimizer));
        parameters = Present();
        slow = new(parameters, Averaging.Ema(1 - Options.Alpha)) { Owner = this };
        if (!optimizer.HasMeta)
            slow.Update(); // the first model is copied
        optimizer.Stepping += BeforeStep;
        optimizer.Stepped += AfterStep;
    }

    /// <summary>The optimizer.</summary>
    public Optimizer Optimizer { get; }

    /// <summary>The options.</summary>
    public LookaheadOptions Options { get; }

    /// <summary>How many steps the fast weights are ahead, in [0, k).</summary>
    public int StepsAhead { get; private set; }

    /// <summary>Puts the slow weights into the parameters until the scope is disposed: to evaluate them. Then the parameters are the fast ones again, to the bit. Steps of the optimizer, and its state, are refused within it. The model must not be moved in it, as in that of <see cref="AveragedParameters.SwapIn"/>.</summary>
    /// <exception cref="InvalidOperationException">A scope is open that holds something else in the parameters. Nothing has changed.</exception>
    public IDisposable SwapIn()
    {
        Optimizer.CheckHeld("SwapIn");
        var swap = slow.SwapIn();
        return new HeldScope(Optimizer, "within SwapIn of Lookahead, where the parameters hold the slow weights", swap.Dispose);
    }

    /// <summary>The memory of the optimizer and of the slow weights, in bytes.</summary>
    /// <inheritdoc cref="Optimizer.MemoryReport" path="/exception"/>
    public MemoryReport MemoryReport() => Optimizer.MemoryReport().With(slow.MemoryReport());

    /// <summary>A copy of the slow weights and the count: <c>la_step</c> and <c>cached_params</c>.</summary>
    public StateDict StateDict() => new() { { Steps, (long)StepsAhead }, { Slow, slow.StateDict() } };

    /// <summary>Takes over a copy of slow weights and count.</summary>
    /// <exception cref="StateDictException">Something is missing or does not fit. Nothing has changed.</exception>
    public void LoadStateDict(StateDict state)
    {
        ArgumentNullException.ThrowIfNull(state);
        long steps = OptimizerState.Whole(state, Steps);
        if (steps >= Options.Steps)
            throw state.Wrong(Steps, steps, $"below {nameof(LookaheadOptions.Steps)}, which is {Options.Steps}");
        slow.LoadStateDict(state.GetDict(Slow));
        StepsAhead = (int)steps;
    }

    /// <summary>Lets the optimizer go on alone, and frees the slow weights.</summary>
    public void Dispose()
    {
        if (disposed)
            return;
        disposed = true;
        Optimizer.Stepping -= BeforeStep;
        Optimizer.Stepped -= AfterStep;
        slow.Dispose();
    }

    void BeforeStep(object? sender, EventArgs e)
    {
        if (ParameterStorage.RefusalOfWriter(nameof(Lookahead), Optimizer) is { } refusal)
            throw new InvalidOperationException(refusal);
    }

    void AfterStep(object? sender, EventArgs e)
    {
        if (StepsAhead + 1 < Options.Steps)
        {
            StepsAhead++;
            return;
        }
        Follow();
        slow.Update();
        slow.CopyTo(parameters);
        StepsAhead = 0;
    }

    /// <summary>Takes the optimizer's parameters anew when they are others: after <see cref="Optimizer.Rebind"/>.</summary>
    void Follow()
    {
        var present = Present();
        if (parameters.SequenceEqual(present))
            return;
        if (present.Length != parameters.Length)
            throw new InvalidOperationException($"The optimizer has {present.Length} parameters now, and had {parameters.Length} when Lookahead was made: there are no slow weights for the new ones. Make it anew.");
        slow.Rebind(present);
        parameters = present;
    }

    Parameter[] Present() => [.. Optimizer.ParameterGroups.SelectMany(group => group.Parameters)];
}
