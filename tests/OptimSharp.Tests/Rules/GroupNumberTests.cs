using System.Numerics;
using System.Runtime.CompilerServices;
using OptimSharp.Rules;

namespace OptimSharp.Tests.Rules;

/// <summary>What an optimizer keeps for a group.</summary>
public class GroupNumberTests
{
    readonly Parameter<double> p = Parameter.Of("p", new double[] { 1, 2 });
    readonly Parameter<float> q = Parameter.Of("q", new float[] { 3 }), r = Parameter.Of("r", new float[] { 4 });

    public GroupNumberTests() => Gradients();

    [Fact]
    public void They_are_as_before_during_a_step_and_changed_after_it()
    {
        using var optimizer = Make();
        optimizer.Step();
        // Σ g² over all is 1 + 4 + 9 + 16 = 30, in both groups; the groups' own scales are the options'.
        Assert.Equal((1L, 30.0, 0.5), Saved(optimizer, 0));
        Assert.Equal((1L, 30.0, 0.25), Saved(optimizer, 1));
        // A rate of 1/(1 + d), d being 0 before the first step.
        Assert.Equal([0, 0], p.Values.ToArray());
        optimizer.Step();
        Assert.Equal((2L, 60.0, 0.5), Saved(optimizer, 0));
        Assert.Equal([-1 / 31.0, -2 / 31.0], p.Values.ToArray());
    }

    [Fact]
    public void A_group_without_a_gradient_keeps_its_own()
    {
        using var optimizer = Make();
        r.Gradient = default;
        optimizer.Step();
        Assert.Equal((1L, 14.0, 0.5), Saved(optimizer, 0));
        Assert.False(optimizer.StateDict().GetDicts("param_groups")[1].ContainsKey("k"));
    }

