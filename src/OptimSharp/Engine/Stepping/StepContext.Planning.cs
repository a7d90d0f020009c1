using System.Numerics;
using System.Runtime.CompilerServices;
using OptimSharp.Rules;

namespace OptimSharp.Engine;

// What an optimizer's Update does: state is found or made, rules are given.
internal sealed partial class StepContext
{
    internal (int First, int Last) Range(int group) => (groupsOf[group].First, groupsOf[group].Last);

    internal GroupNumbers NumbersOf(int group) => groupsOf[group].Numbers;

    /// <summary>The numbers that the groups of the optimizer that is planning share.</summary>
    internal SharedNumbers SharedNumbers => parts[part].Shared ??= new(this, parts[part].First, parts[part].Last);

    internal ref Entry this[int i] => ref entries[i];

    ParameterGroup GroupOf(ref Entry entry)
    {
        int index = (int)(Unsafe.ByteOffset(ref entries[0], ref entry) / Unsafe.SizeOf<Entry>());
        return Array.Find(groupsOf, group => group.First <= index && index < group.Last).Source;
    }

    /// <summary>A state tensor of the parameter's shape; the slot remembers it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    StateTensor State(ref Entry entry, ref StateSlot slot, StateEntry state)
    {
        if (slot.Entry is null || !ReferenceEquals(slot.Entry, state))
            Remember(ref entry, ref slot, state);
        return slot.Tensor!;
    }

    void Remember(ref Entry entry, ref StateSlot slot, StateEntry state)
    {
        slot = new() { Entry = state, Tensor = ElementwiseState(ref entry, state) };
        entry.StatesVersion = ++version;
    }

    StateTensor ElementwiseState(ref Entry entry, StateEntry state) =>
        (state ?? throw new ArgumentNullException(nameof(state), "A rule was given a state that is null.")).Shape is StateShape.Parameter or StateShape.Flat ? State(ref entry, state)
            : throw new InvalidOperationException($"State '{state}' is not of the parameter's shape, but an elementwise rule is given it.");

    /// <summary>A state tensor, made when it is not there.</summary>
    internal StateTensor State(ref Entry entry, StateEntry state) => State(ref entry, state, state.Initial);

    internal StateTensor State(ref Entry entry, StateEntry declared, double initial)
    {
        ArgumentNullException.ThrowIfNull(declared);
        if (declared.Kind != StateKind.Tensor)
            throw new InvalidOperationException($"State '{declared}' is used as a tensor, but it was declared as {declared.Kind}: it would not be saved.");
        var state = entry.State!;
        if (state.Find(declared.Key) is { } present)
            return present;
        CheckDeclared(ref entry, declared);
        var parameter = entry.Parameter;
        // Options that were changed after a parameter's first tensor was made are not those of its later ones.
        var precisions = state.Precisions ?? GroupOf(ref entry).CurrentOptions.Precisions;
        var precision = precisions.Of(declared.Key);
        if (BlockFormats.Refusal(parameter, precision) is { } refusal)
            throw new InvalidOperationException(refusal);
        var tensor = declared.Create(parameter, precision);
        state.Add(declared.Key, tensor, precisions);
        made.Add((state, declared.Key));
        if (declared.StartsAsParameter && !isMeta)
            parameter.CopyTo(tensor);
        else if (initial != 0)
            tensor.Fill(initial);
        return tensor;
    }

    /// <summary>Throws when what an optimizer uses is not in what it saves.</summary>
    internal void CheckDeclared(ref Entry entry, StateEntry state)
    {
        StateEntry? listed = null;
        var optimizer = parts[part].Optimizer;
        foreach (var other in optimizer.EntriesOf(entry.Parameter))
        {
            if (other.Key != state.Key)
                continue;
            if (listed is not null)
                throw new InvalidOperationException($"{optimizer.GetType().Name} lists two states named '{state}': only one would be saved.");
            listed = other;
        }
        if (listed is null || !listed.IsLike(state))
            throw new InvalidOperationException($"{optimizer.GetType().Name} uses the state '{state}' of parameter {entry.Parameter}, but its StateEntries {(listed is null ? "does not list it: it would not be saved" : "lists another one of that name")}.");
    }

