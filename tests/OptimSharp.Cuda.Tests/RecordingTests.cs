using OptimSharp.Conformance;
using OptimSharp.Conformance.Workloads;
using OptimSharp.Engine;
using OptimSharp.Rules;

namespace OptimSharp.Cuda.Tests;

/// <summary>What a recording is, and what rules can't be recorded.</summary>
public class RecordingTests
{
    [Fact]
    public void Every_elementwise_optimizer_is_recorded()
    {
        var recorded = RecordedSteps.All.Select(s => s.From.Split('(')[0]).ToHashSet();
        Assert.Subset(recorded, OptimizerDriver.PublicOptimizers.Where(OptimizerSamples.IsElementwise).Select(t => t.Name).ToHashSet());
    }

    [Fact]
    public void It_has_the_operations_of_the_rule()
    {
        var recording = Recorder.Record<Descent, float>(new(0.1f));
        Assert.Equal([new(Operation.Param), new(Operation.Grad), new(Operation.Coefficient, 0), new(Operation.Multiply, 2, 1), new(Operation.Subtract, 0, 3)], recording.Instructions.ToArray());
        Assert.Equal((4, 1, 0), (recording.Param, recording.Coefficients, recording.States.Length));
    }

    [Fact]
    public void What_is_computed_twice_is_there_once_and_what_is_for_nothing_is_not()
    {
        var recording = Recorder.Record<Wasteful, float>(new());
        Assert.Equal([new(Operation.Param), new(Operation.Grad), new(Operation.Multiply, 1, 1), new(Operation.Add, 2, 2), new(Operation.Subtract, 0, 3)], recording.Instructions.ToArray());
    }

    [Fact]
    public void Coefficients_that_are_equal_have_a_place_each()
    {
        var recording = RecordedRule<Two, float>.Fetch(new(3, 3), out var equal);
        Assert.Equal([3, 3], equal);
        Assert.Same(recording, RecordedRule<Two, float>.Fetch(new(3, 4), out var others));
        Assert.Equal([3, 4], others);
        Assert.Equal(2, recording.Coefficients);
    }

    [Fact]
    public void Coefficients_come_in_the_order_of_the_rule_however_many()
    {
        Assert.Equal(100, RecordedRule<Many, double>.Fetch(new(100), out var row).Coefficients);
        Assert.Equal(Enumerable.Range(0, 100).Select(i => (double)i), row.ToArray());
    }

    [Fact]
    public void Other_rates_are_the_same_recording_and_other_branches_are_not()
    {
        var plain = Fetch(new AdamOptions { LearningRate = 0.1 });
        Assert.Same(plain, Fetch(new AdamOptions { LearningRate = 0.2, Betas = (0.8, 0.9) }));
        var decayed = Fetch(new AdamOptions { WeightDecay = 0.1 });
        Assert.NotEqual(plain, decayed);
        Assert.NotEqual(plain.Key, decayed.Key);
        Assert.Same(decayed, Fetch(new AdamOptions { WeightDecay = 0.3 }));

        static Recording Fetch(AdamOptions options) => RecordedRule<AdamRule<float, Off>, float>.Fetch(new(options, default, 0.1, 0.2), out _);
    }

    [Fact]
    public void A_branch_by_a_coefficient_is_taken_anew_in_each_step()
    {
        var small = RecordedRule<ByRate, float>.Fetch(new(0.1f), out _);
        var large = RecordedRule<ByRate, float>.Fetch(new(0.9f), out _);
        Assert.NotEqual(small, large);
        Assert.Same(small, RecordedRule<ByRate, float>.Fetch(new(0.2f), out _));
    }

    [Fact]
    public void Equal_recordings_have_equal_keys_and_others_have_others()
    {
        Recording[] all = [.. RecordedSteps.All.Select(s => s.Recording).Distinct()];
        Assert.Equal(all.Length, all.Select(r => r.Key).Distinct().Count());
        Assert.Equal(Recorder.Record<Descent, float>(new(0.1f)), Recorder.Record<Descent, float>(new(0.2f)));
        Assert.Equal(Recorder.Record<Descent, float>(new(0.1f)).GetHashCode(), Recorder.Record<Descent, float>(new(0.2f)).GetHashCode());
    }

    [Fact]
    public void What_a_lane_is_by_default_is_zero() =>
        Assert.Equal([new(Operation.Grad), new(Operation.Literal, 0), new(Operation.Max, 0, 1)], Recorder.Record<AtLeastZero, float>(new()).Instructions.ToArray());

    [Fact]
    public void A_state_beyond_the_slots_is_refused() => Refused<BeyondSlots>(new(), "BeyondSlots uses a state beyond its slots.");

    [Fact]
    public void A_number_kept_from_another_update_is_refused()
    {
        Recorder.Record<Keeping, float>(new());
        Refused<Keeping>(new(), "Keeping uses a number that it kept from another update.");
    }

    [Fact]
    public void It_is_refused_at_once() => // before a step was taken with it
        Assert.Equal("KeepingLast uses a number that it kept from another update.", Assert.Throws<InvalidOperationException>(() => RecordedRule<KeepingLast, float>.Fetch(new(), out _)).Message);

    [Fact]
    public void A_rule_that_changes_by_itself_is_refused() =>
        Refused<Changing>(new(), "Changing computes something else each time that it is run: it looks at more than its fields and its cell.");

