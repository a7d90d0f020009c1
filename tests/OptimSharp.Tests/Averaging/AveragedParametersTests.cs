namespace OptimSharp.Tests.Averages;

/// <summary>What averages are, beside PyTorch's golden cases: upstream's tests by intent, laws, bad input.</summary>
public class AveragedParametersTests
{
    static readonly Parameter<float> Any = Parameter.Of("w", [1f, 2]);

    [Fact]
    public void The_average_of_1_3_8_goes_1_2_4()
    {
        var w = Parameter.Of("w", new double[1]);
        using var average = new AveragedParameters([w]);
        foreach (var (value, expected) in new[] { (1.0, 1.0), (3, 2), (8, 4) })
        {
            w.Values.Span[0] = value;
            average.Update();
            Assert.Equal([expected], average.Average("w").ToDoubles());
        }
        Assert.Equal(3, average.Count);
    }

    [Theory] // test_averaged_model_all_devices
    [InlineData(false)]
    [InlineData(true)]
    public void Ten_updates_give_the_closed_form(bool ema)
    {
        var random = new Random(3);
        Parameter<double>[] model = [Parameter.Of("a", new double[50], 5, 10), Parameter.Of("b", new double[3])];
        using var average = new AveragedParameters(model, ema ? Averaging.Ema(0.999) : null);
        double[][] expected = [new double[50], new double[3]];
        for (int update = 0; update < 10; update++)
        {
            for (int p = 0; p < model.Length; p++)
            {
                for (int i = 0; i < model[p].Values.Length; i++)
                {
                    double value = model[p].Values.Span[i] = random.NextDouble() - 0.5;
                    expected[p][i] = !ema ? expected[p][i] + value / 10 : update == 0 ? value : 0.999 * expected[p][i] + 0.001 * value;
                }
            }
            average.Update();
        }
        for (int p = 0; p < model.Length; p++)
        {
            foreach (var (e, a) in expected[p].Zip(average.Average(model[p].Name).ToDoubles()))
                Assert.Equal(e, a, 1e-14);
        }
    }

    [Theory] // test_averaged_model_exponential
    [InlineData(false)]
    [InlineData(true)]
    public void Buffers_are_averaged_or_follow_the_model(bool useBuffers)
    {
        var w = Parameter.Of("w", new double[1]);
        var mean = Parameter.Of("mean", new double[1]);
        using var average = new AveragedParameters([w], Averaging.Ema(0.75), new() { UseBuffers = useBuffers }, [mean]);
        foreach (double value in new[] { 4.0, 8 })
        {
            (w.Values.Span[0], mean.Values.Span[0]) = (value, value);
            average.Update();
        }
        Assert.Equal([5.0], average.Average("w").ToDoubles()); // ¾ · 4 + ¼ · 8
        Assert.Equal([useBuffers ? 5.0 : 8], average.Average("mean").ToDoubles());
    }

    [Fact]
    public void Half_parameters_have_averages_in_float()
    {
        var w = Parameter.Of("w", new BFloat16[1]);
        using var exact = new AveragedParameters([w], Averaging.Ema(0.998046875)); // 1 − 2⁻⁹: bfloat16 has 8 bits
        using var likePyTorch = new AveragedParameters([w], Averaging.Ema(0.998046875), new() { Precision = StatePrecision.Parameter });
        foreach (float value in new[] { 1f, 2 })
        {
            w.Values.Span[0] = (BFloat16)value;
            exact.Update();
            likePyTorch.Update();
        }
        Assert.Equal([1.001953125f], exact.Average("w").ToArray<float>()); // 1 + 2⁻⁹
        Assert.Equal([(BFloat16)1f], likePyTorch.Average("w").ToArray<BFloat16>());
    }

    [Theory]
    [InlineData(StatePrecision.Dynamic8)]
    [InlineData(StatePrecision.Linear4)]
    [InlineData((StatePrecision)77)]
    public void Averages_in_blocks_are_refused(StatePrecision precision) =>
        Assert.Contains($"Precision must be Compute, Parameter or BFloat16, but is {precision}.", Assert.Throws<ArgumentException>(() =>
            new AveragedParameters([Parameter.Of("w", new float[5000])], options: new() { Precision = precision })).Message, StringComparison.Ordinal);

