using System.Numerics;
using System.Runtime.CompilerServices;
using OptimSharp.Rules;

namespace OptimSharp.Tests.Testing;

/// <summary>Options of the optimizers here.</summary>
sealed record PlainOptions : OptimizerOptions
{
    public override double LearningRate { get; init; } = 0.25;

    [Option("momentum", AtLeast = 0)]
    public double Momentum { get; init; } = 0.5;
}

/// <summary>Momentum, b ← μb + g; θ ← θ − ηb, as it should be. Those below are broken in one way each.</summary>
class PlainMomentum : Optimizer<PlainOptions>
{
    protected static readonly StateEntry Buffer = StateEntry.Tensor("momentum_buffer", optional: true);

    public PlainMomentum(IEnumerable<Parameter> parameters, PlainOptions? options = null) : base(Group(parameters), options)
    {
    }

    public PlainMomentum(IEnumerable<ParameterGroup<PlainOptions>> groups, PlainOptions? options = null) : base(groups, options)
    {
    }

    protected override IReadOnlyList<StateEntry> StateEntries(Parameter parameter) => [Buffer];

    protected override void Update<T>(GroupStep<T> group, PlainOptions options)
    {
        foreach (var x in group)
            x.Apply(new PlainRule<T>(options.LearningRate * Factor(options, x.Shape), options.Momentum), Buffer);
    }

    /// <summary>What the rate is multiplied by: where the broken ones break.</summary>
    protected virtual double Factor(PlainOptions options, ReadOnlySpan<long> shape) => 1;
}

/// <summary>The same for matrices only.</summary>
sealed class MatrixMomentum(IEnumerable<Parameter> parameters) : PlainMomentum(parameters)
{
    protected override void CheckParameter(Parameter parameter)
    {
        if (parameter.Shape.Length != 2)
            throw new ArgumentException("Matrices only.", nameof(parameter));
    }
}

readonly struct PlainRule<T>(double rate, double momentum) : IUpdateRule<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    readonly T rate = T.CreateChecked(rate), momentum = T.CreateChecked(momentum);

    public static int Slots => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Update<L>(ref Cell<L> x) where L : struct, ILane<L, T>
    {
        x.S0 = L.Of(momentum) * x.S0 + x.Grad;
        x.Param -= L.Of(rate) * x.S0;
    }
}

/// <summary>Another rate each time that one is made.</summary>
sealed class Restless(IEnumerable<Parameter> parameters) : PlainMomentum(parameters)
{
    static int made;

    readonly double factor = 1 + ++made % 64 / 64.0;

    protected override double Factor(PlainOptions options, ReadOnlySpan<long> shape) => factor;
}

/// <summary>Another sum in registers than in single numbers.</summary>
sealed class Wide(IEnumerable<Parameter> parameters) : PlainMomentum(parameters)
{
    protected override void Update<T>(GroupStep<T> group, PlainOptions options)
    {
        foreach (var x in group)
            x.Apply(new Rule<T>(), Buffer);
    }

    readonly struct Rule<T> : IUpdateRule<T>
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        public static int Slots => 1;

        public void Update<L>(ref Cell<L> x) where L : struct, ILane<L, T>
        {
            x.S0 += x.Grad;
            x.Param -= Unsafe.SizeOf<L>() > Unsafe.SizeOf<T>() ? x.S0 + x.S0 : x.S0;
        }
    }
}

/// <summary>Shares the rate among threads.</summary>
sealed class Sharing(IEnumerable<Parameter> parameters) : PlainMomentum(parameters)
{
    protected override double Factor(PlainOptions options, ReadOnlySpan<long> shape) => 1.0 / Execution.ThreadCount;
}

/// <summary>Divides by the number of elements, and says nothing of it.</summary>
sealed class Meaning(IEnumerable<Parameter> parameters) : PlainMomentum(parameters)
{
    protected override double Factor(PlainOptions options, ReadOnlySpan<long> shape) => 1.0 / (1 + shape[0] % 7);
}

/// <summary>Takes the optimizer's options for the group's.</summary>
sealed class Groupless(IEnumerable<Parameter> parameters) : PlainMomentum(parameters)
{
    protected override double Factor(PlainOptions options, ReadOnlySpan<long> shape) => Defaults.LearningRate / options.LearningRate;
}

/// <summary>Has a rate that falls by the steps tried, or taken, and keeps their number to itself.</summary>
sealed class Counting : PlainMomentum
{
    int count;

    public Counting(IEnumerable<Parameter> parameters, bool tried) : base(parameters)
    {
        if (tried)
            Stepping += (_, _) => count++;
        else
            Stepped += (_, _) => count++;
    }

    protected override double Factor(PlainOptions options, ReadOnlySpan<long> shape) => 1.0 / (2 + count);
}

/// <summary>Makes a list in each step.</summary>
sealed class Wasteful(IEnumerable<Parameter> parameters) : PlainMomentum(parameters)
{
    protected override double Factor(PlainOptions options, ReadOnlySpan<long> shape) => new List<double> { 1 }.Count;
}

/// <summary>Looks at gradients before they are clipped.</summary>
sealed class Hasty : PlainMomentum
{
    double factor;

    public Hasty(IEnumerable<Parameter> parameters) : base(parameters) => Stepping += (_, _) =>
    {
        var gradient = ((Parameter<float>)ParameterGroups[0].Parameters[0]).Gradient;
        factor = gradient is { Length: > 0 } some && float.IsFinite(some.Span[0]) ? 1 / (1 + Math.Abs(some.Span[0])) : 1;
    };

    protected override double Factor(PlainOptions options, ReadOnlySpan<long> shape) => factor;
}

/// <summary>How an update of whole tensors goes wrong.</summary>
enum Fault
{
    /// <summary>Not at all.</summary>
    None,

    /// <summary>Depends on where the memory begins.</summary>
    Place,

    /// <summary>Uses the gradient's memory for its own.</summary>
    Gradient,

    /// <summary>Leaves a tensor out when anything in its gradient is NaN.</summary>
    NotANumber,
}

/// <summary>θ ← θ − ηg over whole tensors.</summary>
sealed class Whole(IEnumerable<Parameter> parameters, Fault fault) : PlainMomentum(parameters)
{
    protected override void Update<T>(GroupStep<T> group, PlainOptions options)
    {
        foreach (var x in group)
            x.ApplyTensor(new Move<T>(options.LearningRate, fault), Buffer);
    }

    readonly unsafe struct Move<T>(double rate, Fault fault) : ITensorRule<T>
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        public void Update(in TensorCell<T> x, TensorMath math)
        {
            bool isLeftOut = fault == Fault.Place && (nint)x.Param.Start % sizeof(double) != 0;
            nint rows = x.Param.Batch * x.Param.Rows;
            for (nint i = 0; i < rows; i++)
            {
                foreach (T g in x.Grad.Row(i))
                    isLeftOut |= fault == Fault.NotANumber && T.IsNaN(g);
            }
            for (nint i = 0; i < rows && !isLeftOut; i++)
            {
                Span<T> param = x.Param.Row(i), grad = x.Grad.Row(i);
                for (int j = 0; j < param.Length; j++)
                {
                    T step = T.CreateChecked(rate) * grad[j];
                    param[j] -= step;
                    if (fault == Fault.Gradient)
                        grad[j] = step;
                }
            }
        }
    }
}
