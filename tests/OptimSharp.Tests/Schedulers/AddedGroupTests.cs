using OptimSharp.Schedulers;
using static OptimSharp.Tests.Schedulers.Bench;

namespace OptimSharp.Tests.Schedulers;

/// <summary>Groups that are added while a schedule runs: which rates are whose, then and after resuming (AddedGroupTests.States.cs).</summary>
public partial class AddedGroupTests
{
    static readonly GroupRules<SGDOptions> rules = new GroupRules<SGDOptions>().For("b", o => o with { LearningRate = 0.1 * o.LearningRate, WeightDecay = 0.1 * o.WeightDecay }).Freeze("b");

    static Dictionary<string, Func<Optimizer, IScheduler>> Kinds => new()
    {
        ["LambdaLR"] = o => new LambdaLR(o, e => 1.0 / (1 + e)),
        ["StepLR"] = o => new StepLR(o, 2, 0.5),
        ["CosineAnnealingLR"] = o => new CosineAnnealingLR(o, 20, 0.001),
        ["CosineAnnealingWarmRestarts"] = o => new CosineAnnealingWarmRestarts(o, 6),
        ["Warmup"] = o => Warmup.Cosine(o, 4, 30),
        ["chain"] = o => new ChainedScheduler([new ConstantLR(o, 0.5, 3), new ExponentialLR(o, 0.9)]),
        ["functions"] = o => OptionScheduler.Over(o, "weight_decay", of => new LambdaLR(of, e => 1 + e)),
        ["weight_decay"] = o => new OptionScheduler(o, "weight_decay", (step, start) => start / (1 + step)),
        ["following"] = o => OptionScheduler.FollowRate(o, "weight_decay"),
    };

    public static TheoryData<string, bool> KindsInBothOrders => [.. Kinds.Keys.SelectMany(kind => (IEnumerable<TheoryDataRow<string, bool>>)[new(kind, true), new(kind, false)])];

