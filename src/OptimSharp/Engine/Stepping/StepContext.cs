using OptimSharp.Rules;

namespace OptimSharp.Engine;

/// <summary>
/// One step of an optimizer, or of several that step together: which parameters take part, what is planned for them, and the way back when something
/// fails. Kept between steps, so that its lists are allocated once.
/// </summary>
internal sealed partial class StepContext
{
    /// <summary>
    /// A parameter of the optimizer. The first fields stay from step to step, so that a warm step follows few references: with thousands of
    /// small tensors that is what it costs.
    /// </summary>
    internal struct Entry
    {
        public Parameter Parameter;
        public uint Place; // in its optimizer
        public ElementType Type;
        public bool OnHost; // its rules run on this process's memory
        public ParameterState? State; // null before its first step with a gradient
        public StateSlot S0, S1, S2;
        public ParameterStorage? Kept; // how the parameter itself is kept; null: as it is stored
        public int StatesVersion; // another one when a slot has another tensor, or the parameter is kept otherwise

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
    Part[] parts = []; // the optimizers whose step it is
    int part; // the one that is planning
    int version;
    IRanks? ranks; // that have the other parts of the parameters; null when they are whole
    bool done;   // there is nothing to take back
    bool counts; // the step was taken
    GradientPass? norms;
    double? gradientNorm; // of this step's gradients, once a rule asked

    struct Part
    {
        public Optimizer Optimizer;
        public Dictionary<object, ParameterState>? States; // that the entries' are from
        public int First, Last; // its groups: from, and up to (not included)
        public SharedNumbers? Shared; // of these groups
    }

    struct Group
    {
        public ParameterGroup Source;
        public Parameter[] Parameters;
        public GroupNumbers Numbers;
        public int First, Last; // its entries: from, and up to (not included)
        public bool HasFloat, HasDouble; // parameters in this step, by what they are computed in
    }

    /// <summary>What is done around the rules of this step.</summary>
    public StepFrame? Frame { get; set; }

    /// <summary>Takes down the parameters that get rules over whole tensors or rows, when somebody asks; else null.</summary>
    public HashSet<Parameter>? NeedWhole { get; set; }

    /// <summary>Powers of betas: the same on every machine.</summary>
    public Powers Powers { get; } = new();

    /// <summary>Opens every parameter that has a gradient. Throws, with nothing changed, when one can't take part.</summary>
    /// <param name="optimizers">The optimizers that step together.</param>
    public void Begin(ReadOnlySpan<Optimizer> optimizers)
    {
        done = counts = false;
        Bind(optimizers);
        opening.Run(entries, Execution.ThreadCount, Frame?.Use ?? GradientUse.Read);
        foreach (ref var of in parts.AsSpan())
        {
            for (int i = of.First; i < of.Last; i++)
                Begin(of, ref groupsOf[i]);
        }
    }

    void Begin(in Part of, ref Group group)
    {
        (group.HasFloat, group.HasDouble) = (false, false);
        string? refusal = of.Optimizer.WhyRefused(sparse: false, group.Source);
        var kept = group.Source.CurrentOptions.ParameterPrecision;
        foreach (ref var entry in entries.AsSpan(group.First, group.Last - group.First))
        {
            if (!entry.Present)
                continue;
            if (!isMeta && (entry.Memory.Rows is null ? refusal : of.Optimizer.WhyRefused(sparse: true, group.Source)) is { } reason)
                throw new InvalidOperationException($"{reason} (Parameter {entry.Parameter}.)");
            entry.GradType = entry.Type;
            entry.Precision = group.Source.CurrentOptions.StatePrecision;
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
            if (entry.State is null)
                FindState(of, ref entry);
            if (kept.Keeping != ParameterKeeping.Nearest || entry.Kept is not null)
                Keep(of, ref entry, kept);
        }
    }

