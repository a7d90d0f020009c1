using OptimSharp.Schedulers;

namespace OptimSharp.Tests.GradientTests;

/// <summary>The loss scaler beyond PyTorch's cases: order of calls, state, bad input.</summary>
public class GradScalerTests
{
    readonly Parameter<float> weight = Parameter.Of("w", new float[] { 1, 2 });

    [Fact]
    public void Unscaling_divides_once_and_leaves_out_what_overflowed()
    {
        using var optimizer = new SGD([weight], new() { LearningRate = 1 });
        var scaler = new GradScaler(initialScale: 4);
        Assert.Equal(10, scaler.Scale(2.5));
        weight.Gradient = new float[] { 4, 8 };
        scaler.Unscale(optimizer);
        Assert.Equal([1f, 2f], weight.Gradient!.Value.ToArray());
        Assert.True(scaler.Step(optimizer));
        Assert.Equal([0f, 0f], weight.Values.ToArray());
        scaler.Update();

        weight.Gradient = new float[] { 4, float.PositiveInfinity };
        Assert.False(scaler.Step(optimizer));
        Assert.Equal([0f, 0f], weight.Values.ToArray());
        Assert.Equal(1, optimizer.StateOf(weight)?.Step ?? 1);
        scaler.Update();
        Assert.Equal(2, scaler.CurrentScale);
    }

    [Fact]
    public void Several_optimizers_share_one_update()
    {
        var other = Parameter.Of("v", new float[] { 5 });
        using SGD first = new([weight], new() { LearningRate = 1 }), second = new([other], new() { LearningRate = 1 });
        var scaler = new GradScaler(initialScale: 2);
        weight.Gradient = new float[] { float.NaN, 0 };
        other.Gradient = new float[] { 2 };
        Assert.False(scaler.Step(first));
        Assert.True(scaler.Step(second)); // each by its own gradients
        Assert.Equal([4f], other.Values.ToArray());
        scaler.Update();
        Assert.Equal(1, scaler.CurrentScale);
    }

    [Fact]
    public void A_step_left_out_is_one_for_a_scheduler()
    {
        using var optimizer = new SGD([weight], new() { LearningRate = 1 });
        var scheduler = new ExponentialLR(optimizer, 0.5);
        var scaler = new GradScaler();
        weight.Gradient = new float[] { float.NaN, 0 };
        var warned = new List<object?>();
        void Note(object? sender, WarningEventArgs e) => warned.Add(sender);
        Warnings.Raised += Note;
        Assert.False(scaler.Step(optimizer));
        scheduler.Step();
        Warnings.Raised -= Note;
        Assert.DoesNotContain(scheduler, warned);
    }

    [Fact]
    public void Calls_out_of_order_say_what_to_do()
    {
        using var optimizer = new SGD([weight]);
        var scaler = new GradScaler();
        Fails(() => scaler.Update(), "Update follows");
        Fails(() => scaler.Step(optimizer), "No parameter of the optimizer has a gradient");
        weight.Gradient = new float[2];
        scaler.Unscale(optimizer);
        Fails(() => scaler.Unscale(optimizer), "unscaled already");
        scaler.Step(optimizer);
        Fails(() => scaler.Step(optimizer), "stepped since the last update");
        Fails(() => scaler.Unscale(optimizer), "stepped since the last update");
        scaler.Update();
        Assert.True(scaler.Step(optimizer));
    }

    [Fact]
    public void A_call_without_any_gradient_changes_nothing()
    {
        using var optimizer = new SGD([weight], new() { LearningRate = 1 });
        var scaler = new GradScaler(initialScale: 4);
        var step = new TrainingStep(optimizer, new() { Scaler = scaler });
        for (int i = 0; i < 2; i++)
        {
            scaler.Unscale(optimizer);
            Fails(() => scaler.Step(optimizer), "No parameter of the optimizer has a gradient");
            Fails(() => step.Step(), "No parameter of the optimizer has a gradient");
            Fails(() => scaler.Update(), "Update follows");
        }
        weight.Gradient = new float[] { 4, 8 };
        Assert.True(step.Step().Updated); // 1 and 2, unscaled
        Assert.Equal([0f, 0f], weight.Values.ToArray());
        weight.Gradient = new float[] { 4, 8 };
        Assert.True(scaler.Step(optimizer));
        Assert.Equal([-1f, -2f], weight.Values.ToArray());
        scaler.Update();
        Assert.Equal(4, scaler.CurrentScale);
    }

