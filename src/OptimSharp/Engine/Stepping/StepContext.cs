using OptimSharp.Rules;

namespace OptimSharp.Engine;

/// <summary>
/// One step of one optimizer: which parameters take part, what is planned for them, and the way back when something
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
        public ElementType Type;
        public bool OnHost; // its rules run on this process's memory
        public ParameterState? State; // null before its first step with a gradient
        public StateSlot S0, S1, S2;
        public int StatesVersion; // another one when a slot has another tensor

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
    int version;
    bool done;   // there is nothing to take back
    bool counts; // the step was taken
    GradientPass? norms;
    double? gradientNorm; // of this step's gradients, once a rule asked

    struct Group
    {
        public Parameter[] Parameters;
        public GroupNumbers Numbers;
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
        gradientNorm = null;
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
            groupsOf[i] = new() { Parameters = parameters, Numbers = groups[i].Numbers, First = count, Last = count += parameters.Length };
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
        for (int i = 0; i < groupsOf.Length; i++)
            groupsOf[i].Numbers.End(counts);
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
}