    [Fact]
    public void An_operation_outside_of_a_recording_is_refused() => Assert.Throws<InvalidOperationException>(() => SymbolicLane<float>.Sqrt(default));

    [Fact]
    public void A_rule_that_throws_leaves_nothing_behind()
    {
        Assert.Throws<NotSupportedException>(() => Recorder.Record<Throwing, float>(new()));
        Assert.Throws<InvalidOperationException>(() => SymbolicLane<float>.Of(1));
        Assert.Throws<NotSupportedException>(() => Coefficients<float>.Fetch(new Throwing(), out _));
        Coefficients<float>.Fetch(new Descent(0.5f), out var row);
        Assert.Equal([0.5f], row);
    }

    [Fact]
    public void Fetching_allocates_nothing()
    {
        var rule = new AdamRule<float, On>(new AdamWOptions { AMSGrad = true }, default, 0.1, 0.2);
        RecordedRule<AdamRule<float, On>, float>.Fetch(rule, out _);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 100; i++)
            RecordedRule<AdamRule<float, On>, float>.Fetch(rule, out _);
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }

    [Fact]
    public void Threads_record_side_by_side()
    {
        var made = new Recording[64];
        Parallel.For(0, made.Length, i => made[i] = RecordedRule<Two, double>.Fetch(new(i, 2 * i), out var row) is { } recording && row[1] == 2 * i ? recording : throw new InvalidOperationException());
        Assert.Single(made.Distinct());
    }

    static void Refused<TRule>(TRule rule, string message) where TRule : struct, IUpdateRule<float> =>
        Assert.Equal(message, Assert.Throws<InvalidOperationException>(() => RecordedRule<TRule, float>.Fetch(rule, out _)).Message);

    readonly struct Descent(float rate) : IUpdateRule<float>
    {
        public static int Slots => 0;

        public void Update<L>(ref Cell<L> x) where L : struct, ILane<L, float> => x.Step = L.Of(rate) * x.Grad;
    }

    readonly struct Wasteful : IUpdateRule<float>
    {
        public static int Slots => 0;

        public void Update<L>(ref Cell<L> x) where L : struct, ILane<L, float>
        {
            L square = x.Grad * x.Grad, again = x.Grad * x.Grad;
            x.S0 = L.Sqrt(square); // no slot of the rule's
            x.Grad = -square;
            x.Param -= square + again;
        }
    }

    readonly struct Two(double a, double b) : IUpdateRule<float>, IUpdateRule<double>
    {
        static int IUpdateRule<float>.Slots => 0;

        static int IUpdateRule<double>.Slots => 0;

        void IUpdateRule<float>.Update<L>(ref Cell<L> x) => x.Step = L.Of((float)a) * x.Grad + L.Of((float)b) * x.Param;

        void IUpdateRule<double>.Update<L>(ref Cell<L> x) => x.Step = L.Of(a) * x.Grad + L.Of(b) * x.Param;
    }

    readonly struct Many(int count) : IUpdateRule<double>
    {
        public static int Slots => 0;

        public void Update<L>(ref Cell<L> x) where L : struct, ILane<L, double>
        {
            for (int i = 0; i < count; i++)
                x.Step += L.Of(i) * x.Grad;
        }
    }

    readonly struct ByRate(float rate) : IUpdateRule<float>
    {
        public static int Slots => 0;

        public void Update<L>(ref Cell<L> x) where L : struct, ILane<L, float> => x.Step = rate < 0.5f ? L.Of(rate) * x.Grad : L.Of(rate) * L.Sign(x.Grad);
    }

    readonly struct AtLeastZero : IUpdateRule<float>
    {
        public static int Slots => 0;

        public void Update<L>(ref Cell<L> x) where L : struct, ILane<L, float> => x.Param = L.Max(x.Grad, default);
    }

    readonly struct BeyondSlots : IUpdateRule<float>
    {
        public static int Slots => 1;

        public void Update<L>(ref Cell<L> x) where L : struct, ILane<L, float> => x.Step = x.S1 * x.Grad;
    }

    readonly struct Keeping : IUpdateRule<float>
    {
        public static int Slots => 0;

        public void Update<L>(ref Cell<L> x) where L : struct, ILane<L, float> => x.Step = (Kept<L>.Rate ??= L.Of(0.1f)) * x.Grad;

        static class Kept<L> where L : struct
        {
            public static L? Rate;
        }
    }

    readonly struct KeepingLast : IUpdateRule<float>
    {
        public static int Slots => 0;

        public void Update<L>(ref Cell<L> x) where L : struct, ILane<L, float> => (x.Step, Kept<L>.Last) = (Kept<L>.Last, x.Grad);

        static class Kept<L> where L : struct
        {
            public static L Last;
        }
    }

    readonly struct Changing : IUpdateRule<float>
    {
        static int runs;

        public static int Slots => 0;

        public void Update<L>(ref Cell<L> x) where L : struct, ILane<L, float> => x.Step = runs++ % 2 == 0 ? x.Grad : -x.Grad;
    }

    readonly struct Throwing : IUpdateRule<float>
    {
        public static int Slots => 0;

        public void Update<L>(ref Cell<L> x) where L : struct, ILane<L, float> => throw new NotSupportedException($"{L.Of(1)}");
    }
}
