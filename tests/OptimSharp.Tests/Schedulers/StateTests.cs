using OptimSharp.Schedulers;
using static OptimSharp.Tests.Schedulers.Bench;

namespace OptimSharp.Tests.Schedulers;

/// <summary>States: PyTorch's keys, old keys, what is refused, what is reported. Resuming is in <see cref="LawTests"/>.</summary>
public class StateTests
{
    public static TheoryData<string> Names => [.. Specs.All.Select(s => s.Name)];

    [Theory]
    [InlineData("LambdaLR", "base_lrs last_epoch _step_count _is_initial _get_lr_called_within_step _last_lr lr_lambdas")]
    [InlineData("MultiplicativeLR", "base_lrs last_epoch _step_count _is_initial _get_lr_called_within_step _last_lr lr_lambdas")]
    [InlineData("StepLR", "step_size gamma base_lrs last_epoch _step_count _is_initial _get_lr_called_within_step _last_lr")]
    [InlineData("MultiStepLR", "milestones gamma base_lrs last_epoch _step_count _is_initial _get_lr_called_within_step _last_lr")]
    [InlineData("ConstantLR", "factor total_iters base_lrs last_epoch _step_count _is_initial _get_lr_called_within_step _last_lr")]
    [InlineData("LinearLR", "start_factor end_factor total_iters base_lrs last_epoch _step_count _is_initial _get_lr_called_within_step _last_lr")]
    [InlineData("ExponentialLR", "gamma base_lrs last_epoch _step_count _is_initial _get_lr_called_within_step _last_lr")]
    [InlineData("PolynomialLR", "total_iters power base_lrs last_epoch _step_count _is_initial _get_lr_called_within_step _last_lr")]
    [InlineData("CosineAnnealingLR", "T_max eta_min base_lrs last_epoch _step_count _is_initial _get_lr_called_within_step _last_lr")]
    [InlineData("CyclicLR", "total_size step_ratio mode gamma scale_mode cycle_momentum use_beta1 base_momentums max_momentums max_lrs base_lrs _scale_fn_custom last_epoch _last_lr")]
    [InlineData("OneCycleLR", "total_steps _schedule_phases cycle_momentum use_beta1 _anneal_func_type base_lrs last_epoch _last_lr")]
    [InlineData("CosineAnnealingWarmRestarts", "T_0 T_i T_mult T_cur eta_min base_lrs last_epoch _last_lr")]
    [InlineData("SWALR", "anneal_epochs _anneal_strategy base_lrs last_epoch _step_count _last_lr")]
    [InlineData("ChainedScheduler", "_schedulers _last_lr")]
    [InlineData("SequentialLR", "_schedulers _milestones last_epoch _last_lr")]
    public void The_keys_are_PyTorchs(string name, string keys)
    {
        using var optimizer = Sgd(0.1, 0.5);
        var state = Find(name).Make(optimizer).StateDict();
        Assert.Empty(keys.Split(' ').Except(state.Keys.Select(k => k.ToString())));
    }

    [Fact] // test_step_lr_state_dict and its like: all is read into a scheduler that was built differently
    public void All_settings_are_read()
    {
        Check(o => new StepLR(o, 3, 0.5), o => new StepLR(o, 9));
        Check(o => new MultiStepLR(o, [5, 2, 5]), o => new MultiStepLR(o, []));
        Check(o => new ConstantLR(o, 0.2, 9), o => new ConstantLR(o));
        Check(o => new LinearLR(o, 0.2, 0.7, 9), o => new LinearLR(o));
        Check(o => new ExponentialLR(o, 0.2), o => new ExponentialLR(o, 1));
        Check(o => new PolynomialLR(o, 9, 2), o => new PolynomialLR(o));
        Check(o => new CosineAnnealingLR(o, 9, 0.01), o => new CosineAnnealingLR(o, 2));
        Check(o => new CosineAnnealingWarmRestarts(o, 3, 2, 0.01), o => new CosineAnnealingWarmRestarts(o, 4));
        Check(o => new SWALR(o, [0.1, 0.2], 3, AnnealStrategy.Linear), o => new SWALR(o, 0.3));
        Check(o => new CyclicLR(o, 0.1, [0.2, 0.3], 3, 5, CyclicMode.ExpRange, 0.9), o => new CyclicLR(o, 0.4, 0.5, cycleMomentum: false));
        Check(o => new OneCycleLR(o, [0.1, 0.2], 20, threePhase: true, annealStrategy: AnnealStrategy.Linear), o => new OneCycleLR(o, 0.4, 9, cycleMomentum: false));
        Check(o => new SequentialLR(o, [new StepLR(o, 2), new ChainedScheduler([new ExponentialLR(o, 0.5)])], [4]),
            o => new SequentialLR(o, [new StepLR(o, 3), new ChainedScheduler([new ExponentialLR(o, 0.1)])], [9]));

        static void Check(Func<Optimizer, LRScheduler> make, Func<Optimizer, LRScheduler> other)
        {
            using var optimizer = Sgd(0.1, 0.5);
            var scheduler = make(optimizer);
            Run(scheduler, 5);
            using var second = Sgd(0.3, 0.3);
            var loaded = other(second);
            loaded.LoadStateDict(scheduler.StateDict());
            Load(second, Save(optimizer));
            Assert.Equal(scheduler.StateDict().ToString(), loaded.StateDict().ToString());
            Assert.Equal(RunAll([scheduler], 8), RunAll([loaded], 8));
        }
    }

