using System.Globalization;
using CsCheck;
using OptimSharp.Schedulers;
using static OptimSharp.Tests.Schedulers.Bench;

namespace OptimSharp.Tests.Schedulers;

/// <summary>What holds for every scheduler and every way to put them together.</summary>
public class LawTests
{
    const int Steps = 40;

    public static TheoryData<string> Names => [.. Specs.All.Select(s => s.Name)];

    // upstream: test_closed_form_{step_lr,linearlr,constantlr,multi_step_lr,exp_lr,poly_lr,cos_anneal_lr}
    [Theory]
    [MemberData(nameof(Names))]
    public void The_closed_form_is_the_recursion(string name)
    {
        using var optimizer = Sgd(0.1, 0.5);
        var scheduler = Find(name).Make(optimizer);
        if (scheduler.ClosedForm(0, 0) is not null)
            CompareClosedForm(scheduler);
    }

    [Fact]
    public void The_closed_form_is_the_recursion_for_any_arguments() => Specs.Single.Sample(spec =>
    {
        using var optimizer = Sgd(0.1, 0.5);
        var scheduler = spec.Make(optimizer);
        if (scheduler.ClosedForm(0, 0) is not null)
            CompareClosedForm(scheduler, 1e-7);
    }, iter: 400);

    [Fact]
    public void The_pure_functions_give_the_schedulers_rates()
    {
        Check(o => new StepLR(o, 3, 0.5), e => StepLR.At(e, 0.1, 3, 0.5));
        Check(o => new MultiStepLR(o, [2, 5, 5], 0.5), e => MultiStepLR.At(e, 0.1, [2, 5, 5], 0.5));
        Check(o => new ConstantLR(o, 0.3, 6), e => ConstantLR.At(e, 0.1, 0.3, 6));
        Check(o => new LinearLR(o, 0.2, 0.9, 7), e => LinearLR.At(e, 0.1, 0.2, 0.9, 7));
        Check(o => new ExponentialLR(o, 0.9), e => ExponentialLR.At(e, 0.1, 0.9));
        Check(o => new PolynomialLR(o, 12, 1.5), e => PolynomialLR.At(e, 0.1, 12, 1.5));
        Check(o => new CosineAnnealingLR(o, 8, 0.01), e => CosineAnnealingLR.At(e, 0.1, 8, 0.01));
        Check(o => new CosineAnnealingWarmRestarts(o, 3, 2, 0.01), e => CosineAnnealingWarmRestarts.At(e, 0.1, 3, 2, 0.01));
        Check(o => new CyclicLR(o, 0.01, 0.1, 3, 5, CyclicMode.Triangular2), e => CyclicLR.At(e, 0.01, 0.1, 3, 5, CyclicMode.Triangular2));
        Check(o => new OneCycleLR(o, 0.3, 25, threePhase: true), e => OneCycleLR.At(e, 0.3, 25, threePhase: true));
        Check(o => new SWALR(o, 0.05, 6), e => SWALR.At(e, 0.1, 0.05, 6));

        static void Check(Func<Optimizer, LRScheduler> make, Func<long, double> at)
        {
            using var optimizer = Sgd(0.1);
            Near([.. Enumerable.Range(0, Steps).Select(e => at(e))], Run(make(optimizer), Steps));
        }
    }

    [Fact]
    public void RateAt_and_the_report_look_ahead_without_a_change() => Specs.Nested(3, Specs.Plain).Sample(spec =>
    {
        using var optimizer = Sgd(0.1, 0.5);
        var scheduler = spec.Make(optimizer);
        var before = (Rates(optimizer), scheduler.StateDict().ToString());
        var ahead = ScheduleReport.Of(scheduler, Steps, group: 1).Rates;
        _ = scheduler.RateAt(7);
        Assert.Equal(before.Item1, Rates(optimizer));
        Assert.Equal(before.Item2, scheduler.StateDict().ToString());
        if (spec is Leaf)
            Near(ahead, Run(scheduler, Steps, group: 1));
    }, iter: 150);

    [Theory]
    [MemberData(nameof(Names))]
    public void Resuming_at_any_step_gives_the_same_bits(string name) => Resume(Find(name), Steps);

