using System.Numerics;
using OptimSharp.Rules;

namespace OptimSharp.Engine;

/// <summary>
/// One step of one optimizer: which parameters take part, what is planned for them, and the way back when something
/// fails. Kept between steps, so that its lists are allocated once.
/// </summary>
internal sealed class StepContext
{
    /// <summary>
    /// A parameter of the optimizer. The first fields stay from step to step, so that a warm step follows few references: with thousands of
    /// small tensors that is what it costs.
    /// </summary>
    internal struct Entry
    {
        public Parameter Parameter;
        public ElementType Type;
        public bool OnHost; // its rules run on this process's memory
        public ParameterState? State; // null before its first step with a gradient
        public StateSlot S0, S1, S2;

        // In this step:
        public bool Present; // it has a gradient
        public bool Fused;   // what the frame does is done with its rule
        public bool Ruled;   // it has its rule
        public bool Counts;  // its step count goes up by one when all went well
        public StatePrecision Precision;
        public ElementType GradType; // of the memory's gradient
        public HostMemory Memory;
        public TouchedRows? Rows; // the gradient, when it is sparse
    }

    /// <summary>A state tensor that a rule was given the last time.</summary>
    internal struct StateSlot
    {
        public StateEntry? Entry;
        public StateTensor? Tensor;
    }

    readonly StepPlan plan = new();
    readonly TensorPlan tensorPlan = new();
    readonly OpenGradients opening = new();
    readonly List<(ParameterState State, string Key)> made = []; // state tensors that this step made
    readonly List<(ParameterState State, string Key, double Value)> numbers = []; // what this step will leave in the state
    readonly List<TouchedRows> sparse = []; // for reuse: the first sparseCount are in this step
    readonly List<NativeBuffer> dense = []; // for reuse: sparse gradients that were spread
    int sparseCount, denseCount;
    Entry[] entries = [];
    Group[] groupsOf = [];
    Dictionary<object, ParameterState>? bound; // the states that the entries' are from
    Optimizer? optimizer; // whose step it is
    bool done;   // there is nothing to take back
    bool counts; // the step was taken

    struct Group
    {
        public Parameter[] Parameters;
        public int First, Last; // its entries: from, and up to (not included)
        public bool HasFloat, HasDouble; // parameters in this step, by what they are computed in
    }

    /// <summary>What is done around the rules of this step.</summary>
    public StepFrame? Frame { get; set; }

    /// <summary>Powers of betas: the same on every machine.</summary>
    public Powers Powers { get; } = new();

    /// <summary>Opens every parameter that has a gradient. Throws, with nothing changed, when one can't take part.</summary>
    public void Begin<TOptions>(Optimizer<TOptions> optimizer, List<ParameterGroup<TOptions>> groups, Dictionary<object, ParameterState> states)
        where TOptions : OptimizerOptions, new()
    {
        done = counts = false;
        this.optimizer = optimizer;
        Bind(groups, states);
        opening.Run(entries, Execution.ThreadCount, Frame?.Use ?? GradientUse.Read);
        for (int i = 0; i < groups.Count; i++)
        {
            ref var group = ref groupsOf[i];
            (group.HasFloat, group.HasDouble) = (false, false);
            var options = groups[i].Options;
            string? refusal = optimizer.WhyRefused(sparse: false, options);
            foreach (ref var entry in entries.AsSpan(group.First, group.Last - group.First))
            {
                if (!entry.Present)
                    continue;
                if ((entry.Memory.Rows is null ? refusal : optimizer.WhyRefused(sparse: true, options)) is { } reason)
                    throw new InvalidOperationException($"{reason} (Parameter {entry.Parameter}.)");
                entry.GradType = entry.Type;
                entry.Precision = options.StatePrecision;
                (entry.Counts, entry.Fused, entry.Ruled) = (false, false, false);
                if (entry.GradType.Compute() == ElementType.Float64)
                    group.HasDouble = true;
                else
                    group.HasFloat = true;
                if (entry.Memory.Rows is { } rows)
                {
                    if (sparseCount == sparse.Count)
                        sparse.Add(new());
                    (entry.Rows = sparse[sparseCount++]).Collect(entry.Parameter, rows);
                }
                if (entry.State is null && !states.TryGetValue(entry.Parameter.Identity, out entry.State))
                    states.Add(entry.Parameter.Identity, entry.State = new ParameterState());
            }
        }
    }