    public static TheoryData<string> Names => [.. Kinds.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void A_group_of_the_first_of_several_optimizers_leaves_the_others_their_rates(string kind)
    {
        using CombinedOptimizer optimizer = Both(out var first), whole = Both(out var firstOfWhole);
        Add(firstOfWhole);
        var (scheduler, expected) = (Kinds[kind](optimizer), Kinds[kind](whole));
        Go(scheduler, 3);
        Add(first); // before those of the second optimizer
        Go(expected, 3);
        Go(scheduler, 2);
        Go(expected, 2);
        Assert.Equal(ByName(whole)["a"], ByName(optimizer)["a"]);
        Assert.Equal(ByName(whole)["z"], ByName(optimizer)["z"]);

        // Saved and loaded in between: the numbers are the optimizer's again.
        var saved = scheduler.StateDict();
        using var other = Both(out var firstOfOther);
        Add(firstOfOther);
        var loaded = Kinds[kind](other);
        loaded.LoadStateDict(saved);
        other.LoadStateDict(optimizer.StateDict());
        Go(scheduler, 2);
        Assert.Empty(Warnings(() => Go(loaded, 2), s => IsOf(other, s)));
        Assert.Equal(ByName(optimizer), ByName(other));

        static CombinedOptimizer Both(out SGD first) => new(
            first = new([Parameter.Of("a", new float[1])], new() { LearningRate = 0.02, WeightDecay = 0.1 }),
            new AdamW([Parameter.Of("z", new float[1])], new() { LearningRate = 3e-4, WeightDecay = 0.2 }));

        static void Add(SGD to) => to.AddParameterGroup(new([Parameter.Of("c", new float[1])], o => o with { LearningRate = 0.5 }));
    }

    [Fact]
    public void A_list_of_values_has_none_for_a_group_that_came_in_between()
    {
        var first = new SGD([Parameter.Of("a", new float[1])], new() { LearningRate = 0.02 });
        using var optimizer = new CombinedOptimizer(first, new SGD([Parameter.Of("z", new float[1])], new() { LearningRate = 3e-4 }));
        var scheduler = new CyclicLR(optimizer, [0.1, 0.2], [0.5, 0.9], 4, cycleMomentum: false);
        Go(scheduler, 1);
        first.AddParameterGroup(new([Parameter.Of("c", new float[1])]));
        Assert.Contains("none for one that was added later", Assert.Throws<InvalidOperationException>(scheduler.Step).Message, StringComparison.Ordinal);
        Assert.Equal(0.375, ByName(optimizer)["z"].Rate, 12);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void A_group_that_is_included_has_what_it_would_have_had_from_the_start(string kind)
    {
        Parameter[] parameters = Two(), same = Two();
        using var optimizer = new SGD(rules.Of(parameters), new() { LearningRate = 1, WeightDecay = 0.5 });
        using var whole = new SGD(rules.Thaw("b").Of(same), new() { LearningRate = 1, WeightDecay = 0.5 });
        var (scheduler, expected) = (Kinds[kind](optimizer), Kinds[kind](whole));
        Go(scheduler, 9);
        Go(expected, 9);
        optimizer.AddParameterGroups(rules.Thaw("b").Of(parameters));
        Include(scheduler);
        for (int step = 0; step < 9; step++)
        {
            var (mine, its) = (ByName(optimizer)["b"], ByName(whole)["b"]);
            Near([its.Rate, its.Decay], [mine.Rate, mine.Decay], 1e-12);
            Assert.Equal(ByName(whole)["h"], ByName(optimizer)["h"]);
            Go(expected, 1);
            Assert.Empty(Warnings(() => Go(scheduler, 1), s => IsOf(optimizer, s)));
        }
        Include(scheduler); // nothing is new
        Near([ByName(whole)["b"].Rate], [ByName(optimizer)["b"].Rate], 1e-12);
    }

    [Fact]
    public void A_cycled_momentum_and_the_product_of_two_schedules_are_joined_too()
    {
        using SGD cycled = Sgd(0.1), product = Sgd(0.1);
        var cycle = new OneCycleLR(cycled, 1, 20);
        LRScheduler[] two = [new CosineAnnealingLR(product, 20), new ExponentialLR(product, 0.9)];
        Run(cycle, 7);
        RunAll(two, 7);
        foreach (var optimizer in (SGD[])[cycled, product])
            optimizer.AddParameterGroup(new([Parameter.Of("late", new float[1])], o => o with { LearningRate = 0.2 }));
        cycle.IncludeAddedGroups();
        foreach (var scheduler in two)
            scheduler.IncludeAddedGroups();
        Assert.Equal((Rates(cycled)[0], Momentum(cycled)), (Rates(cycled)[1], Momentum(cycled, 1)));
        Near([0.2 * (1 + Math.Cos(Math.PI * 7 / 20)) / 2 * Math.Pow(0.9, 7)], [Rates(product)[1]], 1e-12);
    }

    [Fact]
    public void Groups_can_be_included_after_a_state_was_saved_or_after_an_attempt_that_failed()
    {
        Parameter[] parameters = Two();
        using var optimizer = new SGD(rules.Of(parameters), new() { LearningRate = 1, WeightDecay = 0.5 });
        var rate = new ExponentialLR(optimizer, 0.5);
        double limit = 1;
        var decay = new OptionScheduler(optimizer, "weight_decay", (step, start) => start < 0.5 ? start * limit : start);
        Go(rate, 3);
        optimizer.AddParameterGroups(rules.Thaw("b").Of(parameters));
        _ = rate.StateDict();
        rate.IncludeAddedGroups();
        Assert.Equal(0.0125, ByName(optimizer)["b"].Rate, 15);
        limit = -1;
        Assert.Throws<InvalidOperationException>(decay.IncludeAddedGroups);
        Assert.Equal(0.05, ByName(optimizer)["b"].Decay, 15);
        limit = 0.5;
        decay.IncludeAddedGroups();
        Assert.Equal(0.025, ByName(optimizer)["b"].Decay, 15);
    }

    [Fact]
    public void A_group_that_rules_added_and_that_is_not_included_is_reported()
    {
        Parameter[] parameters = Two();
        using var optimizer = new SGD(rules.Of(parameters), new() { LearningRate = 1 });
        var scheduler = new CosineAnnealingLR(optimizer, 20);
        Go(scheduler, 18);
        optimizer.AddParameterGroups(rules.Thaw("b").Of(parameters));
        Assert.Contains("CosineAnnealingLR goes on in parameter group 1, which was added at 0.1, with ", Assert.Single(Warnings(() => Go(scheduler, 1), s => s == scheduler)), StringComparison.Ordinal);
        Assert.Empty(Warnings(() => Go(scheduler, 1), s => s == scheduler));
    }

    [Fact]
    public void Messages_call_an_options_schedule_by_its_option()
    {
        using var optimizer = Decays(0.3);
        foreach (var schedule in (OptionScheduler[])[new(optimizer, "weight_decay", (_, start) => start), OptionScheduler.Over(optimizer, "weight_decay", o => new LinearLR(o)), OptionScheduler.FollowRate(optimizer, "weight_decay")])
        {
            Assert.StartsWith("The schedule of 'weight_decay' was stepped before its optimizer", Assert.Single(Warnings(schedule.Step, s => IsOf(optimizer, s))), StringComparison.Ordinal);
            Assert.DoesNotContain("Option", schedule.ToString(), StringComparison.Ordinal);
            Assert.DoesNotContain("Follower", schedule.ToString(), StringComparison.Ordinal);
        }
        Assert.StartsWith("cycleMomentum needs an optimizer with momentum or betas, but 'weight_decay' has none", Assert.Throws<ArgumentException>("cycleMomentum", () => OptionScheduler.Over(optimizer, "weight_decay", o => new CyclicLR(o, 0.1, 0.2))).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>("option", () => new OptionScheduler(optimizer, "betas[00]", (_, start) => start));
    }

    static void Include(IScheduler scheduler)
    {
        if (scheduler is LRScheduler rates)
            rates.IncludeAddedGroups();
        else
            ((OptionScheduler)scheduler).IncludeAddedGroups();
    }

    static bool IsOf(Optimizer optimizer, object? sender) => sender == optimizer || sender is LRScheduler scheduler && (scheduler.Optimizer is ScheduledOption option ? option.Owner : scheduler.Optimizer) == optimizer;

    static Parameter[] Two() => [Parameter.Of("b", new float[1]), Parameter.Of("h", new float[1])];

    static SGD Of(params (string Name, double Rate)[] groups) => new([.. groups.Select(g => new ParameterGroup<SGDOptions>([Parameter.Of(g.Name, new float[1])], o => o with { LearningRate = g.Rate }))], new() { Momentum = 0.9 });

    static void Go(IScheduler scheduler, int steps)
    {
        for (int step = 0; step < steps; step++)
        {
            scheduler.Optimizer.Step();
            scheduler.Step();
        }
    }

    static Dictionary<string, (double Rate, double Decay)> ByName(Optimizer optimizer) =>
        optimizer.ParameterGroups.ToDictionary(g => g.Parameters[0].Name, g => (g.LearningRate, (double)g["weight_decay"]!));
}