    [Fact]
    public void Resuming_random_composites_of_depth_three_gives_the_same_bits() =>
        Specs.Nested(3, Specs.Single).Sample(spec => Resume(spec, 16), iter: 80);

    [Fact]
    public void Resuming_schedulers_stepped_together_gives_the_same_bits()
    {
        Spec[] specs = [Find("LinearLR"), Find("StepLR"), Find("CosineAnnealingLR")];
        foreach (int order in Enumerable.Range(0, 3))
        {
            using var first = Sgd(0.1, 0.5);
            var schedulers = specs.Select(s => s.Make(first)).ToArray();
            for (int k = 0; k < 12; k++)
            {
                var (saved, states) = (Save(first), schedulers.Select(s => s.StateDict()).ToArray());
                using var second = Sgd(0.7, 0.7);
                var resumed = LoadInOrder(order, second, saved, () => [.. specs.Select(s => s.Make(second))], states);
                var expected = Rates(first);
                Assert.Equal(expected, Rates(second));
                Advance(first, schedulers);
                Advance(second, resumed);
                Assert.Equal(Rates(first), Rates(second));
            }
        }
    }

    [Fact]
    public void A_nested_sequence_is_the_flat_one() => Specs.Sequences(3, Specs.Plain).Sample(spec =>
    {
        var leaves = new List<(Spec Leaf, int Start)>();
        Flatten(spec, 0, int.MaxValue, leaves);
        var flat = new Sequence([.. leaves.Select(l => l.Leaf)], [.. leaves.Skip(1).Select(l => l.Start)]);
        using var a = Sgd(0.1, 0.5);
        using var b = Sgd(0.1, 0.5);
        var (nested, plain) = (spec is Leaf ? new Sequence([spec], []).Make(a) : spec.Make(a), flat.Make(b));
        Assert.Equal(RunAll([plain], Steps), RunAll([nested], Steps));
    }, iter: 300);

    [Fact]
    public void A_nested_chain_is_the_flat_one() => Specs.Plain.Array[3, 6].Sample(parts =>
    {
        using var a = Sgd(0.1, 0.5);
        using var b = Sgd(0.1, 0.5);
        var nested = new Chain([parts[0], new Chain([parts[1], new Chain(parts[2..])])]).Make(a);
        Assert.Equal(RunAll([new Chain(parts).Make(b)], Steps), RunAll([nested], Steps));
    }, iter: 200);

    [Fact]
    public void A_chain_in_a_sequence_runs_as_it_does_alone() => Specs.Factor.Array[1, 3].Sample(parts =>
    {
        using var a = Sgd(0.1);
        using var b = Sgd(0.1);
        double[] alone = Run(new Chain(parts).Make(a), 20), within = Run(new Sequence([Find("StepLR"), new Chain(parts)], [5]).Make(b), 25);
        Near(alone, within[5..]);
    }, iter: 100);

    [Fact]
    public void A_chain_gives_the_product_of_its_factors() => Specs.Factor.Array[1, 4].Sample(parts =>
    {
        using var optimizer = Sgd(0.1);
        double[] rates = Run(new Chain(parts).Make(optimizer), Steps), product = [.. Enumerable.Repeat(0.1, Steps)];
        foreach (var part in parts)
        {
            using var other = Sgd(1.0);
            var scheduler = part.Make(other);
            for (int e = 0; e < Steps; e++)
                product[e] *= scheduler.RateAt(e);
        }
        Near(product, rates, 1e-7);
    }, iter: 200);

    [Fact]
    public void A_sequence_in_a_chain_starts_from_what_comes_before_it()
    {
        using var optimizer = Sgd(0.1);
        var chain = new ChainedScheduler(
            [new ConstantLR(optimizer, 0.5, 100), new SequentialLR(optimizer, [new LinearLR(optimizer, 0.1, totalIters: 4), new ExponentialLR(optimizer, 0.9)], [4])]);
        Near([0.1 * 0.5 * 0.1, 0.1 * 0.5 * 0.325, 0.1 * 0.5 * 0.55], Run(chain, 3));
    }

