using System.Numerics;
using OptimSharp.Rules;

namespace OptimSharp.Tests.Rules;

/// <summary>An optimizer of a user's that evaluates the closure by itself.</summary>
public class ClosureAuthorTests
{
    static readonly StateEntry Vector = StateEntry.Tensor("vector"), Number = StateEntry.Number("number", initial: 7), Count = StateEntry.WholeNumber("count"),
        Vectors = StateEntry.Tensors("vectors"), Numbers = StateEntry.Numbers("numbers"), Other = StateEntry.Tensor("other");

    readonly double[] values = [1, 2, 3];
    readonly float[] more = [4];
    readonly Parameter<double> p;
    readonly Parameter<float> q;
    Action<Objective<double>> minimize = objective => objective.Evaluate(objective.Take());

    public ClosureAuthorTests()
    {
        p = Parameter.Of("p", values);
        q = Parameter.Of("q", more);
    }

    [Fact]
    public void All_parameters_are_one_vector_in_the_widest_type()
    {
        using var optimizer = Make();
        double[] seen = [], gradient = [];
        double loss = 0;
        minimize = objective =>
        {
            Matrices<double> x = objective.Take(), g = objective.Take();
            objective.ReadParameters(x);
            loss = objective.Evaluate(g);
            (seen, gradient) = ([.. x.Row(0)], [.. g.Row(0)]);
            x.Row(0)[3] = 0.1;
            objective.WriteParameters(x);
            Assert.Equal((4, 1), ((int)objective.Count, objective.Evaluations));
        };
        Assert.Equal(5.0, optimizer.Step(Closure));
        Assert.Equal(5, loss);
        Assert.Equal([1, 2, 3, 4], seen);
        Assert.Equal([1, 1, 1, 0], gradient); // q has none
        Assert.Equal(0.1f, more[0]);
    }

    [Fact]
    public void What_is_kept_is_there_at_the_next_step_and_after_a_checkpoint()
    {
        using var optimizer = Make();
        minimize = Fill;
        optimizer.Step(Closure);
        optimizer.Step(Closure);
        var state = optimizer.StateOf(p)!;
        Assert.Equal([2, 2, 2, 2], state.Tensor("vector"));
        Assert.Equal((9, 2), (state.Scalar("number"), state.Scalar("count")));
        Assert.Equal([[1, 1, 1, 1], [2, 2, 2, 2]], state.TensorList("vectors"));
        Assert.Equal([[1], [2]], state.TensorList("numbers"));
        Assert.Null(optimizer.StateOf(q));

        using var again = Make();
        again.LoadStateDict(optimizer.StateDict());
        optimizer.Step(Closure);
        again.Step(Closure);
        Assert.Equal(optimizer.StateDict().ToString(), again.StateDict().ToString());
        Assert.Equal([[1, 1, 1, 1], [2, 2, 2, 2], [3, 3, 3, 3]], again.StateOf(p)!.TensorList("vectors"));
    }