    [Fact]
    public void States_of_PyTorch_are_read()
    {
        using var optimizer = Sgd(0.1);
        var milestones = new StateDict { PythonType = "collections.Counter" };
        milestones[2] = 1;
        milestones[5] = 2;
        var multi = new MultiStepLR(optimizer, [9]);
        multi.LoadStateDict(new() { { "milestones", milestones }, { "gamma", 0.5 }, { "base_lrs", new[] { 0.1 } }, { "last_epoch", 3 }, { "_step_count", 4 }, { "verbose", false }, { "_get_lr_called_within_step", false }, { "_last_lr", new[] { 0.05 } } });
        Assert.Equal([2, 5, 5], multi.Milestones);
        multi.LoadStateDict(new() { { "milestones", new[] { 7, 3 } }, { "gamma", 0.5 }, { "base_lrs", new[] { 0.1 } }, { "last_epoch", 3 } });
        Assert.Equal([3, 7], multi.Milestones);
    }

    [Theory] // test_onecycle_lr_legacy_state_dict
    [InlineData(false)]
    [InlineData(true)] // 1.7: the phases' lengths only
    public void OneCycleLR_reads_old_states_and_its_rates_from_the_groups(bool lengths)
    {
        using var first = Sgd(0.1);
        var scheduler = new OneCycleLR(first, 1, 10, annealStrategy: AnnealStrategy.Linear, divFactor: 10);
        Run(scheduler, 4);
        var state = scheduler.StateDict();
        foreach (string key in new[] { "initial_lrs", "max_lrs", "min_lrs", "base_momentums", "max_momentums", "_anneal_func_type" }) // as PyTorch writes it, ≤ 2.2
            state.Remove(key);
        state["anneal_func"] = null;
        if (lengths)
        {
            state.Remove("_schedule_phases");
            state["step_size_up"] = 0.3 * 10 - 1;
            state["step_size_down"] = 10 - (0.3 * 10 - 1) - 1;
        }
        using var second = Sgd(0.1);
        var loaded = new OneCycleLR(second, 7, 10, annealStrategy: AnnealStrategy.Linear, divFactor: 2);
        loaded.LoadStateDict(state);
        Load(second, Save(first));
        Assert.Equal(Run(scheduler, 6), Run(loaded, 6));
    }

    [Fact] // test_cycle_lr_scale_fn_restored_from_state_dict, test_lambda_lr_state_dict_obj, test_lambda_lr_state_dict_fn
    public void Functions_of_objects_keep_their_state()
    {
        using var optimizer = Sgd(0.1);
        var (mine, other) = (new Decay { Rate = 0.5 }, new Decay { Rate = 0.9 });
        foreach (var (a, b) in new (LRScheduler, LRScheduler)[]
        {
            (new LambdaLR(optimizer, mine.At), new LambdaLR(optimizer, other.At)),
            (new MultiplicativeLR(optimizer, mine.At), new MultiplicativeLR(optimizer, other.At)),
            (new CyclicLR(optimizer, 0.1, 0.2, 2, scaleFn: mine.At), new CyclicLR(optimizer, 0.1, 0.2, 2, scaleFn: other.At)),
        })
        {
            other.Rate = 0.9;
            b.LoadStateDict(a.StateDict());
            Assert.Equal(0.5, other.Rate);
        }
        var plain = new LambdaLR(optimizer, _ => 1);
        Assert.Null(Assert.Single(plain.StateDict().GetList("lr_lambdas")));
        var error = Assert.Throws<StateDictException>(() => plain.LoadStateDict(new LambdaLR(optimizer, mine.At).StateDict()));
        Assert.Contains("IStateful", error.Message, StringComparison.Ordinal);
    }

