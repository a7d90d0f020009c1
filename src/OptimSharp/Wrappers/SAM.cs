using System.Numerics;
using System.Runtime.CompilerServices;
using OptimSharp.Engine;
using OptimSharp.Rules;

namespace OptimSharp;

/// <summary>
/// Sharpness-aware minimization: steps of any optimizer, with the gradient of the place near by where the loss is highest. It looks for minima that are flat. Each step takes two gradients.
/// </summary>
/// <remarks>
/// <para>
/// e = ρ·g/‖g‖ (adaptive, ASAM: ρ·θ²g/‖|θ|g‖), with norms over all parameters;  the gradient is taken at θ + e;  the optimizer steps from θ, whose bits come back exactly.
/// </para>
/// <para>
/// Foret et al., "Sharpness-aware minimization for efficiently improving generalization", 2021; Kwon et al., "ASAM", 2021. Follows davda54/sam. There is no state between steps: what is saved is the optimizer's.
/// </para>
/// <para>
/// Parameters without a gradient at θ stay where they are. Sparse gradients, and optimizers that need a closure of their own, such as <see cref="LBFGS"/>, are refused. Batch norm takes in both
/// passes; freeze its statistics in the second one if that matters.
/// </para>
/// </remarks>
/// <example><code>
/// var sam = new SAM(optimizer);
/// double loss = sam.Step(() =>
/// {
///     optimizer.ZeroGrad();
///     return Gradients(batch);
/// });
/// </code></example>
public sealed class SAM : IDisposable
{
    Ascent? ascent;
    HeldScope? open;
    Parameter[] parameters = [];
    bool disposed;

    /// <param name="optimizer">The optimizer that takes the steps. It stays the caller's to dispose.</param>
    /// <param name="options">The options; null: the defaults.</param>
    /// <exception cref="ArgumentException">The optimizer needs a closure of its own; or a parameter is complex, and this is adaptive.</exception>
    /// <exception cref="ArgumentOutOfRangeException">ρ is negative or not a number.</exception>
    public SAM(Optimizer optimizer, SAMOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(optimizer);
        Optimizer = optimizer;
        Options = options ?? new();
        if (optimizer.NeedsClosure)
            throw new ArgumentException($"{optimizer.GetType().Name} evaluates the closure by itself, at places of its own choice: SAM does not go with it.", nameof(optimizer));
        if (Options.Adaptive && optimizer.ParameterGroups.SelectMany(group => group.Parameters).FirstOrDefault(p => p.ElementType.IsComplex()) is { } complex)
            throw new ArgumentException($"Adaptive SAM does not take complex parameters, but {complex} is one.", nameof(optimizer));
        if (!(Options.Rho >= 0) || double.IsInfinity(Options.Rho))
            throw new ArgumentOutOfRangeException(nameof(options), Options.Rho, $"{nameof(SAMOptions.Rho)} must be ≥ 0 and finite, but is {Options.Rho}.");
    }

    /// <summary>The optimizer that takes the steps.</summary>
    public Optimizer Optimizer { get; }

    /// <summary>The options.</summary>
    public SAMOptions Options { get; }

    /// <summary>Evaluates the closure at the parameters, and again at the highest place near by; then the optimizer steps by the second gradient.</summary>
    /// <param name="closure">Zeroes the gradients, computes the loss and the new gradients, returns the loss.</param>
    /// <returns>What the closure returned first: the loss at the parameters. A second loss that can be disposed is disposed.</returns>
    /// <exception cref="InvalidOperationException">As of the optimizer's step; or a gradient is sparse. Parameters and state are as they were.</exception>
    public TLoss Step<TLoss>(Func<TLoss> closure) => Step(closure, Optimizer.Step);

    /// <summary>The same, with a step that is not the optimizer's own: of a <see cref="TrainingStep"/>, or by a <see cref="GradScaler"/>.</summary>
    /// <param name="closure">Zeroes the gradients, computes the loss and the new gradients, returns the loss. A scaled loss gives scaled gradients; the place does not depend on the scale.</param>
    /// <param name="step">Takes the step by the second gradient.</param>
    /// <inheritdoc cref="Step{TLoss}(Func{TLoss})" path="/returns|/exception"/>
    public TLoss Step<TLoss>(Func<TLoss> closure, Action step)
    {
        ArgumentNullException.ThrowIfNull(closure);
        ArgumentNullException.ThrowIfNull(step);
        ObjectDisposedException.ThrowIf(disposed, this);
        var loss = Optimizer.Evaluate(closure);
        using (Perturb())
        {
            if (Optimizer.Evaluate(closure) is IDisposable second && !ReferenceEquals(second, loss))
                second.Dispose();
        }
        step();
        return loss;
    }

