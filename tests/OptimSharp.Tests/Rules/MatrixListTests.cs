using OptimSharp.Rules;

namespace OptimSharp.Tests.Rules;

/// <summary>State that is a list of matrices: made, given to rules, saved, loaded, moved, and taken back; and what an author can get wrong about it.</summary>
public class MatrixListTests
{
    static readonly StateEntry First = StateEntry.Matrices("first"), Second = StateEntry.Matrices("second"), Third = StateEntry.Matrices("third", optional: true), Unlisted = StateEntry.Matrices("unlisted");
    static readonly StateEntry Tensor = StateEntry.Tensor("tensor");

    readonly Parameter<float> w = Parameter.Of("w", new float[6], 2, 3);

    public MatrixListTests() => w.Gradient = new float[] { 1, 2, 3, 4, 5, 6 };

    [Fact]
    public void A_rule_has_its_matrices_and_what_it_writes_stays()
    {
        using var optimizer = Stepped(w);
        var state = optimizer.StateOf(w)!;
        Assert.Equal(["first", "second"], state.ListKeys);
        Assert.Equal([[1, 1, 1, 1], [], [2, 2, 2, 2, 2, 2, 2, 2, 2]], state.TensorList("first"));
        Assert.Equal([[3, 3, 3, 3, 3, 3]], state.TensorList("second"));
        optimizer.Step();
        Assert.Equal([[2, 2, 2, 2], [], [4, 4, 4, 4, 4, 4, 4, 4, 4]], state.TensorList("first"));
    }

    [Fact]
    public void It_is_saved_as_a_list_and_loaded()
    {
        using var optimizer = Stepped(w);
        var saved = optimizer.StateDict();
        var list = saved.GetDict("state").GetDict(0).GetList("first");
        Assert.Equal([2, 2], Assert.IsType<TensorData>(list[0]).Shape.ToArray());
        Assert.Empty(Assert.IsAssignableFrom<IReadOnlyList<object?>>(list[1]));
        using var other = new Lists([w]);
        other.LoadStateDict(saved);
        other.Step();
        Assert.Equal([[2, 2, 2, 2], [], [4, 4, 4, 4, 4, 4, 4, 4, 4]], other.StateOf(w)!.TensorList("first"));
    }

    [Theory]
    [InlineData(ElementType.Float16, ElementType.Float32)]
    [InlineData(ElementType.Float64, ElementType.Float64)]
    public void Its_type_is_the_one_computed_in(ElementType type, ElementType expected)
    {
        Parameter p = type == ElementType.Float16 ? Parameter.Of("w", new Half[6], 2, 3) : Parameter.Of("w", new double[6], 2, 3);
        if (p is Parameter<Half> half)
            half.Gradient = new Half[6];
        else
            ((Parameter<double>)p).Gradient = new double[6];
        using var optimizer = new Lists([p], new() { StatePrecision = StatePrecision.Parameter });
        optimizer.Step();
        var entry = optimizer.StateDict().GetDict("state").GetDict(0);
        Assert.Equal(expected, ((TensorData)entry.GetList("first")[0]!).ElementType);
        Assert.Equal(type, ((TensorData)entry["tensor"]!).ElementType);
    }

    [Fact]
    public void A_parameter_of_another_type_takes_it_over()
    {
        using var optimizer = Stepped(w);
        var wide = Parameter.Of("w", new double[6], 2, 3);
        wide.Gradient = new double[6];
        optimizer.Rebind([wide]);
        optimizer.Step();
        Assert.Equal([[2, 2, 2, 2], [], [4, 4, 4, 4, 4, 4, 4, 4, 4]], optimizer.StateOf(wide)!.TensorList("first"));
        Assert.Equal(ElementType.Float64, ((TensorData)optimizer.StateDict().GetDict("state").GetDict(0).GetList("first")[2]!).ElementType);
    }

    [Fact]
    public void A_step_that_fails_leaves_none()
    {
        var bad = Parameter.Of("bad", new float[2]);
        using var optimizer = new Lists([new([w]), new([bad], o => o with { Fails = true })]);
        bad.Gradient = new float[2];
        Assert.Throws<InvalidOperationException>(optimizer.Step);
        Assert.Null(optimizer.StateOf(w));
        bad.Gradient = null;
        optimizer.Step();
        Assert.Equal([1, 1, 1, 1], optimizer.StateOf(w)!.TensorList("first")[0]);
    }