    sealed class Decay : IStateful
    {
        public double Rate { get; set; }

        public double At(long epoch) => Math.Pow(Rate, epoch);

        public StateDict StateDict() => new() { { "rate", Rate } };

        public void LoadStateDict(StateDict state) => Rate = state.GetDouble("rate");
    }

    [Theory]
    [InlineData("gamma", -1.0, "State '_schedulers[1].gamma' must be a number ≥ 0, but is -1.")]
    [InlineData("gamma", "much", "State '_schedulers[1].gamma' must be a number, but is 'much'.")]
    [InlineData("gamma", double.NaN, "State '_schedulers[1].gamma' must be a number ≥ 0, but is NaN.")]
    [InlineData("step_size", 0.0, "State '_schedulers[1].step_size' must be a number ≥ 1, but is 0.")]
    [InlineData("step_size", 2.5, "State '_schedulers[1].step_size' must be a whole number, but is 2.5.")]
    [InlineData("base_lrs", new[] { 1.0, 2 }, "State '_schedulers[1].base_lrs' must be a list with at most one number for each of the optimizer's 1 parameter groups, by its length, but is 2.")]
    [InlineData("last_epoch", null, "State '_schedulers[1].last_epoch' must be a whole number, but is null.")]
    public void A_wrong_state_changes_nothing(string key, object? value, string message)
    {
        using var optimizer = Sgd(0.1);
        var sequence = new SequentialLR(optimizer, [new LinearLR(optimizer), new StepLR(optimizer, 2, 0.5)], [3]);
        Run(sequence, 4);
        string before = sequence.StateDict().ToString();
        using var other = Sgd(0.7);
        var state = new SequentialLR(other, [new LinearLR(other, 0.7), new StepLR(other, 3)], [2]).StateDict();
        state.GetDicts("_schedulers")[1][key] = value;
        Assert.Equal(message, Assert.Throws<StateDictException>(() => sequence.LoadStateDict(state)).Message);
        Assert.Equal(before, sequence.StateDict().ToString());
        state.GetDicts("_schedulers")[1].Remove(key);
        Assert.Equal($"State '_schedulers[1].{key}' is missing.", Assert.Throws<StateDictException>(() => sequence.LoadStateDict(state)).Message);
        Assert.Equal(before, sequence.StateDict().ToString());
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void The_state_of_another_scheduler_is_refused_or_reported(string name)
    {
        using var optimizer = Sgd(0.1, 0.5);
        var scheduler = Find(name).Make(optimizer);
        foreach (var other in Specs.All.Where(s => s.Name != name))
        {
            using var second = Sgd(0.1, 0.5);
            var loaded = other.Make(second);
            bool refused = false;
            var warnings = Warnings(() => refused = Record.Exception(() => loaded.LoadStateDict(scheduler.StateDict())) is StateDictException, sender => sender == loaded);
            Assert.True(refused || warnings.Count > 0 || (name, other.Name) is ("LambdaLR", "MultiplicativeLR") or ("MultiplicativeLR", "LambdaLR"), other.Name);
        }
    }

    [Fact] // #32756
    public void A_state_is_a_copy_and_stays_as_it_was()
    {
        using var optimizer = Sgd(0.1);
        var scheduler = new SequentialLR(optimizer, [new LambdaLR(optimizer, e => 1), new StepLR(optimizer, 2)], [3]);
        var state = scheduler.StateDict();
        string text = state.ToString();
        Run(scheduler, 5);
        scheduler.LoadStateDict(state);
        Run(scheduler, 5);
        Assert.Equal(text, state.ToString());
    }

    [Fact] // #119168
    public void Making_a_scheduler_after_the_optimizer_was_loaded_is_taken_back()
    {
        using var first = Sgd(0.1);
        var scheduler = new LinearLR(first, 0.1, totalIters: 10);
        Run(scheduler, 4);
        using var second = Sgd(0.1);
        Load(second, Save(first));
        var resumed = new LinearLR(second, 0.1, totalIters: 10);
        Assert.NotEqual(Rates(first), Rates(second)); // PyTorch would go on from here
        resumed.LoadStateDict(scheduler.StateDict());
        Assert.Equal(Rates(first), Rates(second));
    }

    [Fact]
    public void Loading_leaves_rates_alone_that_were_set_meanwhile()
    {
        using var optimizer = Sgd(0.1);
        var scheduler = new LinearLR(optimizer, 0.1, totalIters: 10);
        optimizer.ParameterGroups[0].LearningRate = 0.33;
        scheduler.LoadStateDict(scheduler.StateDict());
        Assert.Equal([0.33], Rates(optimizer));
    }

    [Fact]
    public void Going_on_from_other_rates_is_reported()
    {
        using var first = Sgd(0.1);
        var scheduler = new ExponentialLR(first, 0.5);
        Run(scheduler, 4);
        using var second = Sgd(0.1);
        var resumed = new ExponentialLR(second, 0.5);
        resumed.LoadStateDict(scheduler.StateDict()); // and the optimizer's state is forgotten
        second.Step();
        Assert.Contains("had left it at 0.00625. Load the optimizer's state, too", Assert.Single(Warnings(resumed.Step, s => s == resumed)), StringComparison.Ordinal);
        Assert.Empty(Warnings(resumed.Step, s => s == resumed)); // once
    }

    [Fact] // test_raise_error_when_last_epoch_is_greater_than_0_and_initial_lr_is_not_specified
    public void Going_on_needs_base_rates()
    {
        using var optimizer = Sgd(0.1);
        var error = Assert.Throws<InvalidOperationException>(() => new StepLR(optimizer, 3, lastEpoch: 4));
        Assert.Contains("Parameter group 0 has no InitialLearningRate", error.Message, StringComparison.Ordinal);
    }

    [Fact] // #162591
    public void A_sequence_goes_on_from_lastEpoch()
    {
        SequentialLR Make(Optimizer o, long lastEpoch = -1) =>
            new(o, [new LinearLR(o, 0.1, totalIters: 4), new ChainedScheduler([new StepLR(o, 3, 0.5), new ExponentialLR(o, 0.9)])], [4], lastEpoch);
        using var first = Sgd(0.1);
        var scheduler = Make(first);
        Run(scheduler, 7);
        using var second = Sgd(1);
        Load(second, Save(first));
        var resumed = Make(second, lastEpoch: scheduler.LastEpoch - 1);
        Assert.Equal(scheduler.StateDict().ToString(), resumed.StateDict().ToString());
        Assert.Equal(Run(scheduler, 8), Run(resumed, 8));
    }

    [Fact]
    public void Going_on_from_lastEpoch_with_other_rates_is_reported()
    {
        using var optimizer = Sgd(0.1);
        optimizer.ParameterGroups[0].InitialLearningRate = 0.1;
        var warnings = Warnings(() => _ = new ExponentialLR(optimizer, 0.5, lastEpoch: 2), s => (s as LRScheduler)?.Optimizer == optimizer);
        Assert.Contains("alone it would have reached 0.0125", Assert.Single(warnings), StringComparison.Ordinal);
        Assert.Equal([0.1], Rates(optimizer));
    }

    [Fact] // test_old_pattern_warning, test_new_pattern_no_warning
    public void Stepping_before_the_optimizer_is_reported_once()
    {
        using var optimizer = Sgd(0.1);
        var scheduler = new StepLR(optimizer, 3);
        Assert.Contains("before its optimizer", Assert.Single(Warnings(() =>
        {
            scheduler.Step();
            scheduler.Step();
        }, s => s == scheduler)), StringComparison.Ordinal);
        using var other = Sgd(0.1);
        var right = new StepLR(other, 3);
        Assert.Empty(Warnings(() => Run(right, 3), s => s == right));
    }

    static Leaf Find(string name) => Specs.All.Single(s => s.Name == name);
}
