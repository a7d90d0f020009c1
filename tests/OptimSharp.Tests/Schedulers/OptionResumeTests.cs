using OptimSharp.Schedulers;
using static OptimSharp.Tests.Schedulers.Bench;

namespace OptimSharp.Tests.Schedulers;

/// <summary>Schedules of options go on where they were, in whatever order things are made and loaded.</summary>
public class OptionResumeTests
{
    const int Before = 9, After = 9;

    public static TheoryData<string, string> Rows
    {
        get
        {
            string[] orders = ["optimizer made, loaded; schedulers made, loaded", "all made; optimizer loaded, schedulers loaded", "all made; schedulers loaded, optimizer loaded"];
            string[] shapes = [.. Specs.All.Select(s => s.Name).Where(name => name is not ("CyclicLR" or "OneCycleLR")), "a function", "the rate"]; // those two cycle a momentum there
            var rows = new TheoryData<string, string>();
            foreach (string shape in shapes)
            {
                foreach (string order in orders)
                    rows.Add(shape, order);
            }
            return rows;
        }
    }

    static IScheduler[] Make(Optimizer optimizer, string shape) =>
    [
        Warmup.Cosine(optimizer, warmupSteps: 4, totalSteps: 30),
        shape == "a function" ? new OptionScheduler(optimizer, "weight_decay", (k, start) => start / (1 + k))
            : shape == "the rate" ? OptionScheduler.FollowRate(optimizer, "weight_decay")
            : OptionScheduler.Over(optimizer, "weight_decay", Specs.All.Single(s => s.Name == shape).Make),
        OptionScheduler.Over(optimizer, "momentum", o => new LinearLR(o, 0.5, totalIters: 12)),
    ];

    static SGD Optimizer() => new([new([Parameter.Of("a", new float[] { 1, 2 })]), new([Parameter.Of("b", new float[] { 3 })], o => o with { WeightDecay = 0.7 })],
        new() { LearningRate = 0.1, WeightDecay = 0.3, Momentum = 0.9 });

    static List<string> Run(SGD optimizer, IScheduler[] schedulers, int steps) => [.. Enumerable.Range(0, steps).Select(_ =>
    {
        string options = string.Join("; ", optimizer.ParameterGroups.Select(g => g.Options.ToString()));
        optimizer.Step();
        foreach (var scheduler in schedulers)
            scheduler.Step();
        return options;
    })];

    [Theory]
    [MemberData(nameof(Rows))]
    public void Any_order_goes_on_to_the_same_bits(string shape, string order)
    {
        using SGD first = Optimizer(), second = Optimizer();
        var schedulers = Make(first, shape);
        Run(first, schedulers, Before);
        using var file = new MemoryStream();
        Checkpoint.Save(file, new() { { "optimizer", first.StateDict() }, { "schedulers", schedulers.Select(s => s.StateDict()).ToArray() } });
        file.Position = 0;
        var saved = Checkpoint.Load(file);

        IScheduler[] loaded = [];
        var actions = new Dictionary<string, Action>
        {
            ["make"] = () => loaded = Make(second, shape),
            ["optimizer"] = () => second.LoadStateDict(saved.GetDict("optimizer")),
            ["schedulers"] = () =>
            {
                foreach (var (scheduler, state) in loaded.Zip(saved.GetDicts("schedulers")))
                    scheduler.LoadStateDict(state);
            },
        };
        string[] turns = order.StartsWith("optimizer made", StringComparison.Ordinal) ? ["optimizer", "make", "schedulers"]
            : order.Contains("schedulers loaded, optimizer", StringComparison.Ordinal) ? ["make", "schedulers", "optimizer"] : ["make", "optimizer", "schedulers"];
        foreach (string turn in turns)
            actions[turn]();

        List<string> expected = Run(first, schedulers, After), actual = [];
        var warnings = Warnings(() => actual = Run(second, loaded, After), sender => sender is LRScheduler s && (s.Optimizer == second || s.Optimizer is ScheduledOption { Owner: var owner } && owner == second));
        Assert.Equal(expected, actual);
        Assert.Empty(warnings);
        Assert.Equal(schedulers.Select(s => s.StateDict().ToString()), loaded.Select(s => s.StateDict().ToString()));
    }