    /// <summary>Makes the entries anew when groups, parameters or states were exchanged since the last step.</summary>
    void Bind<TOptions>(List<ParameterGroup<TOptions>> groups, Dictionary<object, ParameterState> states)
        where TOptions : OptimizerOptions, new()
    {
        bool same = bound == states && groupsOf.Length == groups.Count;
        for (int i = 0; same && i < groups.Count; i++)
            same = groupsOf[i].Parameters == groups[i].ParameterArray;
        if (same)
            return;
        groupsOf = new Group[groups.Count];
        int count = 0;
        for (int i = 0; i < groups.Count; i++)
        {
            var parameters = groups[i].ParameterArray;
            groupsOf[i] = new() { Parameters = parameters, First = count, Last = count += parameters.Length };
        }
        entries = new Entry[count];
        for (int i = 0; i < groups.Count; i++)
        {
            for (int j = groupsOf[i].First; j < groupsOf[i].Last; j++)
            {
                var parameter = groupsOf[i].Parameters[j - groupsOf[i].First];
                entries[j] = new() { Parameter = parameter, Type = parameter.ElementType, OnHost = parameter.Backend is HostBackend };
            }
        }
        bound = states;
    }

    /// <summary>Forgets what it keeps of parameters and states.</summary>
    public void Forget()
    {
        bound = null;
        groupsOf = [];
        entries = [];
        plan.Forget();
    }

    /// <summary>Whether the group has a parameter in this step that is computed in <typeparamref name="T"/>.</summary>
    public bool Has<T>(int group) where T : unmanaged => typeof(T) == typeof(double) ? groupsOf[group].HasDouble : groupsOf[group].HasFloat;

    /// <summary>Whether the step is to be taken, once the gradients were looked at. If not, nothing has changed.</summary>
    public bool GoesOn()
    {
        done = Frame is not null && !Frame.Decide(entries); // then there is nothing to take back
        return !done;
    }

    /// <summary>Changes parameters and state as planned.</summary>
    public void Run()
    {
        Frame?.BeforeRules(entries);
        plan.Run(Execution.ThreadCount);
        tensorPlan.Run();
        foreach (var (state, key, value) in numbers)
            state.Set(key, value);
        done = counts = true;
        Frame?.AfterRules(entries);
    }

    /// <summary>Closes the parameters; after a failure, takes back what the step had prepared.</summary>
    public void End()
    {
        plan.Clear();
        tensorPlan.Clear();
        foreach (ref var entry in entries.AsSpan())
        {
            if (!entry.Present)
                continue;
            if (counts && entry.Counts)
                entry.State!.Step++;
            if (!entry.Memory.IsPlain)
                entry.Parameter.EndStep();
            entry.Present = false;
            entry.Memory = default; // lets go of the arrays
            entry.Rows = null;
        }
        if (!done)
        {
            foreach (var (state, key) in made)
                state.Remove(key);
            Forget();
        }
        made.Clear();
        numbers.Clear();
        for (; sparseCount > 0; sparseCount--)
            sparse[sparseCount - 1].Clear();
        denseCount = 0;
    }

    internal (int First, int Last) Range(int group) => (groupsOf[group].First, groupsOf[group].Last);

    internal ref Entry this[int i] => ref entries[i];

    /// <summary>A state tensor of the parameter's shape; the slot remembers it.</summary>
    StateTensor State(ref Entry entry, ref StateSlot slot, StateEntry state)
    {
        if (!ReferenceEquals(slot.Entry, state))
            slot = new() { Entry = state, Tensor = ElementwiseState(ref entry, state) };
        return slot.Tensor!;
    }

    StateTensor ElementwiseState(ref Entry entry, StateEntry state) =>
        state.Shape == StateShape.Parameter ? State(ref entry, state)
            : throw new InvalidOperationException($"State '{state}' is not of the parameter's shape, but an elementwise rule is given it.");

    /// <summary>A state tensor, made when it is not there.</summary>
    internal StateTensor State(ref Entry entry, StateEntry state) => State(ref entry, state, state.Initial);

    internal StateTensor State(ref Entry entry, StateEntry declared, double initial)
    {
        var state = entry.State!;
        if (state.Find(declared.Key) is { } present)
            return present;
        CheckDeclared(ref entry, declared);
        var parameter = entry.Parameter;
        // All tensors of a parameter have one type, also when the option was changed after the first was made.
        var tensor = declared.Create(parameter, state.TensorType ?? entry.Precision.TypeFor(parameter.ElementType));
        state.Add(declared.Key, tensor);
        made.Add((state, declared.Key));
        if (declared.StartsAsParameter)
            parameter.CopyTo(tensor);
        else if (initial != 0)
            tensor.Fill(initial);
        return tensor;
    }

    /// <summary>Throws when what an optimizer uses is not in what it saves.</summary>
    internal void CheckDeclared(ref Entry entry, StateEntry state)
    {
        StateEntry? listed = null;
        foreach (var other in optimizer!.EntriesOf(entry.Parameter))
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

    /// <summary>Gives a sparse gradient its zeros.</summary>
    internal unsafe void Densify<T>(ref Entry entry) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        if (entry.Rows is not { } rows)
            return;
        if (denseCount == dense.Count)
            dense.Add(new());
        nint numbers = (nint)entry.Parameter.Numbers;
        T* full = (T*)dense[denseCount++].Ensure(checked(numbers * sizeof(T)));
        rows.Spread(full, numbers);
        entry.Rows = null;
        entry.GradType = Storage.Of<T>();
        entry.Memory = entry.Memory with { Gradient = new(full) };
    }

