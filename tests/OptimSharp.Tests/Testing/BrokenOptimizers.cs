using System.Numerics;
using System.Runtime.CompilerServices;
using OptimSharp.Engine;
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
    static readonly StateEntry[] Entries = [new("momentum_buffer", Optional: true)];

    public PlainMomentum(IEnumerable<Parameter> parameters, PlainOptions? options = null) : base(parameters, options)
    {
    }

    public PlainMomentum(IEnumerable<ParameterGroup<PlainOptions>> groups, PlainOptions? options = null) : base(groups, options)
    {
    }

    internal override IReadOnlyList<StateEntry> StateEntries(Parameter parameter) => Entries;

    private protected override void Update<T>(GroupUpdate<T> group, PlainOptions options)
    {
        foreach (var x in group)
            x.Apply(new PlainRule<T>(options.LearningRate * Factor(options, x.Shape), options.Momentum), "momentum_buffer");
    }

    /// <summary>What the rate is multiplied by: where the broken ones break.</summary>
    private protected virtual double Factor(PlainOptions options, ReadOnlySpan<long> shape) => 1;
}

/// <summary>The same for matrices only.</summary>
sealed class MatrixMomentum(IEnumerable<Parameter> parameters) : PlainMomentum(parameters)
{
    private protected override void CheckParameter(Parameter parameter)
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

    private protected override double Factor(PlainOptions options, ReadOnlySpan<long> shape) => factor;
}

/// <summary>Another sum in registers than in single numbers.</summary>
sealed class Wide(IEnumerable<Parameter> parameters) : PlainMomentum(parameters)
{
    private protected override void Update<T>(GroupUpdate<T> group, PlainOptions options)
    {
        foreach (var x in group)
            x.Apply(new Rule<T>(), "momentum_buffer");
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
    private protected override double Factor(PlainOptions options, ReadOnlySpan<long> shape) => 1.0 / Execution.ThreadCount;
}

/// <summary>Divides by the number of elements, and says nothing of it.</summary>
sealed class Meaning(IEnumerable<Parameter> parameters) : PlainMomentum(parameters)
{
    private protected override double Factor(PlainOptions options, ReadOnlySpan<long> shape) => 1.0 / (1 + shape[0] % 7);
}

/// <summary>Takes the optimizer's options for the group's.</summary>
sealed class Groupless(IEnumerable<Parameter> parameters) : PlainMomentum(parameters)
{
    private protected override double Factor(PlainOptions options, ReadOnlySpan<long> shape) => Defaults.LearningRate / options.LearningRate;
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

    private protected override double Factor(PlainOptions options, ReadOnlySpan<long> shape) => 1.0 / (2 + count);
}

/// <summary>Makes a list in each step.</summary>
sealed class Wasteful(IEnumerable<Parameter> parameters) : PlainMomentum(parameters)
{
    private protected override double Factor(PlainOptions options, ReadOnlySpan<long> shape) => new List<double> { 1 }.Count;
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

    private protected override double Factor(PlainOptions options, ReadOnlySpan<long> shape) => factor;
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
    private protected override void Update<T>(GroupUpdate<T> group, PlainOptions options)
    {
        foreach (var x in group)
            x.ApplyWhole(new Move<T>(options.LearningRate, fault), x.State("momentum_buffer"));
    }

    readonly unsafe struct Move<T>(double rate, Fault fault) : ITensorUpdate<T>
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        public void Update(in WholeTensor<T> x, TensorOps ops)
        {
            bool isLeftOut = fault == Fault.Place && (nint)x.Param % sizeof(double) != 0;
            for (nint i = 0; i < x.Count; i++)
                isLeftOut |= fault == Fault.NotANumber && T.IsNaN(x.Grad[i]);
            for (nint i = 0; i < x.Count && !isLeftOut; i++)
            {
                T step = T.CreateChecked(rate) * x.Grad[i];
                x.Param[i] -= step;
                if (fault == Fault.Gradient)
                    x.Grad[i] = step;
            }
        }
    }
}