    [Fact]
    public void The_keys_are_PyTorchs_the_option_and_the_groups_names()
    {
        using var optimizer = Decays(0.3, 0.4);
        var state = OptionScheduler.Over(optimizer, "weight_decay", o => new CosineAnnealingLR(o, 9)).StateDict();
        Assert.Equal("option T_max eta_min base_lrs last_epoch _step_count _is_initial _get_lr_called_within_step _last_lr param_names", string.Join(' ', state.Keys));
        Assert.Equal("weight_decay", state.GetString("option"));
        Assert.Equal([0.3, 0.4], state.GetDoubles("base_lrs"));
    }

    [Fact]
    public void A_wrong_state_changes_nothing()
    {
        using var optimizer = Adam(0.1);
        var schedule = OptionScheduler.Over(optimizer, "betas[0]", o => new ExponentialLR(o, 0.5));
        string before = schedule.StateDict().ToString();
        var state = OptionScheduler.Over(optimizer, "betas[1]", o => new ExponentialLR(o, 0.6)).StateDict();
        Assert.Equal("State 'option' must be 'betas[0]', whose schedule this is, but is 'betas[1]'.", Assert.Throws<StateDictException>(() => schedule.LoadStateDict(state)).Message);
        state["option"] = "betas[0]";
        state["gamma"] = -1;
        Assert.Equal("State 'gamma' must be a number ≥ 0, but is -1.", Assert.Throws<StateDictException>(() => schedule.LoadStateDict(state)).Message);
        state.Remove("option");
        Assert.Equal("State 'option' is missing.", Assert.Throws<StateDictException>(() => schedule.LoadStateDict(state)).Message);
        Assert.Equal(before, schedule.StateDict().ToString());
    }

    [Fact]
    public void An_option_that_was_not_loaded_is_reported_once()
    {
        using SGD first = Decays(0.4), second = Decays(0.4);
        var schedule = OptionScheduler.Over(first, "weight_decay", o => new ExponentialLR(o, 0.5));
        first.Step();
        schedule.Step();
        var resumed = OptionScheduler.Over(second, "weight_decay", o => new ExponentialLR(o, 0.5));
        resumed.LoadStateDict(schedule.StateDict()); // and the optimizer's state is forgotten
        second.Step();
        Assert.Contains("in parameter group 0 from 'weight_decay' = 0.4, but had left it at 0.2. Load the optimizer's state, too.", Assert.Single(Of(resumed.Step)), StringComparison.Ordinal);
        Assert.Empty(Of(resumed.Step));

        List<string> Of(Action action) => Warnings(action, s => s is ExponentialLR { Optimizer: ScheduledOption o } && o.Owner == second);
    }

    [Fact]
    public void An_option_that_is_kept_is_what_the_schedule_starts_from()
    {
        using SGD first = Decays(0.4), second = Decays(0.8);
        var schedule = new OptionScheduler(first, "weight_decay", (k, start) => start / (1 + k));
        for (int k = 0; k < 3; k++)
        {
            first.Step();
            schedule.Step();
        }
        var resumed = new OptionScheduler(second, "weight_decay", (k, start) => start / (1 + k));
        second.LoadStateDict(first.StateDict(), new() { Keep = ["weight_decay"] });
        resumed.LoadStateDict(schedule.StateDict());
        second.Step();
        resumed.Step();
        Assert.Equal([0.8 / 5], Values(second));
        Assert.Equal([0.8], resumed.BaseValues);
    }

    [Fact]
    public void Settings_can_be_kept()
    {
        using var optimizer = Decays(0.4);
        var schedule = OptionScheduler.Over(optimizer, "weight_decay", o => new CosineAnnealingLR(o, 9));
        var longer = OptionScheduler.Over(optimizer, "weight_decay", o => new CosineAnnealingLR(o, 90));
        longer.LoadStateDict(schedule.StateDict(), new() { Keep = ["T_max"] });
        Assert.Equal(90, longer.StateDict().GetInt64("T_max"));
        Assert.Throws<ArgumentException>(() => longer.LoadStateDict(schedule.StateDict(), new() { Keep = ["T_min"] }));
    }

    [Fact]
    public void Making_one_does_nothing_to_a_loaded_optimizer_that_loading_does_not_take_back()
    {
        using SGD first = Optimizer(), second = Optimizer();
        var schedulers = Make(first, "LinearLR");
        Run(first, schedulers, Before);
        second.LoadStateDict(first.StateDict());
        string loaded = second.ToString();
        var made = Make(second, "LinearLR");
        Assert.NotEqual(loaded, second.ToString());
        foreach (var (scheduler, state) in made.Zip(schedulers.Select(s => s.StateDict())))
            scheduler.LoadStateDict(state);
        Assert.Equal(loaded, second.ToString());
    }
}
