using System.Diagnostics;
using OptimSharp.Engine;
using OptimSharp.Rules;

namespace OptimSharp;

/// <summary>
/// One optimizer of several, each with its own parameters: Muon for the hidden matrices and AdamW for the rest, say. One step is of all of them, in one plan: their work is shared among threads together.
/// </summary>
/// <remarks>
/// <para>
/// It is used as any optimizer: by schedulers, a <see cref="TrainingStep"/>, a <see cref="GradScaler"/>, averages, <see cref="SAM"/>. The groups are those of its <see cref="Optimizers"/>, one after the other, and keep their kinds of options:
/// <c>"momentum"</c> is an option of Muon's groups only. Parameters and states get the bits that they would get if each optimizer stepped alone. What an optimizer takes over all its parameters (the norm of LAMB, the estimate of Prodigy) is
/// over its own. A step is all or nothing for all of them.
/// </para>
/// <para>
/// The optimizers can still be used: a scheduler for one of them, its <see cref="Optimizer{TOptions}.AddParameterGroup"/>, its <see cref="Optimizer.StateDict"/>, a step of it alone. A step of all raises their <see cref="Optimizer.Stepping"/>
/// and <see cref="Optimizer.Stepped"/>, too. Whichever is disposed, all are. A training step's norm and clipping are over all parameters.
/// </para>
/// <para>
/// State dicts are in PyTorch's structure. Each group has <c>algorithm</c> with the name of its optimizer's class; loading refuses a group of another one, or, where <see cref="LoadStateOptions.Missing"/> allows,
/// begins the states of its parameters anew. A group that has only such parameters keeps its options.
/// </para>
/// </remarks>
/// <example><code>
/// using var optimizer = new CombinedOptimizer(
///     new Muon(matrices, new() { LearningRate = 0.02 }),
///     new AdamW(rest, new() { LearningRate = 3e-4 }));
/// optimizer.Step();
/// </code></example>
public sealed class CombinedOptimizer : Optimizer
{
    readonly Optimizer[] parts;
    readonly GroupList groups;

    /// <param name="optimizers">The optimizers. They belong to this one from now on.</param>
    /// <exception cref="ArgumentException">
    /// There are none; one is given twice, evaluates a closure several times a step (<see cref="LBFGS"/>), or is combined already; or parameters of two are the same tensor or share memory. Nothing was changed.
    /// </exception>
    /// <exception cref="InvalidOperationException">One of them is in the midst of a call, or within a scope that holds something else in its parameters.</exception>
    /// <exception cref="ObjectDisposedException">One of them was disposed.</exception>
    public CombinedOptimizer(params IEnumerable<Optimizer> optimizers)
    {
        ArgumentNullException.ThrowIfNull(optimizers);
        parts = [.. optimizers];
        Check(parts);
        CheckParameters(parts);
        groups = new(parts);
        foreach (var part in parts)
            part.JoinTo(this);
    }

    /// <summary>The optimizers.</summary>
    public IReadOnlyList<Optimizer> Optimizers => parts;

    internal override ReadOnlySpan<Optimizer> Parts => parts;

    internal override bool HasStepped
    {
        get => base.HasStepped;
        set
        {
            base.HasStepped = value;
            foreach (var part in parts)
                part.HasStepped = value;
        }
    }

    internal override bool FollowsValues => Array.Exists(parts, part => part.FollowsValues);

    private protected override IReadOnlyList<ParameterGroup> Groups => groups;

    internal override Optimizer PartOf(ParameterGroup group) => Array.Find(parts, part => part.ParameterGroups.Contains(group)) ?? throw new UnreachableException();

    internal override void CheckLoaded()
    {
        foreach (var part in parts)
            part.CheckLoaded();
    }

    internal override void RaiseStepping()
    {
        foreach (var part in parts)
        {
            if (part.Distributor is { } distributor && distributor != Distributor)
                throw new InvalidOperationException($"A {distributor.GetType().Name} steps {part.GetType().Name}, which is one of several here: give it the {nameof(CombinedOptimizer)} instead.");
        }
        base.RaiseStepping();
        foreach (var part in parts)
            part.RaiseStepping();
    }

