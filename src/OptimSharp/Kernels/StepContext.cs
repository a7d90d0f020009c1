using System.Diagnostics;
using System.Numerics;

namespace OptimSharp.Kernels;

/// <summary>
/// One step of one optimizer: which parameters take part, what is planned for them, and the way back when something
/// fails. Kept between steps, so that its lists are allocated once.
/// </summary>
internal sealed class StepContext
{
    /// <summary>A parameter with a gradient, in this step.</summary>
    internal struct Entry
    {
        public Parameter Parameter;
        public ParameterState State;
        public HostMemory Memory;
        public ElementType GradType; // of the memory's gradient
        public TouchedRows? Rows;    // the gradient, when it is sparse
        public StatePrecision Precision;
        public bool Counts; // its step count goes up by one when all went well
    }

    readonly StepPlan plan = new();
    readonly TensorPlan tensorPlan = new();
    readonly List<(ParameterState State, string Key)> made = []; // state tensors that this step made
    readonly List<(ParameterState State, string Key, double Value)> numbers = []; // what this step will leave in the state
    readonly List<TouchedRows> sparse = []; // for reuse: the first sparseCount are in this step
    readonly List<NativeBuffer> dense = []; // for reuse: sparse gradients that were spread
    int sparseCount, denseCount;
    Entry[] entries = new Entry[8];
    int[] starts = new int[2]; // where each group's entries begin; one more for the end
    int count;
    bool done;

    /// <summary>Powers of betas: the same on every machine.</summary>
    public Powers Powers { get; } = new();

    /// <summary>Opens every parameter that has a gradient. Throws, with nothing changed, when one can't take part.</summary>
    public void Begin<TOptions>(Optimizer<TOptions> optimizer, List<ParameterGroup<TOptions>> groups, Dictionary<object, ParameterState> states)
        where TOptions : OptimizerOptions, new()
    {
        done = false;
        if (starts.Length < groups.Count + 1)
            starts = new int[groups.Count + 1];
        for (int i = 0; i < groups.Count; i++)
        {
            starts[i] = count;
            var precision = groups[i].Options.StatePrecision;
            foreach (var parameter in groups[i].ParameterArray)
            {
                if (!parameter.BeginStep(out var memory))
                    continue;
                if (count == entries.Length)
                    Array.Resize(ref entries, 2 * count);
                ref var entry = ref entries[count++];
                entry = new() { Parameter = parameter, Memory = memory, GradType = parameter.ElementType, Precision = precision, State = null! };
                if (optimizer.Refuses(memory.Rows is not null, groups[i].Options) is { } refusal)
                    throw new InvalidOperationException($"{refusal} (Parameter {parameter}.)");
                if (memory.Rows is { } rows)
                {
                    if (sparseCount == sparse.Count)
                        sparse.Add(new());
                    (entry.Rows = sparse[sparseCount++]).Collect(parameter, rows);
                }
                if (!states.TryGetValue(parameter.Identity, out entry.State!))
                    states.Add(parameter.Identity, entry.State = new ParameterState());
            }
        }
        starts[groups.Count] = count;
    }

    /// <summary>Whether the group has a parameter in this step that is computed in <typeparamref name="T"/>.</summary>
    public bool Has<T>(int group) where T : unmanaged
    {
        for (int i = starts[group]; i < starts[group + 1]; i++)
        {
            if (entries[i].Parameter.ElementType.Compute() == Storage.Of<T>())
                return true;
        }
        return false;
    }

    /// <summary>Changes parameters and state as planned.</summary>
    public void Run()
    {
        plan.Run(Execution.ThreadCount);
        tensorPlan.Run();
        foreach (var (state, key, value) in numbers)
            state.Set(key, value);
        for (int i = 0; i < count; i++)
        {
            if (entries[i].Counts)
                entries[i].State.Step++;
        }
        done = true;
    }