    [Fact]
    public void Those_that_are_shared_are_set_in_all_groups_and_read_from_the_first()
    {
        using var optimizer = Make();
        optimizer.Shares = true;
        p.Gradient = default;
        q.Gradient = default;
        optimizer.Step(); // of the second group alone
        Assert.Equal([16, 16], optimizer.StateDict().GetDicts("param_groups").Select(g => (double)g["d"]!));
        Gradients();
        var state = optimizer.StateDict();
        state.GetDicts("param_groups")[1]["d"] = 1000.0;
        optimizer.LoadStateDict(state);
        optimizer.Step();
        Assert.Equal([16 + 30, 16 + 30], optimizer.StateDict().GetDicts("param_groups").Select(g => (double)g["d"]!));
        string before = optimizer.StateDict().ToString();
        optimizer.Fails = true;
        Assert.Throws<TimeoutException>(optimizer.Step);
        Assert.Equal(before, optimizer.StateDict().ToString());
        optimizer.UsesAnother = true;
        Assert.Contains("'other' is not among the optimizer's GroupEntries", Assert.Throws<InvalidOperationException>(optimizer.Step).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_step_that_fails_or_is_left_out_leaves_them()
    {
        using var optimizer = Make();
        optimizer.Step();
        string before = optimizer.StateDict().ToString();
        optimizer.Fails = true;
        Assert.Throws<TimeoutException>(optimizer.Step);
        optimizer.Fails = false;
        Assert.Equal(before, optimizer.StateDict().ToString());
        r.Gradient = new[] { float.NaN };
        Assert.Equal(StepOutcome.Skipped, new TrainingStep(optimizer, new() { SkipNotFinite = true }).Step().Outcome);
        Assert.Equal(before, optimizer.StateDict().ToString());
    }

    [Fact]
    public void They_are_saved_loaded_and_shown()
    {
        using var optimizer = Make();
        optimizer.Step();
        optimizer.Step();
        Assert.Contains("    d: 60\n", optimizer.ToString(), StringComparison.Ordinal);
        Assert.Contains("    k: 2\n", optimizer.ToString(), StringComparison.Ordinal);
        Parameter<double> p2 = Parameter.Of("p", p.Values.ToArray());
        Parameter<float> q2 = Parameter.Of("q", q.Values.ToArray()), r2 = Parameter.Of("r", r.Values.ToArray());
        using var again = new Counting([new([p2, q2]), new([r2], o => o with { Scale = 0.25 })]);
        again.LoadStateDict(optimizer.StateDict());
        Assert.Equal(optimizer.StateDict().ToString(), again.StateDict().ToString());
        (p2.Gradient, q2.Gradient, r2.Gradient) = (p.Gradient, q.Gradient, r.Gradient);
        optimizer.Step();
        again.Step();
        Assert.Equal(p.Values.ToArray(), p2.Values.ToArray());
        Assert.Equal(optimizer.StateDict().ToString(), again.StateDict().ToString());

        again.LoadStateDict(Make().StateDict(), new() { Keep = ["d"] }); // of one that was never stepped
        Assert.False(again.StateDict().GetDicts("param_groups")[0].ContainsKey("k"));
        Assert.Equal(90, again.StateDict().GetDicts("param_groups")[0].GetDouble("d"));
    }

    [Fact]
    public void Groups_of_the_state_have_theirs()
    {
        using var optimizer = Make();
        optimizer.Step();
        using var one = new Counting([new([p, q, r])]);
        one.LoadStateDict(optimizer.StateDict(), new() { RebuildGroups = true });
        Assert.Equal(2, one.ParameterGroups.Count);
        Assert.Equal((1L, 30.0, 0.25), Saved(one, 1));
    }

    [Theory]
    [InlineData("d", double.NaN, "a finite number, but is NaN")]
    [InlineData("d", double.PositiveInfinity, "a finite number, but is Infinity")]
    [InlineData("s", double.NegativeInfinity, "a finite number, but is -Infinity")]
    [InlineData("k", 1.5, "a whole number ≥ 0, but is 1.5")]
    [InlineData("k", double.NaN, "a whole number ≥ 0, but is NaN")]
    public void One_that_can_not_be_is_refused_by_name_and_nothing_changes(string key, double value, string message)
    {
        using var optimizer = Make();
        optimizer.Step();
        var state = optimizer.StateDict();
        string before = state.ToString();
        state.GetDicts("param_groups")[1][key] = value;
        Assert.Equal($"State 'param_groups[1].{key}' must be {message}.", Assert.Throws<StateDictException>(() => optimizer.LoadStateDict(state)).Message);
        Assert.Equal(before, optimizer.StateDict().ToString());
    }

    [Fact]
    public void What_is_no_number_is_refused()
    {
        var state = Make().StateDict();
        state.GetDicts("param_groups")[0]["d"] = "far";
        using var optimizer = Make();
        Assert.StartsWith("State 'param_groups[0].d'", Assert.Throws<StateDictException>(() => optimizer.LoadStateDict(state)).Message, StringComparison.Ordinal);
        optimizer.UsesAnother = true;
        Assert.Contains("'other' is not among the optimizer's GroupEntries", Assert.Throws<InvalidOperationException>(optimizer.Step).Message, StringComparison.Ordinal);
        optimizer.ParameterGroups[0].Extras["d"] = 3;
        Assert.Throws<InvalidOperationException>(optimizer.StateDict);
    }

    void Gradients()
    {
        p.Gradient = new double[] { 1, 2 };
        q.Gradient = new float[] { 3 };
        r.Gradient = new float[] { 4 };
    }

    Counting Make() => new([new([p, q]), new([r], o => o with { Scale = 0.25 })]);

    static (long, double, double) Saved(Optimizer optimizer, int group)
    {
        var saved = optimizer.StateDict().GetDicts("param_groups")[group];
        return ((long)saved["k"]!, (double)saved["d"]!, (double)saved["s"]!);
    }

    sealed record CountingOptions : OptimizerOptions
    {
        public override double LearningRate { get; init; } = 1;

        [Option("scale")]
        public double Scale { get; init; } = 0.5;
    }

    /// <summary>θ ← θ − ηg/(1 + d), d the sum of all squares of gradients in earlier steps.</summary>
    sealed class Counting(IEnumerable<ParameterGroup<CountingOptions>> groups) : Optimizer<CountingOptions>(groups, null)
    {
        static readonly StateEntry K = StateEntry.WholeNumber("k"), D = StateEntry.Number("d"), S = StateEntry.Number("s"), Other = StateEntry.Number("other");

        public bool Fails { get; set; }

        public bool UsesAnother { get; set; }

        public bool Shares { get; set; }

        protected override IReadOnlyList<StateEntry> GroupEntries => [K, D, S];

        protected override IReadOnlyList<StateEntry> StateEntries(Parameter parameter) => [];

        protected override void Update<T>(GroupStep<T> group, CountingOptions options)
        {
            var numbers = group.Numbers;
            numbers[K] = numbers[K] + 1; // once, also when the group is planned twice
            numbers[S] = numbers.Get(S, options.Scale);
            var shared = group.SharedNumbers;
            if (UsesAnother && Shares)
                shared[Other] = 1;
            else if (UsesAnother)
                numbers[Other] = 1;
            foreach (var x in group)
            {
                if (Shares)
                    x.ApplyMeasured(new SharingRule<T>(shared, D));
                else
                    x.ApplyMeasured(new CountingRule<T>(options, numbers, D));
            }
            if (Fails)
                throw new TimeoutException();
        }
    }

    struct CountingRule<T>(CountingOptions options, GroupNumbers numbers, StateEntry entry) : IMeasuringRule<T>
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        readonly GroupNumbers numbers = numbers;
        readonly StateEntry entry = entry;
        readonly T rate = T.CreateChecked(options.LearningRate / (1 + numbers[entry]));

        public static int Slots => 0;

        public static int Sums => 1;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public readonly void Measure<L>(ref Cell<L> x, ref CellSums<L> sums) where L : struct, ILane<L, T> => sums.Sum0 = x.Grad * x.Grad;

        public readonly void Take(in MeasuredSums sums) => numbers[entry] = numbers[entry] + sums.OverAll(0);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public readonly void Update<L>(ref Cell<L> x) where L : struct, ILane<L, T> => x.Step = L.Of(rate) * x.Grad;
    }
    /// <summary>Adds the squares of gradients up, and moves nothing.</summary>
    struct SharingRule<T>(SharedNumbers numbers, StateEntry entry) : IMeasuringRule<T>
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        readonly SharedNumbers numbers = numbers;
        readonly StateEntry entry = entry;

        public static int Slots => 0;

        public static int Sums => 1;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public readonly void Measure<L>(ref Cell<L> x, ref CellSums<L> sums) where L : struct, ILane<L, T> => sums.Sum0 = x.Grad * x.Grad;

        public readonly void Take(in MeasuredSums sums) => numbers[entry] = numbers.Get(entry, 0) + sums.OverAll(0);

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public readonly void Update<L>(ref Cell<L> x) where L : struct, ILane<L, T>
        {
        }
    }
}