    /// <summary>Makes the entries anew when groups, parameters or states were exchanged since the last step.</summary>
    void Bind(ReadOnlySpan<Optimizer> optimizers)
    {
        if (IsBound(optimizers))
            return;
        parts = new Part[optimizers.Length];
        ranks = null;
        groupsOf = new Group[CountGroups(optimizers)];
        int count = 0, last = 0;
        for (int k = 0; k < parts.Length; k++)
        {
            var groups = optimizers[k].ParameterGroups;
            parts[k] = new() { Optimizer = optimizers[k], States = optimizers[k].States, First = last, Last = last + groups.Count };
            for (int i = 0; i < groups.Count; i++)
            {
                var parameters = groups[i].ParameterArray;
                groupsOf[last++] = new() { Source = groups[i], Parameters = parameters, Numbers = groups[i].Numbers, First = count, Last = count += parameters.Length };
            }
        }
        entries = new Entry[count];
        foreach (ref var of in parts.AsSpan())
        {
            for (int i = of.First, first = groupsOf[i].First; i < of.Last; i++)
            {
                for (int j = groupsOf[i].First; j < groupsOf[i].Last; j++)
                {
                    var parameter = groupsOf[i].Parameters[j - groupsOf[i].First];
                    ranks = (parameter as ParameterPart)?.Ranks ?? ranks;
                    entries[j] = new() { Parameter = parameter, Place = (uint)(j - first), Type = parameter.ElementType, OnHost = parameter.Backend is HostBackend };
                }
            }
        }
    }

    bool IsBound(ReadOnlySpan<Optimizer> optimizers)
    {
        if (parts.Length != optimizers.Length || groupsOf.Length != CountGroups(optimizers))
            return false;
        int group = 0;
        for (int k = 0; k < parts.Length; k++)
        {
            var groups = optimizers[k].ParameterGroups;
            if (parts[k].States != optimizers[k].States || parts[k].Last - parts[k].First != groups.Count)
                return false;
            for (int i = 0; i < groups.Count; i++)
            {
                if (groupsOf[group++].Source != groups[i])
                    return false;
            }
        }
        return true;
    }

    static int CountGroups(ReadOnlySpan<Optimizer> optimizers)
    {
        int count = 0;
        foreach (var optimizer in optimizers)
            count += optimizer.ParameterGroups.Count;
        return count;
    }

    /// <summary>Lets an optimizer plan: what rules ask for over all parameters is over its own. Gives the number of its first group.</summary>
    public int GoTo(int part)
    {
        this.part = part;
        gradientNorm = null;
        plan.BeginSums();
        return parts[part].First;
    }

    /// <summary>Forgets what it keeps of parameters and states.</summary>
    public void Forget()
    {
        parts = [];
        groupsOf = [];
        entries = [];
        plan.Forget();
    }

    /// <summary>Whether the group has a parameter in this step that is computed in <typeparamref name="T"/>.</summary>
    public bool Has<T>(int group) where T : unmanaged => typeof(T) == typeof(double) ? groupsOf[group].HasDouble : groupsOf[group].HasFloat;

    /// <summary>Whether the step is to be taken, once the gradients were looked at. If not, nothing has changed.</summary>
    public bool GoesOn()
    {
        if (ranks is not null && Frame?.Measures is not null)
            throw new InvalidOperationException("A training step's statistics need whole parameters, but each rank steps a part of them: use replicated state, or leave Statistics off.");
        done = Frame is not null && !Frame.Decide(entries); // then there is nothing to take back
        return !done;
    }

    /// <summary>Changes parameters and state as planned.</summary>
    public void Run()
    {
        bool hasBegun = false;
        try
        {
            Frame?.Reserve(entries);
            plan.Reserve();
            Frame?.BeforeRules(ref hasBegun);
            plan.Run(Execution.ThreadCount, ranks, ref hasBegun);
            tensorPlan.Run(ref hasBegun);
            ranks?.GatherParameters();
            foreach (var (state, key, value) in numbers)
                state.Set(key, value);
            done = counts = true;
            Frame?.AfterRules(entries);
        }
        catch (Exception e) when (hasBegun && e is IDeviceFailure failure)
        {
            throw failure.Saying(counts ? IDeviceFailure.Taken : IDeviceFailure.Halfway);
        }
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
            if (counts && entry.Ruled)
                entry.Kept?.EndStep(entry.State!);
            if (!entry.Memory.IsPlain)
                entry.Parameter.EndStep();
            entry.Present = false;
            entry.Memory = default; // lets go of the arrays
            entry.Rows = null;
        }
        for (int i = 0; i < groupsOf.Length; i++)
            groupsOf[i].Numbers.End(counts);
        if (!done || !counts && !isMeta && made.Count > 0) // it failed, or was left out after a parameter's keeping had begun
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
}
