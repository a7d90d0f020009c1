namespace OptimSharp.Tests.Averages;

/// <summary>Saving and loading averages, and averaging what was saved.</summary>
public class AverageStateTests
{
    readonly Parameter<float> w = Parameter.Of("w", [1f, 2]), mean = Parameter.Of("mean", [3f], 1);

    [Fact]
    public void The_keys_are_PyTorchs()
    {
        using var average = Make();
        average.Update();
        var state = average.StateDict();
        Assert.Equal(["n_averaged", "module.w", "module.mean"], state.Keys.Select(k => k.Name));
        Assert.Equal([1.0, 2], state.GetTensor("module.w").ToDoubles());
    }

    [Fact] // test_averaged_model_state_dict
    public void A_loaded_average_goes_on_with_the_same_bits()
    {
        using AveragedParameters first = Make(), second = Make();
        first.Update();
        w.Values.Span[0] = 0.1f;
        first.Update();
        var saved = first.StateDict();
        second.LoadStateDict(saved);
        w.Values.Span[0] = 0.7f;
        first.Update();
        second.Update();
        Assert.Equal(3, second.Count);
        Assert.Equal(first.Average("w").ToDoubles(), second.Average("w").ToDoubles());
        Assert.Equal(1.1f / 2, (float)saved.GetTensor("module.w").ToDoubles()[0]); // a copy
    }

    [Theory]
    [InlineData("module.w", null, "State 'module.w' is missing.")]
    [InlineData("n_averaged", null, "State 'n_averaged' is missing.")]
    [InlineData("n_averaged", -1, "State 'n_averaged' must be a whole number ≥ 0, but is -1.")]
    [InlineData("n_averaged", 1.5, "State 'n_averaged' must be a whole number ≥ 0, but is 1.5.")]
    [InlineData("module.other", 1, "State 'module.other' must be n_averaged, or module. and a name that is averaged: w, mean, but is 1.")]
    [InlineData("module.mean", 1, "State 'module.mean' must be a tensor, but is 1.")]
    public void What_does_not_fit_is_refused_and_nothing_changes(string key, object? value, string message)
    {
        using AveragedParameters average = Make(), other = Make();
        other.Update();
        w.Values.Span[0] = 9;
        other.Update();
        var state = other.StateDict();
        if (value is null)
            state.Remove(key);
        else
            state[key] = value;
        average.Update();
        Assert.Equal(message, Assert.Throws<StateDictException>(() => average.LoadStateDict(state)).Message);
        Assert.Equal((1, 9.0), (average.Count, average.Average("w").ToDoubles()[0]));
    }

    [Fact]
    public void Another_shape_or_kind_is_refused()
    {
        using var average = Make();
        var state = average.StateDict();
        state["module.w"] = TensorData.Of([1f, 2], 1, 2);
        Assert.Equal("State 'module.w' must be [2] and real, but is tensor([1, 2], Float32).", Assert.Throws<StateDictException>(() => average.LoadStateDict(state)).Message);
        state["module.w"] = TensorData.Of(new Complex64[2], 2);
        Assert.Equal("State 'module.w' must be [2] and real, but is tensor([2], Complex64).", Assert.Throws<StateDictException>(() => average.LoadStateDict(state)).Message);
    }

    [Fact]
    public void Checkpoints_are_averaged()
    {
        using var average = Make();
        foreach (double value in new[] { 1.0, 3, 8 })
            average.Update(new StateDict { { "w", TensorData.Of([value, -value], 2) }, { "mean", TensorData.Of([(Half)value], 1) }, { "unknown", 1 } });
        Assert.Equal((3, "4 -4 8"), (average.Count, string.Join(' ', average.Average("w").ToDoubles().Concat(average.Average("mean").ToDoubles()))));
    }

    [Fact]
    public void A_checkpoint_that_does_not_fit_is_refused_and_nothing_changes()
    {
        using var average = Make();
        average.Update();
        var checkpoint = new StateDict { { "w", TensorData.Of([7f, 7], 2) } };
        Assert.Equal("State 'mean' is missing.", Assert.Throws<StateDictException>(() => average.Update(checkpoint)).Message);
        checkpoint["mean"] = TensorData.Of([7f, 7], 2);
        Assert.Equal("State 'mean' must be [1] and real, but is tensor([2], Float32).", Assert.Throws<StateDictException>(() => average.Update(checkpoint)).Message);
        Assert.Equal((1, 1.0), (average.Count, average.Average("w").ToDoubles()[0]));
    }

    AveragedParameters Make() => new([w], buffers: [mean]);
}