    /// <summary>Closes the parameters; after a failure, takes back what the step had prepared.</summary>
    public void End()
    {
        plan.Clear();
        tensorPlan.Clear();
        for (int i = 0; i < count; i++)
            entries[i].Parameter.EndStep();
        if (!done)
        {
            foreach (var (state, key) in made)
                state.Remove(key);
        }
        made.Clear();
        numbers.Clear();
        Array.Clear(entries, 0, count);
        count = 0;
        for (; sparseCount > 0; sparseCount--)
            sparse[sparseCount - 1].Clear();
        denseCount = 0;
    }

    internal (int First, int Last) Range(int group) => (starts[group], starts[group + 1]);

    internal ref Entry this[int i] => ref entries[i];

    internal StateTensor State(ref Entry entry, string key, double initial = 0) => State(ref entry, key, entry.Parameter.Shape, initial);

    internal StateTensor State(ref Entry entry, string key, ReadOnlySpan<long> shape, double initial = 0)
    {
        if (entry.State.Find(key) is { } present)
            return present;
        var parameter = entry.Parameter;
        // All tensors of a parameter have one type, also when the option was changed after the first was made.
        var type = entry.State.TensorType ?? entry.Precision.TypeFor(parameter.ElementType);
        var tensor = parameter.Backend.CreateState(parameter, shape, type);
        if (initial != 0)
            tensor.Fill(initial);
        entry.State.Add(key, tensor);
        made.Add((entry.State, key));
        return tensor;
    }

    /// <summary>Gives a sparse gradient its zeros.</summary>
    internal unsafe void Densify<T>(ref Entry entry) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        if (entry.Rows is not { } rows)
            return;
        if (denseCount == dense.Count)
            dense.Add(new());
        nint numbers = (nint)entry.Parameter.Numbers;
        T* full = (T*)dense[denseCount++].Ensure(numbers * sizeof(T));
        rows.Spread(full, numbers);
        entry.Rows = null;
        entry.GradType = Storage.Of<T>();
        entry.Memory = entry.Memory with { Gradient = new(full) };
    }

    internal void SetNumber(ref Entry entry, string key, double value) => numbers.Add((entry.State, key, value));

    internal void PlanWhole<TUpdate, T>(ref Entry entry, in TUpdate update, StateTensor s0, StateTensor? s1)
        where TUpdate : struct, ITensorUpdate<T>
        where T : unmanaged, IBinaryFloatingPointIeee754<T> =>
        tensorPlan.Add<TUpdate, T>(update, new(entry.Parameter, entry.Memory, entry.GradType, entry.Rows, s0, s1, null));

    internal void Plan<TRule, T>(ref Entry entry, in TRule rule, StateTensor? s0, StateTensor? s1, StateTensor? s2)
        where TRule : struct, IUpdateRule<T>
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        Debug.Assert(TRule.Slots == (s0 is null ? 0 : s1 is null ? 1 : s2 is null ? 2 : 3), "A rule has as many slots as state names.");
        entry.Parameter.Backend.Plan<TRule, T>(plan, rule, new(entry.Parameter, entry.Memory, entry.GradType, entry.Rows, s0, s1, s2));
    }
}

/// <summary>The parameters of a group that are in this step and computed in <typeparamref name="T"/>.</summary>
internal readonly ref struct GroupUpdate<T>(StepContext context, int group)
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    public Enumerator GetEnumerator() => new(context, group);

    public ref struct Enumerator
    {
        readonly StepContext context;
        readonly int last;
        int i;

        internal Enumerator(StepContext context, int group)
        {
            this.context = context;
            (i, last) = context.Range(group);
            i--;
        }

        public readonly ParameterUpdate<T> Current => new(context, ref context[i]);

        public bool MoveNext()
        {
            while (++i < last)
            {
                if (context[i].Parameter.ElementType.Compute() == Storage.Of<T>())
                    return true;
            }
            return false;
        }
    }
}

