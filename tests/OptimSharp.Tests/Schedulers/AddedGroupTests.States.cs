using OptimSharp.Schedulers;
using static OptimSharp.Tests.Schedulers.Bench;

namespace OptimSharp.Tests.Schedulers;

// What was saved goes to the groups with the same parameters.
public partial class AddedGroupTests
{
    [Theory]
    [MemberData(nameof(KindsInBothOrders))]
    public void After_a_thaw_what_was_saved_goes_to_the_groups_with_the_same_parameters(string kind, bool optimizerFirst)
    {
        Parameter[] first = Two(), again = Two();
        using var optimizer = new SGD(rules.Of(first), new() { LearningRate = 1, WeightDecay = 0.5 }); // h
        optimizer.AddParameterGroups(rules.Thaw("b").Of(first));                                     // h, b
        var scheduler = Kinds[kind](optimizer);
        Go(scheduler, 5);

        using var resumed = new SGD(rules.Thaw("b").Of(again), new() { LearningRate = 1, WeightDecay = 0.5 }); // b, h
        var loaded = Kinds[kind](resumed);
        Assert.Empty(Warnings(() =>
        {
            if (optimizerFirst)
                resumed.LoadStateDict(optimizer.StateDict());
            loaded.LoadStateDict(scheduler.StateDict());
            if (!optimizerFirst)
                resumed.LoadStateDict(optimizer.StateDict());
            for (int step = 0; step < 8; step++)
            {
                Assert.Equal(ByName(optimizer), ByName(resumed));
                Go(scheduler, 1);
                Go(loaded, 1);
            }
        }, s => IsOf(resumed, s)));
        Assert.NotEqual(ByName(resumed)["b"], ByName(resumed)["h"]);
        Assert.Equal(["['b']", "['h']"], loaded.StateDict().GetList("param_names").Select(names => StateDict.Text(names))); // as the optimizer has them
    }

    [Fact]
    public void Values_for_each_group_go_with_it()
    {
        using SGD optimizer = Of(("h", 1), ("b", 1)), resumed = Of(("b", 1), ("h", 1));
        var (scheduler, loaded) = (new CyclicLR(optimizer, [0.1, 0.2], [0.5, 0.9], 4, cycleMomentum: false), new CyclicLR(resumed, [0.3, 0.4], [0.6, 0.7], 4, cycleMomentum: false));
        Go(scheduler, 3);
        loaded.LoadStateDict(scheduler.StateDict());
        Assert.Equal([0.9, 0.5], loaded.MaxLR);
        Go(loaded, 1);
        Go(scheduler, 1);
        Assert.Equal(ByName(optimizer), ByName(resumed));
    }

    public static TheoryData<string> All => [.. Specs.All.Select(s => s.Name)];

    [Theory]
    [MemberData(nameof(All))]
    public void Every_scheduler_resumes_with_its_groups_in_another_order(string kind)
    {
        using SGD optimizer = Of(("h", 1), ("b", 0.3)), resumed = Of(("b", 0.3), ("h", 1));
        var make = Specs.All.Single(s => s.Name == kind).Make;
        LRScheduler scheduler = make(optimizer), loaded = make(resumed);
        Go(scheduler, 5);
        Assert.Empty(Warnings(() =>
        {
            loaded.LoadStateDict(scheduler.StateDict());
            resumed.LoadStateDict(optimizer.StateDict());
            for (int step = 0; step < 8; step++)
            {
                Go(scheduler, 1);
                Go(loaded, 1);
                Assert.Equal(ByName(optimizer), ByName(resumed));
            }
        }, s => IsOf(resumed, s)));
        Assert.Equal(scheduler.LastLearningRates.Reverse(), loaded.LastLearningRates);
        Assert.Equal(scheduler.BaseLearningRates.Reverse(), loaded.BaseLearningRates);

        // The other way round, into the same: as it was.
        string before = scheduler.StateDict().ToString();
        scheduler.LoadStateDict(loaded.StateDict());
        Assert.Equal(before, scheduler.StateDict().ToString());
    }