    /// <summary>One more of everything at each step.</summary>
    static void Fill(Objective<double> objective)
    {
        var g = objective.Take();
        objective.Evaluate(g);
        objective.SetNumber(Number, objective.Number(Number) + 1);
        objective.SetNumber(Count, objective.Number(Count) + 1);
        Matrices<double> vector = objective.Take(), added = objective.Vectors(Vectors).Add();
        Assert.Equal(objective.Number(Count) > 0, objective.Has(Vector));
        vector.Row(0).Clear();
        if (objective.Has(Vector))
            objective.Read(Vector, vector);
        foreach (ref double x in vector.Row(0))
            x++;
        vector.Row(0).CopyTo(added.Row(0));
        objective.Numbers(Numbers).Add(vector.Row(0)[0]);
        objective.Keep(Vector, vector);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_step_that_throws_leaves_parameters_and_state(bool removes)
    {
        using var optimizer = Make();
        minimize = Fill;
        optimizer.Step(Closure);
        optimizer.Step(Closure);
        string before = optimizer.StateDict().ToString();
        minimize = objective =>
        {
            Fill(objective);
            if (removes)
            {
                objective.Vectors(Vectors).RemoveAt(0);
                objective.Vectors(Vectors).Add().Row(0).Fill(99); // not the memory of the one that went
                objective.Numbers(Numbers).Clear();
            }
            objective.WriteParameters(objective.Take());
            throw new TimeoutException();
        };
        Assert.Throws<TimeoutException>(() => optimizer.Step(Closure));
        Assert.Equal([1, 2, 3], values);
        Assert.Equal([4], more);
        Assert.Equal(before, optimizer.StateDict().ToString());
        Assert.Equal([[1, 1, 1, 1], [2, 2, 2, 2]], optimizer.StateOf(p)!.TensorList("vectors"));
        minimize = Fill;
        optimizer.Step(Closure);
        Assert.Equal([[1, 1, 1, 1], [2, 2, 2, 2], [3, 3, 3, 3]], optimizer.StateOf(p)!.TensorList("vectors"));
    }

    [Fact]
    public void Vectors_of_a_state_with_other_numbers_are_not_read()
    {
        using var optimizer = Make();
        minimize = Fill;
        optimizer.Step(Closure);
        optimizer.Rebind([Parameter.Of("p", new Complex[3]), Parameter.Of("q", new float[1])]);
        int length = 0, count = 0;
        bool has = true;
        minimize = objective =>
        {
            objective.Evaluate(objective.Take());
            (length, count, has) = ((int)objective.Count, objective.Vectors(Vectors).Count, objective.Has(Vector));
            Assert.Throws<InvalidOperationException>(() => objective.Read(Vector, objective.Take()));
            objective.Vectors(Vectors).Add();
        };
        optimizer.Step(() => 1.0);
        Assert.Equal((7, 0, false), (length, count, has));
    }

    [Fact]
    public void What_an_author_gets_wrong_is_told()
    {
        using var optimizer = Make();
        string Told(Action<Objective<double>> step)
        {
            minimize = objective =>
            {
                objective.Evaluate(objective.Take());
                step(objective);
            };
            return Assert.ThrowsAny<Exception>(() => optimizer.Step(Closure)).Message;
        }
        Assert.StartsWith("A vector of 4 numbers is needed, but it has 3.", Told(o => o.WriteParameters(o.Math.Take<double>(1, 3))), StringComparison.Ordinal);
        Assert.StartsWith("A vector of 4 numbers is needed, but it has 5.", Told(o => o.Keep(Vector, o.Math.Take<double>(1, 5))), StringComparison.Ordinal);
        Assert.StartsWith("A vector of 4 numbers is needed, but it has 0.", Told(o => o.Evaluate(default)), StringComparison.Ordinal);
        Assert.Contains("'other' is not among Free's StateEntries", Told(o => o.Keep(Other, o.Take())), StringComparison.Ordinal);
        Assert.Contains("'number' of Free is of another kind: it was declared as Number", Told(o => o.Vectors(Number)), StringComparison.Ordinal);
        Assert.Contains("has no 'vector' of 4 numbers yet", Told(o => o.Read(Vector, o.Take())), StringComparison.Ordinal);
        Assert.Null(optimizer.StateOf(p));

        minimize = _ => { };
        Assert.StartsWith("Free did not evaluate the closure", Assert.Throws<InvalidOperationException>(() => optimizer.Step(Closure)).Message, StringComparison.Ordinal);

        Objective<double>? kept = null;
        Matrices<double> vector = default;
        minimize = objective =>
        {
            vector = objective.Take();
            objective.Evaluate(vector);
            kept = objective;
        };
        optimizer.Step(Closure);
        Assert.Throws<InvalidOperationException>(() => kept!.Evaluate(kept.Take()));
        Assert.Throws<InvalidOperationException>(() => kept!.Number(Number));
        Assert.Throws<InvalidOperationException>(() => kept!.WriteParameters(vector));
        Assert.Throws<InvalidOperationException>(() => vector.Row(0));
    }

    [Fact]
    public void A_step_without_a_closure_and_a_second_group_are_refused_in_its_name()
    {
        using var optimizer = Make();
        Assert.StartsWith("Free evaluates the loss several times a step", Assert.Throws<InvalidOperationException>(optimizer.Step).Message, StringComparison.Ordinal);
        Assert.StartsWith("Free has one parameter group", Assert.Throws<ArgumentException>(() => optimizer.AddParameterGroup(new([Parameter.Of("r", new double[1])]))).Message, StringComparison.Ordinal);
        minimize = o => o.Evaluate(o.Take());
        Assert.StartsWith("The closure returned no loss. Free needs", Assert.Throws<InvalidOperationException>(() => optimizer.Step(() => (object?)null)).Message, StringComparison.Ordinal);
    }

    double Closure()
    {
        p.Gradient = new double[] { 1, 1, 1 };
        return 5;
    }

    Free Make() => new([p, q], o => minimize(o));

    sealed record FreeOptions : OptimizerOptions
    {
        public override double LearningRate { get; init; } = 1;
    }

    sealed class Free(IEnumerable<Parameter> parameters, Action<Objective<double>> minimize) : ClosureOptimizer<FreeOptions>(Group(parameters), null)
    {
        protected override IReadOnlyList<StateEntry> StateEntries() => [Vector, Number, Count, Vectors, Numbers];

        protected override void Minimize<T>(Objective<T> objective, FreeOptions options) => minimize((Objective<double>)(object)objective);
    }
}