/// <summary>One parameter in this step: its state, and the rule to bind to it.</summary>
internal readonly ref struct ParameterUpdate<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    readonly StepContext context;
    readonly ref StepContext.Entry entry;

    internal ParameterUpdate(StepContext context, ref StepContext.Entry entry)
    {
        this.context = context;
        this.entry = ref entry;
    }

    /// <summary>The number of this step: 1 for the parameter's first.</summary>
    public long NextStep()
    {
        entry.Counts = true;
        return entry.State.Step + 1;
    }

    /// <summary>Rounds what PyTorch stores in the middle of a step.</summary>
    public Rounding<T> Rounding => new(entry.Precision.TypeFor(entry.Parameter.ElementType));

    /// <summary>xʸ, the same on every machine. For x &gt; 0, or whole y ≥ 0.</summary>
    public double Power(double x, double y) => context.Powers[x, y];

    /// <summary>Whether the parameter has this state tensor already.</summary>
    public bool Has(string key) => entry.State.Find(key) is not null;

    /// <summary>A number of the state, or what it starts with.</summary>
    public double Number(string key, double initial) => entry.State.TryGetScalar(key, out double value) ? value : initial;

    /// <summary>Leaves a number in the state, once the step has succeeded.</summary>
    public void SetNumber(string key, double value) => context.SetNumber(ref entry, key, value);

    /// <summary>Makes a state tensor that starts with another value than zero, unless it is there already.</summary>
    public void Start(string key, double initial) => context.State(ref entry, key, initial);

    /// <summary>
    /// Gives a sparse gradient its zeros, for a rule that moves the other rows too. The step then costs by the table.
    /// </summary>
    public void Densify() => context.Densify<T>(ref entry);

    public ReadOnlySpan<long> Shape => entry.Parameter.Shape;

    public ElementType ElementType => entry.Parameter.ElementType;

    /// <summary>A state tensor, zeros at first.</summary>
    public StateTensor State(string key) => context.State(ref entry, key);

    /// <summary>A state tensor, zeros at first, of the parameter's shape with one dimension reduced to 1.</summary>
    public StateTensor State(string key, Index sizeOne)
    {
        Span<long> shape = stackalloc long[Shape.Length];
        Shape.CopyTo(shape);
        shape[sizeOne] = 1;
        return context.State(ref entry, key, shape);
    }

    /// <summary>Plans an update that is not elementwise.</summary>
    public void ApplyWhole<TUpdate>(in TUpdate update, StateTensor s0, StateTensor? s1 = null) where TUpdate : struct, ITensorUpdate<T> =>
        context.PlanWhole<TUpdate, T>(ref entry, update, s0, s1);

    /// <summary>Plans the update by a rule that needs no state.</summary>
    public void Apply<TRule>(in TRule rule) where TRule : struct, IUpdateRule<T> =>
        context.Plan<TRule, T>(ref entry, rule, null, null, null);

    /// <summary>Plans the update by a rule with one state tensor, zeros at first.</summary>
    public void Apply<TRule>(in TRule rule, string s0) where TRule : struct, IUpdateRule<T> =>
        context.Plan<TRule, T>(ref entry, rule, context.State(ref entry, s0), null, null);

    /// <summary>Plans the update by a rule with two state tensors, zeros at first.</summary>
    public void Apply<TRule>(in TRule rule, string s0, string s1) where TRule : struct, IUpdateRule<T> =>
        context.Plan<TRule, T>(ref entry, rule, context.State(ref entry, s0), context.State(ref entry, s1), null);

    /// <summary>Plans the update by a rule with three state tensors, zeros at first.</summary>
    public void Apply<TRule>(in TRule rule, string s0, string s1, string s2) where TRule : struct, IUpdateRule<T> =>
        context.Plan<TRule, T>(ref entry, rule, context.State(ref entry, s0), context.State(ref entry, s1), context.State(ref entry, s2));
}