    [Fact]
    public void Where_names_do_not_say_it_a_state_is_refused()
    {
        using SGD saved = Of(("a", 1), ("b", 2)), renamed = Of(("a", 1), ("c", 2)), fewer = Of(("b", 1)), more = Of(("c", 3), ("b", 1), ("a", 1));
        using var joined = new SGD([Parameter.Of("a", new float[1]), Parameter.Of("b", new float[1])], new() { LearningRate = 1 });
        var state = new LambdaLR(saved, e => 1).StateDict();

        Assert.Equal("State 'param_names' has 'b', which is no parameter of the optimizer's, and lacks 'c', which is one: nobody knows whose values the state has (ByPosition goes by the groups' numbers).",
            Assert.Throws<StateDictException>(() => new LambdaLR(renamed, e => 1).LoadStateDict(state)).Message);
        Assert.Equal("State 'param_names' has 'a' in group 0 and 'b' in group 1, whose base_lrs differ, but the optimizer has both in its group 0 (ByPosition goes by the groups' numbers).",
            Assert.Throws<StateDictException>(() => new LambdaLR(joined, e => 1).LoadStateDict(state)).Message);
        Assert.Equal([1, 2], Loaded(renamed, new() { ByPosition = true }).BaseLearningRates);
        Assert.Equal([2], Loaded(fewer, new()).BaseLearningRates);
        Assert.Equal([3, 2, 1], Loaded(more, new()).BaseLearningRates); // what only the optimizer has, has its own

        state = state.WithPrefix("module."); // a wrapped model's
        Assert.Throws<StateDictException>(() => Loaded(saved, new()));
        state = state.WithoutPrefix("module.");
        Assert.Equal([1, 2], Loaded(saved, new()).BaseLearningRates);

        var unnamed = state.Clone();
        unnamed.Remove("param_names"); // as PyTorch's: by position
        state = unnamed;
        Assert.Equal([1, 2], Loaded(renamed, new()).BaseLearningRates);

        // Names that are not all different: by position, if they don't contradict.
        using var twice = new SGD([new([Parameter.Of("a", new float[1])]), new([Parameter.Of("a", new float[1])])]);
        state = new LambdaLR(saved, e => 1).StateDict();
        Assert.StartsWith("State 'param_names' lacks 'a' in group 1, where the optimizer has it,", Assert.Throws<StateDictException>(() => Loaded(twice, new())).Message, StringComparison.Ordinal);
        Assert.Equal([1, 2], Loaded(twice, new() { ByPosition = true }).BaseLearningRates);

        LambdaLR Loaded(SGD optimizer, LoadScheduleOptions options)
        {
            var scheduler = new LambdaLR(optimizer, e => 1);
            scheduler.LoadStateDict(state, options);
            return scheduler;
        }
    }

    [Fact]
    public void An_options_state_is_refused_by_schedulers_of_rates()
    {
        using var optimizer = Decays(0.3);
        var state = OptionScheduler.Over(optimizer, "weight_decay", o => new LambdaLR(o, e => 1)).StateDict();
        var scheduler = new LambdaLR(optimizer, e => 1);
        Assert.StartsWith("State 'option' must be absent: LambdaLR sets the rates, but is 'weight_decay', whose schedule", Assert.Throws<StateDictException>(() => scheduler.LoadStateDict(state)).Message, StringComparison.Ordinal);
        Assert.Equal([0.1], scheduler.BaseLearningRates);
    }

    [Fact]
    public void Groups_that_a_state_makes_anew_of_the_same_parameters_keep_their_base_rates()
    {
        using var saved = new SGD([new([Parameter.Of("c", new float[1])]), new([Parameter.Of("b", new float[1]), Parameter.Of("a", new float[1])])], new() { LearningRate = 7 });
        using var optimizer = new SGD([new([Parameter.Of("a", new float[1]), Parameter.Of("b", new float[1])]), new([Parameter.Of("c", new float[1])], o => o with { LearningRate = 0.5 })], new() { LearningRate = 0.1 });
        var scheduler = new LambdaLR(optimizer, e => 1.0 / (1 + e));
        optimizer.LoadStateDict(saved.StateDict(), new() { RebuildGroups = true });
        Assert.Equal(["c", "b a"], Groups.Model.Names(optimizer));
        Assert.Equal([0.5, 0.1], scheduler.BaseLearningRates);
        Go(scheduler, 1);
        Assert.Equal([0.25, 0.05], Rates(optimizer));
        Assert.Equal([0.5, 0.1], scheduler.StateDict().GetDoubles("base_lrs"));
    }

    [Fact]
    public void A_state_of_another_moment_is_told_from_one_that_was_not_loaded()
    {
        using SGD optimizer = Of(("a", 1)), resumed = Of(("a", 1));
        var (scheduler, loaded) = (new ExponentialLR(optimizer, 0.5), new ExponentialLR(resumed, 0.5));
        Go(scheduler, 2);
        resumed.LoadStateDict(optimizer.StateDict());
        Go(scheduler, 1);
        loaded.LoadStateDict(scheduler.StateDict());
        resumed.Step();
        string warning = Assert.Single(Warnings(loaded.Step, s => s == loaded));
        Assert.Contains("from the rate 0.25, but had left it at 0.125. The optimizer's state that was loaded is not of the same moment.", warning, StringComparison.Ordinal);
    }
}