    [Fact]
    public void Other_sizes_than_there_are_are_refused_and_nothing_changes()
    {
        using var optimizer = Stepped(w);
        optimizer.ParameterGroups[0].Options = optimizer.ParameterGroups[0].Options with { More = 1 };
        Assert.Equal("State 'first' of parameter 'w' [2, 3] Float32 has matrices of [2 × 2, 0 × 0, 3 × 3], but with the present options it has [3 × 3, 0 × 0, 3 × 3]: it was made with others.",
            Assert.Throws<InvalidOperationException>(optimizer.Step).Message);
        Assert.Equal([[1, 1, 1, 1], [], [2, 2, 2, 2, 2, 2, 2, 2, 2]], optimizer.StateOf(w)!.TensorList("first"));
    }

    [Theory]
    [InlineData("unlisted", "uses the state 'unlisted' of parameter 'w' [2, 3] Float32, but its StateEntries does not list it")]
    [InlineData("tensor", "State 'tensor' is used as a list of matrices, but it was declared as Tensor")]
    [InlineData("third", "The list of matrices 'third' of parameter 'w' [2, 3] Float32 was not started.")]
    [InlineData("three", "was given 1 state tensors and 3 lists of matrices; a rule can have 0 to 6 and 0 to 2.")]
    public void What_an_author_gets_wrong_is_told(string mistake, string message)
    {
        using var optimizer = new Lists([w], new() { Mistake = mistake });
        Assert.Contains(message, Assert.Throws<InvalidOperationException>(optimizer.Step).Message, StringComparison.Ordinal);
        Assert.Null(optimizer.StateOf(w));
    }

    [Theory]
    [InlineData(5.0, "State 'state.0.first[0]' must be a real matrix, or an empty list, for parameter 'w' [2, 3] Float32")]
    [InlineData(null, "State 'state.0.first[0]' must be a real matrix")]
    public void What_is_no_matrix_is_not_loaded(object? item, string message)
    {
        using var optimizer = Stepped(w);
        var saved = optimizer.StateDict();
        saved.GetDict("state").GetDict(0)["first"] = new[] { item ?? TensorData.Of<float>([1, 2, 3], 3) };
        using var other = new Lists([w]);
        Assert.StartsWith(message, Assert.Throws<StateDictException>(() => other.LoadStateDict(saved)).Message, StringComparison.Ordinal);
        Assert.Null(other.StateOf(w));
    }

    static Lists Stepped(Parameter parameter)
    {
        var optimizer = new Lists([parameter]);
        optimizer.Step();
        return optimizer;
    }

    sealed record ListOptions : OptimizerOptions
    {
        public override double LearningRate { get; init; } = 1;

        public bool Fails { get; init; }

        public int More { get; init; }

        public string Mistake { get; init; } = "";
    }

    [method: System.Runtime.CompilerServices.OverloadResolutionPriority(1)]
    sealed class Lists(IEnumerable<ParameterGroup<ListOptions>> groups, ListOptions? options = null) : Optimizer<ListOptions>(groups, options)
    {
        public Lists(IEnumerable<Parameter> parameters, ListOptions? options = null) : this(Group(parameters), options)
        {
        }

        protected override IReadOnlyList<StateEntry> StateEntries(Parameter parameter) => [Tensor, First, Second, Third];

        protected override void Update<T>(GroupStep<T> group, ListOptions options)
        {
            foreach (var x in group)
            {
                if (options.Fails)
                    throw new InvalidOperationException("for the test");
                x.Start(First, [new(2 + options.More, 2 + options.More), default, new(3, 3)]);
                x.Start(Second, [new(2, 3)]);
                switch (options.Mistake)
                {
                    case "unlisted":
                        x.Start(Unlisted, [new(1, 1)]);
                        break;
                    case "tensor":
                        x.Start(Tensor, [new(1, 1)]);
                        break;
                    case "third":
                        x.ApplyTensor(new Counting<T>(), Tensor, First, Third);
                        break;
                    case "three":
                        x.ApplyTensor(new Counting<T>(), Tensor, First, Second, First);
                        break;
                    default:
                        x.ApplyTensor(new Counting<T>(), First, Tensor, Second);
                        break;
                }
            }
        }
    }

    /// <summary>Adds one to the first matrix, two to the third, three to that of the second list.</summary>
    readonly struct Counting<T> : ITensorRule<T>
        where T : unmanaged, System.Numerics.IBinaryFloatingPointIeee754<T>
    {
        public void Update(in TensorCell<T> x, TensorMath math)
        {
            Assert.Equal((3, 1), (x.L0.Count, x.L1.Count));
            Assert.Equal(6, (int)x.S0.Count);
            Add(x.L0[0], 1);
            Add(x.L0[2], 2);
            Add(x.L1[0], 3);
        }

        static void Add(Matrices<T> matrix, int number)
        {
            for (nint i = 0; i < matrix.Rows; i++)
            {
                foreach (ref var value in matrix.Row(i))
                    value += T.CreateChecked(number);
            }
        }
    }
}