    [Fact]
    public void The_first_model_is_copied_whatever_its_numbers()
    {
        float[] values = [float.PositiveInfinity, BitConverter.UInt32BitsToSingle(0x7FC01234), -0f, float.Epsilon];
        using var equal = new AveragedParameters([Parameter.Of("w", new float[4])]);
        using var ema = new AveragedParameters([Parameter.Of("w", new float[4])], Averaging.Ema(0));
        foreach (var average in new[] { equal, ema })
        {
            average.Update([Parameter.Of("w", values)]);
            Assert.Equal(values.Select(BitConverter.SingleToUInt32Bits), average.Average("w").ToArray<float>().Select(BitConverter.SingleToUInt32Bits));
        }
    }

    [Theory]
    [InlineData(-0.1)]
    [InlineData(1.01)]
    [InlineData(double.NaN)]
    public void A_decay_outside_0_to_1_is_refused(double decay)
    {
        var error = Assert.Throws<ArgumentOutOfRangeException>(() => Averaging.Ema(decay));
        Assert.StartsWith(FormattableString.Invariant($"The decay must be from 0 to 1, but is {decay}."), error.Message);
    }

    [Fact]
    public void All_tensors_at_once_gives_the_same_as_one_by_one()
    {
        Parameter<float>[] model = [Parameter.Of("a", [1f, 2]), Parameter.Of("b", [3f])];
        using var one = new AveragedParameters(model, Averaging.PerTensor((average, current, count) => average[0] = 10 * average[0] + current[0] + count));
        using var all = new AveragedParameters(model, Averaging.AllTensors((averages, models, count) =>
        {
            for (int i = 0; i < averages.Count; i++)
                averages[i][0] = 10 * averages[i][0] + models[i][0] + count;
        }));
        foreach (var average in new[] { one, all })
        {
            average.Update();
            average.Update();
            average.Update();
            Assert.Equal([123.0, 2], average.Average("a").ToDoubles()); // 1, 10 · 1 + 1 + 1 = 12, 10 · 12 + 1 + 2
            Assert.Equal([345.0], average.Average("b").ToDoubles()); // 3, 10 · 3 + 3 + 1 = 34, 10 · 34 + 3 + 2
        }
    }

    [Fact]
    public void A_function_that_throws_changes_nothing()
    {
        Parameter<float>[] model = [Parameter.Of("a", [1f]), Parameter.Of("b", [2f])];
        int calls = 0;
        using var average = new AveragedParameters(model, Averaging.PerTensor((a, _, _) =>
        {
            a[0] = 7;
            if (++calls == 2)
                throw new InvalidOperationException("mine");
        }));
        average.Update();
        Assert.Equal("mine", Assert.Throws<InvalidOperationException>(average.Update).Message);
        Assert.Equal((1, 1.0, 2.0), (average.Count, average.Average("a").ToDoubles()[0], average.Average("b").ToDoubles()[0]));
    }

    [Fact]
    public void Bad_parameters_are_refused()
    {
        Assert.Equal("There are no parameters to average. (Parameter 'parameters')", Assert.Throws<ArgumentException>(() => new AveragedParameters([])).Message);
        Assert.Contains("2 parameters have the name 'w'", Assert.Throws<ArgumentException>(() => new AveragedParameters([Any, Parameter.Of("w", new float[1])])).Message);
        Assert.Contains("is there 2 times", Assert.Throws<ArgumentException>(() =>
        {
            var unnamed = Parameter.Of("", new float[1]);
            _ = new AveragedParameters([unnamed, unnamed]);
        }).Message);
    }

