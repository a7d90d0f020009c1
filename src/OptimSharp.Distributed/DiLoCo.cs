using System.Globalization;
using OptimSharp.Engine;

namespace OptimSharp.Distributed;

/// <summary>
/// DiLoCo, and local SGD: every rank trains by itself, with an optimizer and data of its own, and only now and then do they meet. For slow networks: it sends H times less than <see cref="DistributedOptimizer"/>.
/// </summary>
/// <remarks>
/// <para>
/// Every H steps of the optimizer: Δ ← mean over the ranks of (θ₀ − θ), where θ₀ is what all had when they met last;  b ← μb + Δ;  θ ← θ₀ − η(Δ + μb), the same on all ranks. State of the ranks' own optimizers stays
/// where it is, and is not averaged.
/// </para>
/// <para>
/// Douillard et al., "DiLoCo: Distributed low-communication training of language models", 2023, arXiv 2311.08105. It acts in the optimizer's step, whoever takes it, and drops the gradients then. Steps that are left
/// out do not count, so all ranks have to take as many. Unlike with <see cref="DistributedOptimizer"/>, results depend on the number of ranks: that is the method. On one rank it is <see cref="Lookahead"/>, with momentum.
/// </para>
/// <para>Optimizers whose state belongs to the parameters' values are refused: <see cref="LBFGS"/>, and the Schedule-Free ones. To resume, each rank saves its optimizer's state, and this one's, which is the same on all.</para>
/// </remarks>
/// <example><code>
/// using var optimizer = new AdamW(model.Parameters());
/// using var diloco = new DiLoCo(optimizer, Communicator.Default(), new() { Steps = 100 });
/// optimizer.Step();
/// </code></example>
public sealed unsafe class DiLoCo : IStateful, IDisposable
{
    const string Ahead = "steps", Met = "global", Outer = "outer";

    readonly Parameter[] parameters;
    readonly HostTensor[] met; // θ₀
    readonly HostTensor[] differences;
    readonly SGD outer;
    readonly DistributedOptimizer distributed;
    bool disposed;

    /// <summary>Begins where the parameters are, which must be equal on all ranks. All ranks call it.</summary>
    /// <param name="optimizer">This rank's optimizer. It stays the caller's to dispose.</param>
    /// <param name="communicator">The ranks. It stays the caller's to dispose.</param>
    /// <param name="options">The options; null: the defaults.</param>
    /// <exception cref="ArgumentException">The optimizer's state belongs to the parameters' values, or is sharded.</exception>
    /// <exception cref="ArgumentOutOfRangeException">An option is out of range.</exception>
    /// <exception cref="CommunicationException">Ranks differ in parameters or options; or one is missing.</exception>
    public DiLoCo(Optimizer optimizer, Communicator communicator, DiLoCoOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(optimizer);
        ArgumentNullException.ThrowIfNull(communicator);
        (Optimizer, Options) = (optimizer, options ?? new());
        if (Options.Steps < 1)
            throw new ArgumentOutOfRangeException(nameof(options), Options.Steps, $"Steps must be ≥ 1, but is {Options.Steps}.");
        foreach (var (name, value) in (ReadOnlySpan<(string, double)>)[(nameof(Options.LearningRate), Options.LearningRate), (nameof(Options.Momentum), Options.Momentum)])
        {
            if (!double.IsFinite(value) || value < 0)
                throw new ArgumentOutOfRangeException(nameof(options), value, $"{name} of DiLoCo must be ≥ 0 and finite, but is {value}.");
        }
        if (optimizer.Mover is { } mover)
            throw new ArgumentException($"A {mover.GetType().Name} moves the parameters of {optimizer.GetType().Name} already.", nameof(optimizer));
        parameters = [.. optimizer.ParameterGroups.SelectMany(group => group.Parameters)];
        if (optimizer.FollowsValues || parameters.Any(p => p is ParameterPart))
            throw new ArgumentException($"The state of {optimizer.GetType().Name} {(optimizer.FollowsValues ? "belongs to the parameters' values" : "is sharded over ranks")}: DiLoCo, which moves them, does not go with it.", nameof(optimizer));
        if (optimizer.Distributor is { } other)
            throw new ArgumentException($"A {other.GetType().Name} steps {optimizer.GetType().Name} on several ranks already.", nameof(optimizer));
        if (ParameterStorage.RefusalOfWriter(nameof(DiLoCo), optimizer) is { } refusal)
            throw new ArgumentException(refusal, nameof(optimizer));
        outer = new(parameters, new() { LearningRate = Options.LearningRate, Momentum = Options.Momentum, Nesterov = Options.Momentum > 0 });
        try
        {
            StartUp.CheckSame(communicator, "Steps of DiLoCo", Options.Steps.ToString(CultureInfo.InvariantCulture));
            distributed = new(outer, communicator, new() { Shards = communicator.Size });
        }
        catch
        {
            outer.Dispose();
            throw;
        }
        met = [.. parameters.Select(Copy)];
        differences = [.. parameters.Select(p => new HostTensor(p.Shape, p.ElementType))];
        optimizer.Stepping += BeforeStep;
        optimizer.Stepped += AfterStep;
        optimizer.Mover = this;
    }

    /// <summary>This rank's optimizer.</summary>
    public Optimizer Optimizer { get; }

    /// <summary>The options.</summary>
    public DiLoCoOptions Options { get; }

    /// <summary>How many steps this rank has taken since the ranks met, in [0, H).</summary>
    public int StepsAhead { get; private set; }

    /// <summary>A copy of what the ranks have in common: the count, the parameters when they met last, and the state of the step that they take together.</summary>
    public StateDict StateDict()
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        var global = new StateDict();
        foreach (var (i, tensor) in met.Index())
            global[i] = TensorData.From(tensor);
        return new() { { Ahead, (long)StepsAhead }, { Met, global }, { Outer, outer.StateDict() } };
    }