    /// <summary>Gives a gradient that is sparse its zeros.</summary>
    internal unsafe void Densify<T>(ref Entry entry) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var rows = entry.Rows!;
        if (denseCount == dense.Count)
            dense.Add(new());
        nint numbers = (nint)entry.Parameter.Numbers;
        T* full = (T*)dense[denseCount++].Ensure(checked(numbers * sizeof(T)));
        rows.Spread(full, numbers);
        entry.Rows = null;
        entry.GradType = Storage.Of<T>();
        entry.Memory = entry.Memory with { Gradient = new(full) };
    }

    /// <summary>The 2-norm of all gradients of the optimizer's step as rules will see them. Those that are sparse were changed before rules are planned, the others are changed with them.</summary>
    internal double GradientNorm()
    {
        if (gradientNorm is { } known)
            return known;
        if (isMeta)
            return 1;
        double dense = GradientNorm(sparse: false, Frame?.Change ?? GradientChange.None), rows = GradientNorm(sparse: true, GradientChange.None);
        gradientNorm = double.Hypot(dense, rows);
        return gradientNorm.Value;
    }

    double GradientNorm(bool sparse, in GradientChange change)
    {
        norms ??= new();
        try
        {
            int first = groupsOf[parts[part].First].First, last = groupsOf[parts[part].Last - 1].Last;
            foreach (ref var entry in entries.AsSpan(first, last - first))
            {
                if (entry.Present && entry.Memory.Rows is not null == sparse)
                    norms.Add(entry.Parameter, entry.Memory, entry.Rows, entry.GradType);
            }
            return norms.Norm(new NormOrder(2), change);
        }
        finally
        {
            norms.Clear();
        }
    }

    internal void SetNumber(ref Entry entry, string key, double value) => numbers.Add((entry.State!, key, value));

    internal void Plan<TRule, T>(ref Entry entry, in TRule rule, ReadOnlySpan<StateEntry> states)
        where TRule : struct, IUpdateRule<T>
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        Measuring<TRule, T>.Refuse("Give it with ApplyMeasured or ApplyByRow.");
        if (IsAsBefore<TRule, T>(entry, states)) // with thousands of small tensors, what follows below would show
        {
            Give(ref entry);
            plan.AddAgain<TRule, T>(rule, entry, FrameOf(ref entry));
            return;
        }
        if (ranks is not null && IsForOthers(ref entry, needsWhole: false))
            return;
        var target = TargetOf<TRule, T>(ref entry, states);
        if (entry.OnHost)
            plan.AddParameter<TRule, T>(rule, target);
        else
            entry.Parameter.Backend.Plan<TRule, T>(plan, rule, target);
    }

    /// <summary>Whether the parameter is in host memory, its gradient dense, and its rule is given the states that it was given the last time.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static bool IsAsBefore<TRule, T>(in Entry entry, ReadOnlySpan<StateEntry> states)
        where TRule : struct, IUpdateRule<T>
        where T : unmanaged, IBinaryFloatingPointIeee754<T> =>
        TRule.Slots <= 3 && states.Length == TRule.Slots && entry.OnHost && entry.Rows is null
        && (TRule.Slots <= 0 || entry.S0.Tensor is not null && ReferenceEquals(entry.S0.Entry, states[0]))
        && (TRule.Slots <= 1 || entry.S1.Tensor is not null && ReferenceEquals(entry.S1.Entry, states[1]))
        && (TRule.Slots <= 2 || entry.S2.Tensor is not null && ReferenceEquals(entry.S2.Entry, states[2]));

    internal void PlanMeasured<TRule, T>(ref Entry entry, in TRule rule, ReadOnlySpan<StateEntry> states)
        where TRule : struct, IMeasuringRule<T>
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        CheckSums<TRule, T>();
        if (ranks is not null && IsForOthers(ref entry, needsWhole: false))
            return;
        entry.Parameter.Backend.PlanMeasured<TRule, T>(plan, rule, TargetOf<TRule, T>(ref entry, states));
    }

    internal void PlanByRow<TRule, T>(ref Entry entry, in TRule rule, ReadOnlySpan<StateEntry> states)
        where TRule : struct, IMeasuringRule<T>
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        CheckSums<TRule, T>();
        if (ranks is not null && IsForOthers(ref entry, needsWhole: true))
            return;
        Span<double> zeros = stackalloc double[TRule.Sums];
        zeros.Clear();
        var trial = rule;
        trial.Take(new(zeros, default, 1)); // when rows are measured, some are changed already: what a rule can't have is told now
        if (!isMeta)
            entry.Parameter.Locate(); // throws when its shape, which counts here, is another one now
        var target = TargetOf<TRule, T>(ref entry, states, byRow: true);
        if (Frame?.Measures is not null) // rows cut its chunks
        {
            entry.Fused = false;
            target = new(target.Parameter, target.Memory, target.GradType, target.Rows, null, target.States);
        }
        entry.Parameter.Backend.PlanByRow<TRule, T>(plan, rule, target);
    }

    /// <summary>Whether another rank has the parameter whole, so that its rule is not for this one.</summary>
    /// <param name="entry">The parameter.</param>
    /// <param name="needsWhole">Whether the rule needs the parameter whole.</param>
    bool IsForOthers(ref Entry entry, bool needsWhole)
    {
        if (entry.Parameter is not ParameterPart part)
            return false;
        if (needsWhole && NeedWhole is not null)
            NeedWhole.Add(part.Whole);
        else if (needsWhole && !part.IsWhole)
            throw new InvalidOperationException($"Parameter {part} has a rule now that needs it whole, but it was cut into parts for several ranks when its rule did not: options were changed. Make the DistributedOptimizer anew.");
        if (!part.IsElsewhere)
            return false;
        Give(ref entry);
        return true;
    }

    static void CheckSums<TRule, T>()
        where TRule : struct, IMeasuringRule<T>
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        if (TRule.Sums is < 1 or > StepPlan.MostSums)
            throw new InvalidOperationException($"{typeof(TRule).Name} has {TRule.Sums} sums; a rule can have 1 to {StepPlan.MostSums}.");
    }

    StepTarget TargetOf<TRule, T>(ref Entry entry, ReadOnlySpan<StateEntry> states, bool byRow = false)
        where TRule : struct, IUpdateRule<T>
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var target = new StepTarget(entry.Parameter, entry.Memory, entry.GradType, entry.Rows, FrameOf(ref entry), StatesOf<TRule, T>(ref entry, states));
        return (byRow || entry.Rows is not null) && target.States.HasBlocks ? throw NoRows(entry, byRow) : target;
    }

    static InvalidOperationException NoRows(in Entry entry, bool byRow) =>
        new($"Parameter {entry.Parameter} has {(byRow ? "a rule that goes by row" : "a sparse gradient")}, but its state is kept in blocks ({nameof(StatePrecision)}.{BlockFormats.PrecisionOf(entry.State!.AllTensors.First(t => t.Tensor.Format != BlockFormat.None).Tensor.Format)}), which rows would cut. Use another {nameof(StatePrecision)} for it.");

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    StepFrame? FrameOf(ref Entry entry)
    {
        entry.Fused = Frame is not null && Frame.CanFuse(entry);
        return entry.Fused ? Frame : null;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    RuleStates StatesOf<TRule, T>(ref Entry entry, ReadOnlySpan<StateEntry> states)
        where TRule : struct, IUpdateRule<T>
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        if (states.Length != TRule.Slots || TRule.Slots > 6)
            throw WrongSlots<TRule>(TRule.Slots, states.Length);
        Give(ref entry);
        RuleStates all = default;
        if (TRule.Slots > 0) all.S0 = State(ref entry, ref entry.S0, states[0]);
        if (TRule.Slots > 1) all.S1 = State(ref entry, ref entry.S1, states[1]);
        if (TRule.Slots > 2) all.S2 = State(ref entry, ref entry.S2, states[2]);
        if (TRule.Slots > 3) all.S3 = ElementwiseState(ref entry, states[3]);
        if (TRule.Slots > 4) all.S4 = ElementwiseState(ref entry, states[4]);
        if (TRule.Slots > 5) all.S5 = ElementwiseState(ref entry, states[5]);
        all.Kept = entry.Kept;
        all.Version = TRule.Slots > 3 ? ++version : entry.StatesVersion; // the first three are remembered
        bool twice = TRule.Slots > 1 && all.S0 == all.S1 || TRule.Slots > 2 && (all.S2 == all.S0 || all.S2 == all.S1);
        if (twice || TRule.Slots > 3 && HasTwice([all.S0, all.S1, all.S2, all.S3, all.S4, all.S5], TRule.Slots))
            throw GivenTwice<TRule>(states);
        return all;
    }

    static InvalidOperationException GivenTwice<TRule>(ReadOnlySpan<StateEntry> states) =>
        new($"{typeof(TRule).Name} was given one state twice: {string.Join(", ", states.ToArray().Select(state => state.Key))}.");

    static bool HasTwice(ReadOnlySpan<StateTensor?> states, int count)
    {
        for (int i = 1; i < count; i++)
        {
            if (states[..i].Contains(states[i]))
                return true;
        }
        return false;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static void Give(ref Entry entry)
    {
        if (entry.Ruled)
            throw RuledTwice(entry);
        entry.Ruled = true;
    }

    static InvalidOperationException RuledTwice(in Entry entry) =>
        new($"Parameter {entry.Parameter} was given two rules in one step. A rule over a rule does both.");

    static InvalidOperationException WrongSlots<TRule>(int slots, int states) => new(slots is >= 0 and <= 6
        ? $"{typeof(TRule).Name} has {slots} slots, but was given {states} state tensors."
        : $"{typeof(TRule).Name} has {slots} slots; a rule can have 0 to 6.");
}
