using OptimSharp.Conformance;
using OptimSharp.Schedulers;

namespace OptimSharp.Tests.Optimizers;

public class LBFGSTests
{
    [Fact]
    public void Without_a_closure_it_says_what_to_do()
    {
        using var problem = new Problem();
        Assert.StartsWith("LBFGS evaluates the loss several times a step: call Step(closure)", Assert.Throws<InvalidOperationException>(problem.Optimizer.Step).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void It_has_one_group()
    {
        var groups = new[] { new ParameterGroup<LBFGSOptions>([Parameter.Of("a", new double[1])]), new ParameterGroup<LBFGSOptions>([Parameter.Of("b", new double[1])]) };
        Assert.StartsWith("LBFGS has one parameter group", Assert.Throws<ArgumentException>(() => new LBFGS(groups)).Message, StringComparison.Ordinal);
        using var problem = new Problem();
        Assert.StartsWith("LBFGS has one parameter group", Assert.Throws<ArgumentException>(() => problem.Optimizer.AddParameterGroup(new([Parameter.Of("c", new double[1])]))).Message, StringComparison.Ordinal);
        Assert.Single(problem.Optimizer.ParameterGroups);
    }

    // The reference's table, from PyTorch 2.14: Rosenbrock from (1.5, 1.5), three steps.
    [Fact]
    public void Counts_are_as_documented()
    {
        using var problem = new Problem(new() { LineSearch = LineSearch.StrongWolfe });
        double[] losses = [problem.Step(), problem.Step(), problem.Step()];
        Assert.Equal([56.5, 4.4037800587297016e-12, 4.4037800587297016e-12], losses, (a, b) => Math.Abs(a - b) < 1e-12);
        Assert.Equal((22, 20), (problem.State.Scalar("func_evals"), problem.State.Scalar("n_iter")));
        Assert.Equal(22, problem.Evaluations);
        Assert.Equal([1.0000008287485183, 1.0000014647036375], problem.Point, (a, b) => Math.Abs(a - b) < 1e-9);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(4)]
    [InlineData(9)]
    public void A_closure_that_throws_leaves_everything_as_it_was(int failing)
    {
        using var problem = new Problem(new() { LineSearch = LineSearch.StrongWolfe, MaxIterations = 5, HistorySize = 2 });
        problem.Step();
        double[] point = [.. problem.Point];
        var state = problem.Snapshot();
        problem.FailAt = problem.Evaluations + failing;
        bool threw = false;
        try
        {
            problem.Step();
        }
        catch (TimeoutException)
        {
            threw = true;
        }
        if (!threw)
            return; // the step ended earlier
        Assert.Equal(point, problem.Point);
        Assert.Equal(state, problem.Snapshot());

        // And it goes on as if nothing had happened.
        problem.FailAt = int.MaxValue;
        using var other = new Problem(new() { LineSearch = LineSearch.StrongWolfe, MaxIterations = 5, HistorySize = 2 });
        other.Step();
        problem.Step();
        other.Step();
        Assert.Equal(other.Point, problem.Point);
        Assert.Equal(other.Snapshot(), problem.Snapshot());
    }

    [Fact]
    public void A_failing_first_step_leaves_no_state()
    {
        using var problem = new Problem { FailAt = 3 };
        Assert.Throws<TimeoutException>(() => problem.Step());
        Assert.Null(problem.Optimizer.StateOf(problem.Parameter));
        Assert.Equal([1.5, 1.5], problem.Point);
    }

    // PyTorch 2.14 raises an UnboundLocalError here.
    [Fact]
    public void Max_eval_0_with_a_line_search_still_makes_one_iteration()
    {
        using var problem = new Problem(new() { LineSearch = LineSearch.StrongWolfe, MaxEvaluations = 0 });
        double first = problem.Step();
        Assert.Equal(1, problem.State.Scalar("n_iter"));
        Assert.True(problem.Step() < first);
    }

    // PyTorch 2.14 leaves the line search no evaluation, and it can stay where it is for ever.
    [Fact]
    public void Max_iter_1_with_a_line_search_arrives()
    {
        using var problem = new Problem(new() { LineSearch = LineSearch.StrongWolfe, MaxIterations = 1 });
        for (int i = 0; i < 60; i++)
            problem.Step();
        Assert.Equal([1, 1], problem.Point, (a, b) => Math.Abs(a - b) < 1e-4);
    }

    // PyTorch's line search has no guard: its cubic interpolation is nan from there on (#5953).
    [Fact]
    public void Where_the_loss_is_not_a_number_the_line_search_turns_back()
    {
        double[] point = [0.2];
        var parameter = Parameter.Of("x", point);
        using var optimizer = new LBFGS([parameter], new() { LineSearch = LineSearch.StrongWolfe, LearningRate = 10 });
        for (int i = 0; i < 5; i++)
        {
            optimizer.Step(() => // x − ln x, lowest at 1; no number for x < 0
            {
                parameter.Gradient = new[] { 1 - 1 / point[0] };
                return point[0] - Math.Log(point[0]);
            });
        }
        Assert.Equal(1, point[0], 1e-5);
    }

    [Fact]
    public void Without_a_line_search_a_point_that_is_no_number_is_left_again_with_a_warning()
    {
        double[] point = [0.2];
        var parameter = Parameter.Of("x", point);
        using var optimizer = new LBFGS([parameter], new() { LearningRate = 10 });
        var warnings = new List<string>();
        void Note(object? sender, WarningEventArgs e)
        {
            if (ReferenceEquals(sender, optimizer))
                warnings.Add(e.Message);
        }
        Warnings.Raised += Note;
        double Closure()
        {
            parameter.Gradient = new[] { point[0] > 0.5 ? double.NaN : 1 - 1 / point[0] };
            return point[0] > 0.5 ? double.NaN : point[0];
        }
        optimizer.Step(Closure);
        Assert.Equal(0.2, point[0]);
        point[0] = 3;
        optimizer.Step(Closure);
        Warnings.Raised -= Note;
        Assert.Equal(3, point[0]);
        Assert.Contains("came to where the loss or its gradient is not a finite number", warnings[0], StringComparison.Ordinal);
        Assert.Contains("starts where the loss or its gradient is not a finite number", warnings[1], StringComparison.Ordinal);
    }

    // TorchSharp's LBFGS ignores schedulers (its bug 4).
    [Fact]
    public void A_scheduler_controls_its_rate()
    {
        using var problem = new Problem(new() { LearningRate = 1e-3, MaxIterations = 1 });
        problem.Step(); // the first iteration is shortened by the gradient's size
        _ = new StepLR(problem.Optimizer, stepSize: 1, gamma: 0.5);
        problem.Optimizer.ParameterGroups[0].LearningRate = 0;
        double[] before = [.. problem.Point];
        problem.Step();
        Assert.Equal(before, problem.Point);
        problem.Optimizer.ParameterGroups[0].LearningRate = 1e-3;
        problem.Step();
        Assert.NotEqual(before, problem.Point);
    }

    [Fact]
    public void Maximizing_goes_up_and_returns_the_loss_as_it_is()
    {
        double[] point = [0.5];
        var parameter = Parameter.Of("x", point);
        using var optimizer = new LBFGS([parameter], new() { Maximize = true, LineSearch = LineSearch.StrongWolfe });
        double loss = 0;
        for (int i = 0; i < 3; i++)
            loss = optimizer.Step(() => { parameter.Gradient = new[] { -2 * (point[0] - 2) }; return -(point[0] - 2) * (point[0] - 2); });
        Assert.Equal(2, point[0], 1e-6);
        Assert.Equal(0, loss, 1e-9);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Its_state_is_under_the_first_parameter_by_torch_names(int parameters)
    {
        using var problem = new Problem(new() { HistorySize = 3, MaxIterations = 6 }, parameters);
        problem.Step();
        Assert.Equal(["H_diag", "func_evals", "n_iter", "prev_loss", "t"], problem.State.ScalarKeys.Order(StringComparer.Ordinal));
        Assert.Equal(["d", "prev_flat_grad"], problem.State.TensorKeys.Order(StringComparer.Ordinal));
        Assert.Equal(["old_dirs", "old_stps", "ro"], problem.State.ListKeys.Order(StringComparer.Ordinal));
        Assert.Equal(3, problem.State.TensorList("old_dirs").Count);
        Assert.Equal(3, problem.State.TensorList("ro").Count);
        Assert.Equal(2, problem.State.TensorList("old_stps")[0].Length);
    }

    [Fact]
    public void Several_parameters_are_one_vector()
    {
        using Problem one = new(), two = new(parameters: 2);
        for (int i = 0; i < 3; i++)
        {
            one.Step();
            two.Step();
        }
        Assert.Equal(one.Point, two.Point);
    }

    [Fact]
    public void The_loss_may_be_any_number()
    {
        Assert.Equal(4.5f, Step(4.5f));
        Assert.Equal(3, Step(3));
        Assert.Equal(2.5m, Step(2.5m));
        Assert.Contains("System.String", Assert.Throws<InvalidOperationException>(() => Step("none")).Message, StringComparison.Ordinal);
        Assert.StartsWith("The closure returned no loss.", Assert.Throws<InvalidOperationException>(() => Step<object?>(null)).Message, StringComparison.Ordinal);

        static T Step<T>(T loss)
        {
            var parameter = Parameter.Of("x", new double[] { 1 });
            parameter.Gradient = new double[] { 1 };
            using var optimizer = new LBFGS([parameter], new() { MaxIterations = 2 });
            return optimizer.Step(() => loss);
        }
    }

    // TorchSharp's LBFGS leaks every loss but the first (its bug 5).
    [Fact]
    public void Losses_that_nobody_sees_are_disposed()
    {
        using var problem = new Problem();
        var made = new List<Loss>();
        var first = problem.Optimizer.Step(() =>
        {
            made.Add(new Loss(problem.Evaluate()));
            return made[^1];
        });
        Assert.Same(made[0], first);
        Assert.False(first.Disposed);
        Assert.True(made.Count > 2);
        Assert.All(made[1..], loss => Assert.True(loss.Disposed));
    }

    sealed class Loss(double value) : IConvertible, IDisposable
    {
        public bool Disposed { get; private set; }

        public void Dispose() => Disposed = true;

        public double ToDouble(IFormatProvider? provider) => value;

        public TypeCode GetTypeCode() => TypeCode.Object;

        public bool ToBoolean(IFormatProvider? provider) => throw new NotSupportedException();

        public byte ToByte(IFormatProvider? provider) => throw new NotSupportedException();

        public char ToChar(IFormatProvider? provider) => throw new NotSupportedException();

        public DateTime ToDateTime(IFormatProvider? provider) => throw new NotSupportedException();

        public decimal ToDecimal(IFormatProvider? provider) => throw new NotSupportedException();

        public short ToInt16(IFormatProvider? provider) => throw new NotSupportedException();

        public int ToInt32(IFormatProvider? provider) => throw new NotSupportedException();

        public long ToInt64(IFormatProvider? provider) => throw new NotSupportedException();

        public sbyte ToSByte(IFormatProvider? provider) => throw new NotSupportedException();

        public float ToSingle(IFormatProvider? provider) => throw new NotSupportedException();

        public string ToString(IFormatProvider? provider) => throw new NotSupportedException();

        public object ToType(Type conversionType, IFormatProvider? provider) => throw new NotSupportedException();

        public ushort ToUInt16(IFormatProvider? provider) => throw new NotSupportedException();

        public uint ToUInt32(IFormatProvider? provider) => throw new NotSupportedException();

        public ulong ToUInt64(IFormatProvider? provider) => throw new NotSupportedException();
    }

    /// <summary>Rosenbrock's function from (1.5, 1.5), in one parameter or two.</summary>
    sealed class Problem : IDisposable
    {
        readonly Parameter<double>[] parameters;

        public Problem(LBFGSOptions? options = null, int parameters = 1)
        {
            this.parameters = parameters == 1
                ? [OptimSharp.Parameter.Of("x", new double[] { 1.5, 1.5 })]
                : [OptimSharp.Parameter.Of("x", new double[] { 1.5 }), OptimSharp.Parameter.Of("y", new double[] { 1.5 })];
            Optimizer = new LBFGS(this.parameters, options);
        }

        public LBFGS Optimizer { get; }

        public Parameter Parameter => parameters[0];

        public double[] Point => [.. parameters.SelectMany(p => p.Values.ToArray())];

        public ParameterState State => Optimizer.StateOf(Parameter)!;

        public int Evaluations { get; private set; }

        public int FailAt { get; set; } = int.MaxValue;

        public double Step() => Optimizer.Step(Evaluate);

        public double Evaluate()
        {
            if (++Evaluations == FailAt)
                throw new TimeoutException();
            var (value, gradient) = Objective.Rosenbrock.At(Point);
            int first = 0;
            foreach (var parameter in parameters)
            {
                parameter.Gradient = gradient.AsMemory(first, (int)parameter.Count);
                first += (int)parameter.Count;
            }
            return value;
        }

        public double[] Snapshot() =>
        [
            .. State.ScalarKeys.SelectMany(k => new[] { State.Scalar(k) }),
            .. State.TensorKeys.SelectMany(k => State.Tensor(k)),
            .. State.ListKeys.SelectMany(k => State.TensorList(k)).SelectMany(x => x),
        ];

        public void Dispose() => Optimizer.Dispose();
    }
}