    [Fact]
    public void A_step_that_the_optimizer_refuses_can_be_taken_later()
    {
        var table = Parameter.Of("table", new float[] { 1, 1 }, 2, 1);
        using var optimizer = new Adam([table], new() { LearningRate = 1 }); // takes no sparse gradients
        var scaler = new GradScaler(initialScale: 4);
        table.SparseGradient = new(new long[] { 1 }, new float[] { 4 });
        for (int i = 0; i < 2; i++)
            Fails(() => scaler.Step(optimizer), "does not take sparse gradients");
        Assert.Equal([1f, 1f], table.Values.ToArray());
        Assert.Equal([1f], table.SparseGradient!.Value.Rows.ToArray()); // unscaled, once
        table.Gradient = new float[] { 1, 0 };
        Assert.True(scaler.Step(optimizer));
        Assert.Equal([0f, 1f], table.Values.ToArray());
    }

    [Fact]
    public void Half_gradients_are_refused_and_stay()
    {
        var half = Parameter.Of("h", new Half[] { (Half)1 });
        half.Gradient = new Half[] { (Half)8 };
        weight.Gradient = new float[] { 4, 8 };
        using var optimizer = new SGD([weight, half]);
        Fails(() => new GradScaler(initialScale: 4).Unscale(optimizer), "'h' [] Float16 is of type Float16");
        Assert.Equal([4f, 8f], weight.Gradient!.Value.ToArray());
    }

    [Fact]
    public void Disabled_it_only_steps()
    {
        using var optimizer = new SGD([weight], new() { LearningRate = 1 });
        var scaler = new GradScaler(enabled: false);
        weight.Gradient = new float[] { float.NaN, 1 };
        scaler.Unscale(optimizer);
        Assert.True(scaler.Step(optimizer));
        scaler.Update();
        Assert.Equal([float.NaN, 1f], weight.Values.ToArray());
        Assert.Equal((1.0, 3.0, 0), (scaler.CurrentScale, scaler.Scale(3), scaler.StateDict().Count));
        scaler.LoadStateDict([]);
    }

    [Fact]
    public void A_loaded_state_goes_on_as_it_was()
    {
        using var optimizer = new SGD([weight]);
        GradScaler first = new(64, 3, 0.25, 5), second = new();
        for (int i = 0; i < 3; i++)
            Batch(first, 1);
        second.LoadStateDict(first.StateDict());
        for (int i = 0; i < 3; i++)
        {
            Batch(first, 1);
            Batch(second, 1);
        }
        Assert.Equal(192, second.CurrentScale); // five steps: × 3
        Assert.Equal(first.StateDict().ToString(), second.StateDict().ToString());
        Batch(second, float.NaN);
        Assert.Equal(48, second.CurrentScale);

        void Batch(GradScaler scaler, float gradient)
        {
            weight.Gradient = new[] { gradient, 0 };
            scaler.Step(optimizer);
            scaler.Update();
        }
    }

    [Theory]
    [InlineData("scale", 0.0, "'scale' can't be loaded: scale must be > 0")]
    [InlineData("growth_factor", 1.0, "must be > 1")]
    [InlineData("backoff_factor", 1.5, "must be in (0, 1)")]
    [InlineData("growth_interval", 0L, "must be ≥ 1")]
    [InlineData("_growth_tracker", -1L, "a whole number ≥ 0")]
    [InlineData("scale", "big", "must be a number")]
    public void A_broken_state_changes_nothing(string key, object value, string message)
    {
        var scaler = new GradScaler(8, 4, 0.125, 7);
        string before = scaler.StateDict().ToString();
        var state = new GradScaler().StateDict();
        state[key] = value;
        Assert.Contains(message, Assert.Throws<StateDictException>(() => scaler.LoadStateDict(state)).Message, StringComparison.Ordinal);
        Assert.Throws<StateDictException>(() => scaler.LoadStateDict([]));
        Assert.Equal(before, scaler.StateDict().ToString());
    }

    [Fact]
    public void Settings_out_of_range_are_named()
    {
        Assert.Throws<ArgumentOutOfRangeException>("initialScale", () => new GradScaler(initialScale: 0));
        Assert.Throws<ArgumentOutOfRangeException>("initialScale", () => new GradScaler(initialScale: 1e39));
        Assert.Throws<ArgumentOutOfRangeException>("growthFactor", () => new GradScaler(growthFactor: 1));
        Assert.Throws<ArgumentOutOfRangeException>("backoffFactor", () => new GradScaler(backoffFactor: 1));
        Assert.Throws<ArgumentOutOfRangeException>("growthInterval", () => new GradScaler(growthInterval: 0));
        Assert.Throws<ArgumentOutOfRangeException>("GrowthFactor", () => new GradScaler().GrowthFactor = double.NaN);
        Assert.Throws<ArgumentOutOfRangeException>("newScale", () => new GradScaler().Update(-1));
    }

    static void Fails(Action action, string part) => Assert.Contains(part, Assert.Throws<InvalidOperationException>(action).Message, StringComparison.Ordinal);
}