    /// <summary>Takes over a copy of that.</summary>
    /// <exception cref="StateDictException">Something is missing or does not fit. Nothing has changed.</exception>
    public void LoadStateDict(StateDict state)
    {
        ArgumentNullException.ThrowIfNull(state);
        ObjectDisposedException.ThrowIf(disposed, this);
        long steps = state.GetInt64(Ahead);
        if (steps < 0 || steps >= Options.Steps)
            throw new StateDictException(Ahead, $"must be in [0, {Options.Steps}), but is {steps}");
        var global = state.GetDict(Met);
        foreach (var (i, tensor) in met.Index())
        {
            if (!global.TryGetValue(i, out object? value) || value is not TensorData data || !data.Shape.SequenceEqual(tensor.Shape))
                throw new StateDictException($"{Met}.{i}", $"must be a tensor of [{string.Join(", ", tensor.Shape.ToArray())}]");
        }
        outer.LoadStateDict(state.GetDict(Outer));
        foreach (var (i, tensor) in met.Index())
            ((TensorData)global[i]!).CopyTo(tensor);
        StepsAhead = (int)steps;
    }

    /// <summary>Lets the optimizer go on alone.</summary>
    public void Dispose()
    {
        if (disposed)
            return;
        disposed = true;
        Optimizer.Stepping -= BeforeStep;
        Optimizer.Stepped -= AfterStep;
        Optimizer.Mover = null;
        distributed.Dispose();
        outer.Dispose();
        Array.ForEach(met, tensor => tensor.Dispose());
        Array.ForEach(differences, tensor => tensor.Dispose());
    }

    void BeforeStep(object? sender, EventArgs e)
    {
        if (ParameterStorage.RefusalOfWriter(nameof(DiLoCo), Optimizer) is { } refusal)
            throw new InvalidOperationException(refusal);
        if (!Optimizer.ParameterGroups.SelectMany(group => group.Parameters).SequenceEqual(parameters))
            throw new InvalidOperationException("The optimizer has other parameters now than when DiLoCo was made: make it anew.");
    }

    void AfterStep(object? sender, EventArgs e)
    {
        if (++StepsAhead < Options.Steps)
            return;
        foreach (int _ in distributed.Shards) // one: this rank
        {
            for (int i = 0; i < parameters.Length; i++)
            {
                using var now = Copy(parameters[i]);
                Subtract(met[i], now, differences[i]);
                parameters[i].CopyFrom(met[i]);
                parameters[i].TakeGradient((byte*)differences[i].Start);
            }
            distributed.Accumulate();
        }
        distributed.Step();
        for (int i = 0; i < parameters.Length; i++)
        {
            parameters[i].CopyTo(met[i]);
            parameters[i].ZeroGrad(setToNull: true);
        }
        StepsAhead = 0;
    }

    static HostTensor Copy(Parameter parameter)
    {
        var copy = new HostTensor(parameter.Shape, parameter.ElementType);
        parameter.CopyTo(copy);
        return copy;
    }

    /// <summary>difference ← x − y, rounded to the type.</summary>
    static void Subtract(HostTensor x, HostTensor y, HostTensor difference)
    {
        const int Block = 512;
        double* a = stackalloc double[Block], b = stackalloc double[Block];
        var type = x.Type.Real();
        for (long first = 0; first < x.Numbers; first += Block)
        {
            int count = (int)Math.Min(Block, x.Numbers - first);
            nint at = (nint)first * type.Size();
            Storage.Load((byte*)x.Start + at, type, a, count);
            Storage.Load((byte*)y.Start + at, type, b, count);
            for (int i = 0; i < count; i++)
                a[i] -= b[i];
            Storage.Save(a, (byte*)difference.Start + at, type, count);
        }
    }
}
