using System.Numerics;
using OptimSharp.Engine;

namespace OptimSharp.Rules;

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
                ref var entry = ref context[i];
                if (entry.Present && entry.Type.Compute() == Storage.Of<T>())
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
        return entry.State!.Step + 1;
    }

    /// <summary>Rounds what PyTorch stores in the middle of a step.</summary>
    public Rounding<T> Rounding => new(entry.Precision.TypeFor(entry.Type));

    /// <summary>xʸ, the same on every machine. For x &gt; 0, or whole y ≥ 0.</summary>
    public double Power(double x, double y) => context.Powers[x, y];

    /// <summary>Whether the parameter has this state tensor already.</summary>
    public bool Has(string key) => entry.State!.Find(key) is not null;

    /// <summary>A number of the state, or what it starts with.</summary>
    public double Number(string key, double initial) => entry.State!.TryGetScalar(key, out double value) ? value : initial;

    /// <summary>Leaves a number in the state, once the step has succeeded.</summary>
    public void SetNumber(string key, double value) => context.SetNumber(ref entry, key, value);

    /// <summary>Makes a state tensor that starts with another value than zero, unless it is there already.</summary>
    public void Start(string key, double initial) => context.State(ref entry, key, initial);

    /// <summary>
    /// Gives a sparse gradient its zeros, for a rule that moves the other rows too. The step then costs by the table.
    /// </summary>
    public void Densify() => context.Densify<T>(ref entry);

    public ReadOnlySpan<long> Shape => entry.Parameter.Shape;

    public ElementType ElementType => entry.Type;

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
        context.Plan<TRule, T>(ref entry, rule, context.State(ref entry, ref entry.S0, s0), null, null);

    /// <summary>Plans the update by a rule with two state tensors, zeros at first.</summary>
    public void Apply<TRule>(in TRule rule, string s0, string s1) where TRule : struct, IUpdateRule<T> =>
        context.Plan<TRule, T>(ref entry, rule, context.State(ref entry, ref entry.S0, s0), context.State(ref entry, ref entry.S1, s1), null);

    /// <summary>Plans the update by a rule with three state tensors, zeros at first.</summary>
    public void Apply<TRule>(in TRule rule, string s0, string s1, string s2) where TRule : struct, IUpdateRule<T> =>
        context.Plan<TRule, T>(ref entry, rule, context.State(ref entry, ref entry.S0, s0), context.State(ref entry, ref entry.S1, s1), context.State(ref entry, ref entry.S2, s2));
}
