using System.Numerics;
using System.Runtime.CompilerServices;
using OptimSharp.Rules;

namespace OptimSharp.Tests.Rules;

/// <summary>What an author can get wrong is told, as soon as it can be known.</summary>
public class AuthorMistakeTests
{
    static Parameter<float> Make(int count = 4)
    {
        var p = Parameter.Of("p", new float[count]);
        p.Gradient = Enumerable.Repeat(1f, count).ToArray();
        return p;
    }

    [Fact]
    public void A_float_option_is_loaded() => Reloads<FloatOptions>(o => o with { Alpha = 0.5f });

    static void Reloads<TOptions>(Func<TOptions, TOptions> change) where TOptions : OptimizerOptions, new()
    {
        using var optimizer = new Idle<TOptions>([Make()], change(new()));
        using var again = new Idle<TOptions>([Make()], new());
        again.LoadStateDict(optimizer.StateDict());
        Assert.Equal(optimizer.ParameterGroups[0].Options, again.ParameterGroups[0].Options);
    }

    /// <summary>Else it is an error when the state is saved or loaded, after hours of training.</summary>
    [Fact]
    public void An_option_of_a_type_that_no_state_gives_back_is_refused_at_once()
    {
        Assert.Contains("ArrayOptions.Alpha can't be an option: its type is Double[]", Assert.ThrowsAny<ArgumentException>(() => new Idle<ArrayOptions>([Make()], new())).Message, StringComparison.Ordinal);
        Assert.ThrowsAny<ArgumentException>(() => new Idle<PairOptions>([Make()], new()));
        Assert.Contains("its type is Int16", Assert.ThrowsAny<ArgumentException>(() => new Idle<ShortOptions>([Make()], new())).Message, StringComparison.Ordinal);
        Assert.Contains("it has no init", Assert.ThrowsAny<ArgumentException>(() => new Idle<FixedOptions>([Make()], new())).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_enumeration_without_names_on_disk_is_refused_by_name() =>
        Assert.Contains("Kind", Assert.ThrowsAny<ArgumentException>(() => new Idle<EnumOptions>([Make()], new())).Message, StringComparison.Ordinal);

    [Fact]
    public void Two_options_of_one_name_are_refused()
    {
        Assert.Contains("its key 'alpha' is another's", Assert.ThrowsAny<ArgumentException>(() => new Idle<TwiceOptions>([Make()], new())).Message, StringComparison.Ordinal);
        Assert.Contains("its key 'params' is another's", Assert.ThrowsAny<ArgumentException>(() => new Idle<ParamsOptions>([Make()], new())).Message, StringComparison.Ordinal);
    }

    /// <summary>They would run side by side on two threads: of equal elements, some have other values afterwards.</summary>
    [Fact]
    public void A_second_rule_for_a_parameter_is_refused()
    {
        var p = Make(300_000);
        using var optimizer = new RuledTwice([p]);
        Assert.Throws<InvalidOperationException>(optimizer.Step);
        Assert.All(p.Values.ToArray(), x => Assert.Equal(0, x));
    }

    [Fact]
    public void A_state_that_a_rule_is_given_twice_is_refused()
    {
        using var optimizer = new GivenTwice([Make()], second: false);
        Assert.Throws<InvalidOperationException>(optimizer.Step);
    }

    [Fact]
    public void Two_states_of_one_name_are_refused()
    {
        using var optimizer = new GivenTwice([Make()], second: true);
        Assert.Throws<InvalidOperationException>(optimizer.Step);
    }

    [Fact]
    public void An_entry_that_is_made_anew_is_taken_by_its_name()
    {
        var p = Make();
        using var optimizer = new MadeAnew([p]);
        optimizer.Step();
        optimizer.Step();
        Assert.Equal([2, 2, 2, 2], optimizer.StateOf(p)!.Tensor("sum"));
        Assert.Equal([-2, -2, -2, -2], optimizer.StateOf(p)!.Tensor("difference"));
    }

    /// <summary>On a thread of the pool an exception would end the process.</summary>
    [Fact]
    public void A_rule_that_throws_on_any_thread_throws_out_of_the_step()
    {
        using var scope = new ExecutionScope(2);
        for (int i = 0; i < 20; i++)
        {
            using var optimizer = new Free<float>([Make(300_000)], x => x.Apply(default(Throws<float>)));
            Assert.Throws<NotSupportedException>(optimizer.Step);
            using var measured = new Free<float>([Make(300_000)], x => x.ApplyMeasured(default(Throws<float>.Measuring)));
            Assert.Throws<NotSupportedException>(measured.Step);
        }
        using var good = new Free<float>([Make(300_000)], x => x.Apply(new AddScaledRule<float>(1)));
        good.Step();
    }

    [Fact]
    public void A_measuring_rule_is_refused_where_it_would_not_get_its_sums()
    {
        var p = Make();
        using var applied = new Free<float>([p], x => x.Apply(new ClippedStep<AddScaledRule<float>, float>(new(1), 1)));
        Assert.Contains("ApplyMeasured", Assert.Throws<InvalidOperationException>(applied.Step).Message, StringComparison.Ordinal);
        using var nested = new Free<float>([p], x => x.ApplyMeasured(new ClippedStep<Cautious<AddScaledRule<float>, float>, float>(new(new(1), false), 1)));
        Assert.Contains("does not measure", Assert.Throws<InvalidOperationException>(nested.Step).Message, StringComparison.Ordinal);
        using var over = new Free<float>([p], x => x.Apply(new TowardsInitial<Cautious<AddScaledRule<float>, float>, float>(new(new(1), false), 1), Initial));
        Assert.Throws<InvalidOperationException>(over.Step);
        using var tensor = new Free<float>([p], x => x.ApplyTensor(default(MeasuresInside)));
        Assert.Contains("TensorMath", Assert.Throws<InvalidOperationException>(tensor.Step).Message, StringComparison.Ordinal);
        Assert.All(p.Values.ToArray(), x => Assert.Equal(0, x));
    }

    [Fact]
    public void A_state_of_another_kind_is_refused()
    {
        var p = Make();
        using var number = new Free<float>([p], x => x.Apply(default(Sums<float>), Number, Initial));
        Assert.Contains("'number' is used as a tensor, but it was declared as Number", Assert.Throws<InvalidOperationException>(number.Step).Message, StringComparison.Ordinal);
        using var tensor = new Free<float>([p], x => x.SetNumber(Initial, 3));
        Assert.Contains("'initial' is used as a number, but it was declared as Tensor", Assert.Throws<InvalidOperationException>(tensor.Step).Message, StringComparison.Ordinal);
        using var none = new Free<float>([p], x => x.Apply(default(Sums<float>), null!, Initial));
        Assert.Throws<ArgumentNullException>(none.Step);
        Assert.Null(none.StateOf(p));
    }

    [Theory]
    [InlineData(StateShape.Rows)]
    [InlineData(StateShape.Columns)]
    [InlineData(StateShape.Scalar)]
    public void A_copy_of_the_parameter_has_as_many_numbers(StateShape shape) =>
        Assert.StartsWith("A copy of the parameter has as many numbers, but", Assert.Throws<ArgumentException>(() => StateEntry.CopyOfParameter("initial", shape: shape)).Message, StringComparison.Ordinal);

    static readonly StateEntry Initial = StateEntry.CopyOfParameter("initial", optional: true), Number = StateEntry.Number("number", optional: true);

    delegate void Give<T>(ParameterStep<T> x) where T : unmanaged, IBinaryFloatingPointIeee754<T>;

    /// <summary>Gives each parameter what it was made with.</summary>
    sealed class Free<TNumber>(IEnumerable<Parameter> parameters, Give<TNumber> give) : Optimizer<NoOptions>(Group(parameters), null)
        where TNumber : unmanaged, IBinaryFloatingPointIeee754<TNumber>
    {
        protected override IReadOnlyList<StateEntry> StateEntries(Parameter parameter) => [Initial, Number];

        protected override void Update<T>(GroupStep<T> group, NoOptions options)
        {
            foreach (var x in group)
            {
                if (typeof(T) == typeof(TNumber))
                    give(Unsafe.As<ParameterStep<T>, ParameterStep<TNumber>>(ref Unsafe.AsRef(in x)));
            }
        }
    }

    struct Throws<T> : IUpdateRule<T> where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        public static int Slots => 0;

        public readonly void Update<L>(ref Cell<L> x) where L : struct, ILane<L, T> => throw new NotSupportedException();

        public struct Measuring : IMeasuringRule<T>
        {
            public static int Slots => 0;

            public static int Sums => 1;

            public readonly void Measure<L>(ref Cell<L> x, ref CellSums<L> sums) where L : struct, ILane<L, T> => throw new NotSupportedException();

            public readonly void Take(in MeasuredSums sums)
            {
            }

            public readonly void Update<L>(ref Cell<L> x) where L : struct, ILane<L, T>
            {
            }
        }
    }

    struct MeasuresInside : ITensorRule<float>
    {
        public readonly void Update(in TensorCell<float> x, TensorMath math) => math.Apply(new ClippedStep<AddScaledRule<float>, float>(new(1), 1), x.Param, x.Grad);
    }

    sealed record FloatOptions : OptimizerOptions
    {
        public override double LearningRate { get; init; }

        [Option("alpha")]
        public float Alpha { get; init; }
    }

    sealed record PairOptions : OptimizerOptions
    {
        public override double LearningRate { get; init; }

        [Option("alpha")]
        public (float, float) Alpha { get; init; }
    }

    sealed record ArrayOptions : OptimizerOptions
    {
        public override double LearningRate { get; init; }

        [Option("alpha")]
        public double[] Alpha { get; init; } = [0.5, 1];
    }

    enum Kind { A, B }

    sealed record EnumOptions : OptimizerOptions
    {
        public override double LearningRate { get; init; }

        [Option("kind")]
        public Kind Kind { get; init; }
    }

    sealed record ShortOptions : OptimizerOptions
    {
        public override double LearningRate { get; init; }

        [Option("alpha", AtLeast = 0)]
        public short Alpha { get; init; }
    }

    sealed record TwiceOptions : OptimizerOptions
    {
        public override double LearningRate { get; init; }

        [Option("alpha")]
        public double A { get; init; } = 1;

        [Option("alpha")]
        public double B { get; init; } = 2;
    }

    sealed record FixedOptions : OptimizerOptions
    {
        public override double LearningRate { get; init; }

        [Option("alpha")]
        public double Alpha { get; } = 1;
    }

    sealed record ParamsOptions : OptimizerOptions
    {
        public override double LearningRate { get; init; }

        [Option("params")]
        public double Alpha { get; init; }
    }

    sealed record NoOptions : OptimizerOptions
    {
        public override double LearningRate { get; init; }
    }

    sealed class Idle<TOptions>(IEnumerable<Parameter> parameters, TOptions options) : Optimizer<TOptions>(Group(parameters), options)
        where TOptions : OptimizerOptions, new()
    {
        protected override IReadOnlyList<StateEntry> StateEntries(Parameter parameter) => [];

        protected override void Update<T>(GroupStep<T> group, TOptions options)
        {
        }
    }

    sealed class RuledTwice(IEnumerable<Parameter> parameters) : Optimizer<NoOptions>(Group(parameters), null)
    {
        protected override IReadOnlyList<StateEntry> StateEntries(Parameter parameter) => [];

        protected override void Update<T>(GroupStep<T> group, NoOptions options)
        {
            foreach (var x in group)
            {
                x.Apply(new AddScaledRule<T>(1));
                x.Apply(new ScaleRule<T>(3));
            }
        }
    }

    sealed class GivenTwice(IEnumerable<Parameter> parameters, bool second) : Optimizer<NoOptions>(Group(parameters), null)
    {
        static readonly StateEntry First = StateEntry.Tensor("sum"), Second = StateEntry.Tensor("sum");

        protected override IReadOnlyList<StateEntry> StateEntries(Parameter parameter) => second ? [First, Second] : [First];

        protected override void Update<T>(GroupStep<T> group, NoOptions options)
        {
            foreach (var x in group)
                x.Apply(new Sums<T>(), First, second ? Second : First);
        }
    }

    sealed class MadeAnew(IEnumerable<Parameter> parameters) : Optimizer<NoOptions>(Group(parameters), null)
    {
        static StateEntry First => StateEntry.Tensor("sum");

        static StateEntry Second => StateEntry.Tensor("difference");

        protected override IReadOnlyList<StateEntry> StateEntries(Parameter parameter) => [First, Second];

        protected override void Update<T>(GroupStep<T> group, NoOptions options)
        {
            foreach (var x in group)
                x.Apply(new Sums<T>(), First, Second);
        }
    }

    readonly struct Sums<T> : IUpdateRule<T>
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        public static int Slots => 2;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Update<L>(ref Cell<L> x) where L : struct, ILane<L, T>
        {
            x.S0 += x.Grad;
            x.S1 -= x.Grad;
        }
    }
}