    internal void SetNumber(ref Entry entry, string key, double value) => numbers.Add((entry.State!, key, value));

    internal void PlanTensor<TRule, T>(ref Entry entry, in TRule rule, ReadOnlySpan<StateEntry> states)
        where TRule : struct, ITensorRule<T>
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        if (states.Length > 6)
            throw new InvalidOperationException($"{typeof(TRule).Name} was given {states.Length} state tensors; a rule can have 0 to 6.");
        Give(ref entry);
        entry.Parameter.Locate(); // throws when its shape, which counts here, is another one now
        tensorPlan.Add<TRule, T>(rule, new(entry.Parameter, entry.Memory, entry.GradType, entry.Rows, null,
            states.Length > 0 ? State(ref entry, states[0]) : null,
            states.Length > 1 ? State(ref entry, states[1]) : null,
            states.Length > 2 ? State(ref entry, states[2]) : null,
            states.Length > 3 ? State(ref entry, states[3]) : null,
            states.Length > 4 ? State(ref entry, states[4]) : null,
            states.Length > 5 ? State(ref entry, states[5]) : null));
    }

    internal void Plan<TRule, T>(ref Entry entry, in TRule rule, ReadOnlySpan<StateEntry> states)
        where TRule : struct, IUpdateRule<T>
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var target = Target<TRule, T>(ref entry, states);
        if (entry.OnHost) // a call of a generic virtual method costs more than all the rest
            plan.AddParameter<TRule, T>(rule, target);
        else
            entry.Parameter.Backend.Plan<TRule, T>(plan, rule, target);
    }

    internal void PlanMeasured<TRule, T>(ref Entry entry, in TRule rule, ReadOnlySpan<StateEntry> states)
        where TRule : struct, IMeasuringRule<T>
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        if (TRule.Sums is < 1 or > StepPlan.MostSums)
            throw new InvalidOperationException($"{typeof(TRule).Name} has {TRule.Sums} sums; a rule can have 1 to {StepPlan.MostSums}.");
        entry.Parameter.Backend.PlanMeasured<TRule, T>(plan, rule, Target<TRule, T>(ref entry, states));
    }

    [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.AggressiveInlining)]
    StepTarget Target<TRule, T>(ref Entry entry, ReadOnlySpan<StateEntry> states)
        where TRule : struct, IUpdateRule<T>
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        if (states.Length != TRule.Slots || TRule.Slots > 6)
            throw WrongSlots<TRule>(TRule.Slots, states.Length);
        Give(ref entry);
        entry.Fused = Frame is not null && Frame.CanFuse(entry);
        StateTensor? s0 = TRule.Slots > 0 ? State(ref entry, ref entry.S0, states[0]) : null;
        StateTensor? s1 = TRule.Slots > 1 ? State(ref entry, ref entry.S1, states[1]) : null;
        StateTensor? s2 = TRule.Slots > 2 ? State(ref entry, ref entry.S2, states[2]) : null;
        StateTensor? s3 = TRule.Slots > 3 ? ElementwiseState(ref entry, states[3]) : null;
        StateTensor? s4 = TRule.Slots > 4 ? ElementwiseState(ref entry, states[4]) : null;
        StateTensor? s5 = TRule.Slots > 5 ? ElementwiseState(ref entry, states[5]) : null;
        bool twice = TRule.Slots > 1 && s0 == s1 || TRule.Slots > 2 && (s2 == s0 || s2 == s1);
        if (twice || TRule.Slots > 3 && HasTwice([s0, s1, s2, s3, s4, s5], TRule.Slots))
            throw new InvalidOperationException($"{typeof(TRule).Name} was given one state twice: {string.Join(", ", states.ToArray().Select(state => state.Key))}.");
        return new(entry.Parameter, entry.Memory, entry.GradType, entry.Rows, entry.Fused ? Frame : null, s0, s1, s2, s3, s4, s5);
    }

    static bool HasTwice(ReadOnlySpan<StateTensor?> states, int count)
    {
        for (int i = 1; i < count; i++)
        {
            if (states[..i].Contains(states[i]))
                return true;
        }
        return false;
    }

    static void Give(ref Entry entry)
    {
        if (entry.Ruled)
            throw new InvalidOperationException($"Parameter {entry.Parameter} was given two rules in one step. A rule over a rule does both.");
        entry.Ruled = true;
    }

    static InvalidOperationException WrongSlots<TRule>(int slots, int states) => new(slots is >= 0 and <= 6
        ? $"{typeof(TRule).Name} has {slots} slots, but was given {states} state tensors."
        : $"{typeof(TRule).Name} has {slots} slots; a rule can have 0 to 6.");
}