    [Fact]
    public void No_rate_is_ever_NaN_infinite_or_negative() =>
        Gen.Select(Specs.Nested(2, Specs.Single), Gen.OneOf(Gen.Const(0.0), Gen.Double[0, 1], Gen.Const(1e-300), Gen.Const(1e300)), Gen.Int[0, 30]).Sample((spec, rate, at) =>
        {
            using var optimizer = Sgd(0.1, 0.0);
            var scheduler = spec.Make(optimizer);
            for (int k = 0; k < 60; k++)
            {
                if (k == at)
                    optimizer.ParameterGroups[0].LearningRate = rate;
                Assert.All(Rates(optimizer), r => Assert.True(double.IsFinite(r) && r >= 0, $"{r} at {k}"));
                Assert.True(double.IsFinite(Momentum(optimizer)) && Momentum(optimizer) >= 0);
                optimizer.Step();
                scheduler.Step();
            }
        }, iter: 400);

    static Leaf Find(string name) => Specs.All.Single(s => s.Name == name);

    static void CompareClosedForm(LRScheduler scheduler, double tolerance = 1e-10)
    {
        for (int e = 0; e < Steps; e++)
        {
            for (int i = 0; i < 2; i++)
                Near([scheduler.ClosedForm(e, i)!.Value], [scheduler.Optimizer.ParameterGroups[i].LearningRate], tolerance);
            scheduler.Optimizer.Step();
            scheduler.Step();
        }
    }

    /// <summary>Saves before every step, loads into a new optimizer and scheduler in each order, and goes on to the end.</summary>
    static void Resume(Spec spec, int steps)
    {
        using var optimizer = Sgd(0.1, 0.5);
        LRScheduler[] scheduler = [spec.Make(optimizer)];
        var saved = new List<((SGDOptions, StateDict)[] Groups, StateDict State)>();
        var expected = new List<string>();
        for (int k = 0; k <= steps; k++)
        {
            if (k == steps / 2)
                optimizer.ParameterGroups[0].LearningRate *= 1.5; // by hand
            saved.Add((Save(optimizer), scheduler[0].StateDict()));
            expected.Add(Text(optimizer, scheduler[0]));
            Advance(optimizer, scheduler);
        }
        for (int k = 0; k <= steps; k++)
        {
            for (int order = 0; order < 3; order++)
            {
                using var second = Sgd(0.7, 0.8);
                var resumed = LoadInOrder(order, second, saved[k].Groups, () => [spec.Make(second)], [saved[k].State]);
                for (int j = k; j <= Math.Min(steps, k + 12); j++)
                {
                    if (j == steps / 2 && j > k)
                        second.ParameterGroups[0].LearningRate *= 1.5;
                    Assert.Equal(expected[j], Text(second, resumed[0]));
                    Advance(second, resumed);
                }
            }
        }
    }

    /// <summary>All that a scheduler changes, to the last bit.</summary>
    static string Text(Optimizer optimizer, LRScheduler scheduler) =>
        $"{string.Join(" ", Rates(optimizer).Select(r => r.ToString("R", CultureInfo.InvariantCulture)))} {Momentum(optimizer):R} {scheduler.StateDict()}";

    static LRScheduler[] LoadInOrder(int order, SGD optimizer, (SGDOptions, StateDict)[] groups, Func<LRScheduler[]> make, StateDict[] states)
    {
        if (order == 0)
            Load(optimizer, groups);
        var schedulers = make();
        if (order == 1)
            Load(optimizer, groups);
        foreach (var (scheduler, state) in schedulers.Zip(states))
            scheduler.LoadStateDict(state);
        if (order == 2)
            Load(optimizer, groups);
        return schedulers;
    }

    static void Advance(Optimizer optimizer, LRScheduler[] schedulers)
    {
        optimizer.Step();
        foreach (var scheduler in schedulers)
            scheduler.Step();
    }

    static void Flatten(Spec spec, int start, int end, List<(Spec, int)> leaves)
    {
        if (spec is not Sequence sequence)
        {
            leaves.Add((spec, start));
            return;
        }
        for (int i = 0; i < sequence.Parts.Length; i++)
        {
            int from = Math.Min(end, i == 0 ? start : start + sequence.Milestones[i - 1]);
            int to = i < sequence.Milestones.Length ? Math.Min(end, start + sequence.Milestones[i]) : end;
            if (from < to)
                Flatten(sequence.Parts[i], from, to, leaves);
        }
    }
}