    internal override void RaiseStepped(ref Exception? failure)
    {
        foreach (var part in parts)
            part.RaiseStepped(ref failure);
        base.RaiseStepped(ref failure);
    }

    internal override void Audit(AuditBuilder audit)
    {
        foreach (var part in parts)
            part.Audit(audit);
    }

    internal override void Free()
    {
        foreach (var part in parts)
            part.Free();
        base.Free();
    }

    static void Check(Optimizer[] optimizers)
    {
        if (optimizers.Length == 0)
            throw new ArgumentException("There are no optimizers to combine.", nameof(optimizers));
        foreach (var (i, part) in optimizers.Index())
        {
            if (part is null)
                throw new ArgumentNullException(nameof(optimizers), $"Optimizer {i} is null.");
            string name = part.GetType().Name;
            if (part.NeedsClosure)
                throw new ArgumentException($"{name} evaluates the closure several times a step, at places of its own choice: it can't be combined with others.", nameof(optimizers));
            if (part is CombinedOptimizer || part.CombinedIn is not null)
                throw new ArgumentException($"{name} (optimizer {i}) is {(part is CombinedOptimizer ? "one of several itself: give its Optimizers" : "a part of another CombinedOptimizer")}.", nameof(optimizers));
            if (Array.IndexOf(optimizers, part) < i)
                throw new ArgumentException($"{name} (optimizer {i}) is given twice.", nameof(optimizers));
            using var turn = part.Turn.Enter(nameof(CombinedOptimizer), within: 0);
            part.CheckHeld(nameof(CombinedOptimizer));
        }
    }

    static void CheckParameters(Optimizer[] optimizers)
    {
        var owners = new Dictionary<object, (Parameter Parameter, Optimizer Optimizer)>();
        foreach (var part in optimizers)
        {
            foreach (var parameter in part.ParameterGroups.SelectMany(g => g.Parameters))
            {
                if (!owners.TryAdd(parameter.Identity, (parameter, part)))
                {
                    var (earlier, owner) = owners[parameter.Identity];
                    throw new ArgumentException($"Parameter {parameter} is {owner.GetType().Name}'s and {part.GetType().Name}'s{parameter.OtherName(earlier)}: it would be stepped twice.", nameof(optimizers));
                }
            }
        }
        MemoryOverlap.Refuse(owners.Values.Select(o => o.Parameter), nameof(optimizers));
    }

    // What is each optimizer's own, and asked of it (Parts, PartOf).

    internal override OptimizerOptions StandardOptions => throw new UnreachableException();

    internal override ParameterGroup MakeGroup(IEnumerable<Parameter> parameters, OptimizerOptions options) => throw new UnreachableException();

    internal override void SetGroups(IReadOnlyList<ParameterGroup> to) => throw new UnreachableException();

    internal override string? WhyRefused(bool sparse, ParameterGroup group) => throw new UnreachableException();

    internal override void Plan(StepContext context, int first) => throw new UnreachableException();

    internal override void CheckKind(Parameter parameter) => throw new UnreachableException();

    internal override void CheckParameter(Parameter parameter, OptimizerOptions options) => throw new UnreachableException();

    internal override IReadOnlyList<StateEntry> EntriesOf(Parameter parameter) => throw new UnreachableException();

    internal override (StateEntry Entry, string Problem)? WrongTogether(Parameter parameter, StateDict state) => throw new UnreachableException();

    /// <summary>The groups that the optimizers have now, one after the other.</summary>
    sealed class GroupList(Optimizer[] parts) : IReadOnlyList<ParameterGroup>
    {
        public int Count => parts.Sum(part => part.ParameterGroups.Count);

        public ParameterGroup this[int index]
        {
            get
            {
                foreach (var part in parts)
                {
                    if (index < part.ParameterGroups.Count)
                        return part.ParameterGroups[index];
                    index -= part.ParameterGroups.Count;
                }
                throw new ArgumentOutOfRangeException(nameof(index), index, "There are fewer groups.");
            }
        }

        public IEnumerator<ParameterGroup> GetEnumerator() => parts.SelectMany(part => part.ParameterGroups).GetEnumerator();

        System.Collections.IEnumerator System.Collections.IEnumerable.GetEnumerator() => GetEnumerator();
    }
}