    [Fact]
    public void Models_that_do_not_fit_are_refused_and_nothing_changes()
    {
        using var average = new AveragedParameters([Any, Parameter.Of("v", [5f])]);
        average.Update();
        Refused("2 parameters are averaged, but 1 were given", Parameter.Of("w", [0f, 0]));
        Refused("'x' [2] Float32 is none of those that are averaged: w, v", Parameter.Of("v", [9f]), Parameter.Of("x", [0f, 0]));
        Refused("'w' [3] Float32 does not fit the average 'w', which is [2] Float32", Parameter.Of("v", [9f]), Parameter.Of("w", [0f, 0, 0]));
        Refused("'w' [2] Complex64 does not fit", Parameter.Of("v", [9f]), Parameter.Of("w", new Complex64[2]));
        Refused("Two parameters were given for 'v'", Parameter.Of("v", [9f]), Parameter.Of("v", [9f]));
        average.Update([Parameter.Of("v", [7.0]), Parameter.Of("w", [3.0, 4])]); // another order and type
        Assert.Equal((2, "2 3 6"), (average.Count, string.Join(' ', average.Average("w").ToDoubles().Concat(average.Average("v").ToDoubles()))));

        void Refused(string message, params Parameter[] model)
        {
            Assert.Contains(message, Assert.Throws<ArgumentException>(() => average.Update(model)).Message);
            Assert.Contains(message, Assert.Throws<ArgumentException>(() => average.CopyTo(model)).Message);
            Assert.Contains(message, Assert.Throws<ArgumentException>(() => average.Rebind(model)).Message);
            Assert.Equal((1, "1 2 5"), (average.Count, string.Join(' ', average.Average("w").ToDoubles().Concat(average.Average("v").ToDoubles()))));
        }
    }

    [Fact]
    public void An_average_of_no_model_is_not_used()
    {
        using var average = new AveragedParameters([Any]);
        Assert.Equal("No model was averaged yet: call Update first.", Assert.Throws<InvalidOperationException>(average.SwapIn).Message);
        Assert.Equal("No model was averaged yet: call Update first.", Assert.Throws<InvalidOperationException>(() => average.CopyTo([Any])).Message);
    }

    [Fact]
    public void A_disposed_average_is_not_used()
    {
        var average = new AveragedParameters([Any]);
        average.Dispose();
        average.Dispose();
        Assert.Throws<ObjectDisposedException>(average.Update);
        Assert.Throws<ObjectDisposedException>(average.StateDict);
        Assert.Throws<ObjectDisposedException>(() => average.Average("w"));
        Assert.Throws<ObjectDisposedException>(average.SwapIn);
    }

    [Fact]
    public void Averages_are_copied_to_another_model_rounded_to_its_type()
    {
        using var average = new AveragedParameters([Any, Parameter.Of("v", [1.0 / 3])]);
        average.Update();
        Half[] w = new Half[2], v = new Half[1];
        average.CopyTo([Parameter.Of("v", v), Parameter.Of("w", w)]);
        Assert.Equal([(Half)1, (Half)2, (Half)(1.0 / 3)], w.Concat(v));
    }

    [Fact]
    public void A_training_step_may_change_averages_itself()
    {
        Parameter<float>[] model = [Parameter.Of("a", [1f]), Parameter.Of("b", [2f])];
        using var average = new AveragedParameters(model, Averaging.Ema(0.75));
        average.Update();
        (model[0].Values.Span[0], model[1].Values.Span[0]) = (5, 6);

        var step = average.Begin(holds: true);
        Assert.Equal((0.25, 0.0), (step!.Value.Weight, step.Value.Divisor));
        average.TakeOnHost(model[0])!.Fill(100); // what the step made of it
        Assert.Null(average.TakeOnHost(Parameter.Of("other", new float[1])));
        average.Finish();
        average.End();
        Assert.Equal((2, 100.0, 3.0), (average.Count, average.Average("a").ToDoubles()[0], average.Average("b").ToDoubles()[0]));

        average.Begin(holds: true);
        average.TakeOnHost(model[0]);
        average.End();
        average.Update();
        Assert.Equal((3, 76.25), (average.Count, average.Average("a").ToDoubles()[0])); // ¾ · 100 + ¼ · 5
    }
}