    /// <summary>
    /// Takes the parameters up their gradients to θ + e until the scope is disposed; then they are what they were, to the bit. In it: zero the gradients and compute the second ones. After it: step.
    /// </summary>
    /// <remarks>The model must not be moved in the scope: its end is then an <see cref="InvalidOperationException"/> that names the parameters that are gone. In the scope, steps of the optimizer, its state and averages of the model are refused. Gradients that are not finite, as loss scaling has them now and then, leave the parameters where they are.</remarks>
    /// <exception cref="InvalidOperationException">A gradient is sparse or does not fit, averages are swapped into the parameters, or a scope is open. Nothing has changed.</exception>
    /// <exception cref="ObjectDisposedException">This was disposed.</exception>
    public IDisposable Perturb()
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        Optimizer.CheckHeld("Perturb");
        Parameter[] now = [.. Optimizer.ParameterGroups.SelectMany(group => group.Parameters)];
        if (SwapScope.IsOpenFor(now))
            throw new InvalidOperationException("Averages are swapped into the parameters: dispose the scope of SwapIn first.");
        if (ascent is null || !parameters.SequenceEqual(now))
        {
            ascent?.Dispose();
            (parameters, ascent) = (now, Way(now));
        }
        Parameter[] moved = [.. now.Where(p => p.HasGradient)];
        ascent.UpdateAlone();
        var (way, holding) = (ascent, SwapScope.Hold(moved));
        return open = new(Optimizer, "within SAM's Perturb, where the parameters are not what is trained", () =>
        {
            try
            {
                way.GiveBack(moved);
            }
            finally
            {
                holding.Dispose();
            }
        });
    }

    /// <summary>The memory of the optimizer and of the copy of its parameters that the first step makes, in bytes. For parameters that are <see cref="Parameter.Meta"/> it is planned.</summary>
    /// <inheritdoc cref="Optimizer.MemoryReport" path="/exception"/>
    public MemoryReport MemoryReport()
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        var report = Optimizer.MemoryReport();
        using var planned = report.IsPlan ? Way([.. Optimizer.ParameterGroups.SelectMany(group => group.Parameters)]) : null;
        var copies = (planned ?? ascent)?.MemoryReport().Entries.Where(entry => entry.Use == MemoryUse.State) ?? [];
        return report.With(new([.. copies.Select(entry => entry with { Use = MemoryUse.Copies, Owner = nameof(SAM), Group = null })], report.IsPlan));
    }

    Ascent Way(Parameter[] parameters) => new(parameters, new() { LearningRate = Options.Rho, Adaptive = Options.Adaptive });

    /// <summary>Frees the memory of the copy that a step makes; an open scope ends first. The optimizer is not disposed.</summary>
    public void Dispose()
    {
        if (disposed)
            return;
        disposed = true;
        try
        {
            open?.Dispose();
        }
        finally
        {
            ascent?.Dispose();
        }
    }

    sealed record AscentOptions : OptimizerOptions
    {
        /// <summary>ρ.</summary>
        public override double LearningRate { get; init; }

        public bool Adaptive { get; init; }
    }

    /// <summary>The way up is a step of its own, with the values before as its state.</summary>
    sealed class Ascent(Parameter[] parameters, AscentOptions options) : Optimizer<AscentOptions>(Group(parameters), options with { StatePrecision = StatePrecision.Parameter })
    {
        static readonly StateEntry Before = StateEntry.Tensor("old_p");
        static readonly StateEntry[] Entries = [Before];

        protected override IReadOnlyList<StateEntry> StateEntries(Parameter parameter) => Entries;

        protected override string? Refuses(bool sparse, AscentOptions options) => sparse ? "SAM does not take sparse gradients; give dense ones." : null;

        protected override void Update<T>(GroupStep<T> group, AscentOptions options)
        {
            double norm = group.GradientNorm(), rho = double.IsFinite(norm) ? options.LearningRate : 0;
            foreach (var x in group)
            {
                if (options.Adaptive && rho > 0)
                    x.ApplyMeasured(new AdaptiveAscentRule<T>(rho), Before);
                else
                    x.Apply(new AscentRule<T>(rho / (norm + 1e-12), moves: rho > 0), Before);
            }
        }

        public void GiveBack(Parameter[] moved)
        {
            foreach (var parameter in moved)
            {
                if (parameter.IsUsable && States.TryGetValue(parameter.Identity, out var state))
                    parameter.CopyFrom(state.Find(Before.Key)!);
            }
            ParameterPart.Spread(moved);
            if (Array.FindAll(moved, parameter => !parameter.IsUsable) is { Length: > 0 } lost)
                throw SwapScope.Lost(lost);
        }
    }
}

/// <summary>θ ← θ + ρ·g/‖g‖.</summary>
readonly struct AscentRule<T>(double scale, bool moves) : IUpdateRule<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    readonly T down = moves ? T.CreateChecked(-scale) : T.Zero;

    public static int Slots => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Update<L>(ref Cell<L> x) where L : struct, ILane<L, T>
    {
        x.S0 = x.Param;
        if (moves) // 0 times an infinite gradient would be NaN
            x.Step = L.Of(down) * x.Grad;
    }
}

/// <summary>θ ← θ + ρ·θ²g/‖|θ|g‖.</summary>
struct AdaptiveAscentRule<T>(double rho) : IMeasuringRule<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    readonly double rho = rho;
    T down = T.Zero;

    public static int Slots => 1;

    public static int Sums => 1;

    public static int MeasuredSlots => 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void Measure<L>(ref Cell<L> x, ref CellSums<L> sums) where L : struct, ILane<L, T>
    {
        var scaled = x.Param * x.Grad;
        sums.Sum0 = scaled * scaled; // ‖|θ|g‖²
    }

    public void Take(in MeasuredSums sums) => down = T.CreateChecked(-rho / (Math.Sqrt(sums.OverAll(0)) + 1e-12));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly void Update<L>(ref Cell<L> x) where L : struct, ILane<L, T>
    {
        x.S0 = x.Param;
        x.Step = L.Of(down) * x.Param * x.Param * x.Grad;
    }
}
