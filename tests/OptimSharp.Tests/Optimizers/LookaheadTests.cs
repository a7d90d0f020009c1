namespace OptimSharp.Tests.Optimizers;

public class LookaheadTests
{
    // Of michaelrzhang/lookahead at c4fd85f on PyTorch 2.14: eight steps of Adam with rate 0.1 on the bowl of SAMTests.
    [Fact]
    public void Its_steps_are_the_references()
    {
        var bowl = new SAMTests.Bowl();
        using var optimizer = new Adam(bowl.Parameters, new() { LearningRate = 0.1 });
        using var lookahead = new Lookahead(optimizer, new() { Steps = 3, Alpha = 0.5 });
        for (int i = 0; i < 8; i++)
            optimizer.Step(bowl.Evaluate);
        double[] expected = [0.511877335666103, -1.5046121643234265, 2.502829138401362, 0.03938538846325901, 0.3215579660767119, -1.0260109436456284];
        Assert.All(expected.Zip(bowl.Values), pair => Assert.Equal(pair.First, pair.Second, 1e-14));
        Assert.Equal(2, lookahead.StepsAhead);
    }

    [Fact]
    public void A_step_is_refused_while_the_slow_weights_are_swapped_in()
    {
        double[] values = [1];
        var w = Parameter.Of("w", values);
        using var optimizer = new SGD([w], new() { LearningRate = 0.1 });
        using var lookahead = new Lookahead(optimizer, new() { Steps = 5 });
        w.Gradient = new[] { 1.0 };
        optimizer.Step();
        using (lookahead.SwapIn())
        {
            Assert.Equal(1, values[0]);
            Assert.Contains("within SwapIn of Lookahead", Assert.Throws<InvalidOperationException>(optimizer.Step).Message);
        }
        Assert.Equal(0.9, values[0]);
        optimizer.Step();
        Assert.Equal(2, lookahead.StepsAhead);
    }

    [Fact]
    public void With_alpha_1_it_is_the_optimizer()
    {
        SAMTests.Bowl plain = new(), with = new();
        using Optimizer a = new AdamW(plain.Parameters, new() { LearningRate = 0.1 }), b = new AdamW(with.Parameters, new() { LearningRate = 0.1 });
        using var lookahead = new Lookahead(b, new() { Steps = 2, Alpha = 1 });
        for (int i = 0; i < 7; i++)
        {
            a.Step(plain.Evaluate);
            b.Step(with.Evaluate);
        }
        Assert.Equal(plain.Values, with.Values);
    }

    // timm copies the slow weights at the first synchronisation, which then does nothing: 0.81.
    [Fact]
    public void The_first_synchronisation_counts()
    {
        double[] values = [1];
        var w = Parameter.Of("w", values);
        using var optimizer = new SGD([w], new() { LearningRate = 0.1 });
        using var lookahead = new Lookahead(optimizer, new() { Steps = 2, Alpha = 0.5 });
        for (int i = 0; i < 2; i++)
        {
            w.Gradient = new[] { values[0] };
            optimizer.Step();
        }
        Assert.Equal(0.905, values[0], 1e-15);
    }

    // The authors' state_dict() holds the optimizer's only: slow weights and count are lost.
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(4)]
    public void A_run_resumes_exactly(int savedAfter)
    {
        var straight = new SAMTests.Bowl();
        using var one = new AdamW(straight.Parameters, new() { LearningRate = 0.1 });
        using var ahead = new Lookahead(one, new() { Steps = 3 });
        var cut = new SAMTests.Bowl();
        StateDict state, slow;
        using (var first = new AdamW(cut.Parameters, new() { LearningRate = 0.1 }))
        {
            using var firstAhead = new Lookahead(first, new() { Steps = 3 });
            for (int i = 0; i < savedAfter; i++)
                first.Step(cut.Evaluate);
            (state, slow) = (first.StateDict(), firstAhead.StateDict());
        }
        using var second = new AdamW(cut.Parameters);
        using var secondAhead = new Lookahead(second, new() { Steps = 3 });
        second.LoadStateDict(state);
        secondAhead.LoadStateDict(slow);
        for (int i = 0; i < 8; i++)
        {
            one.Step(straight.Evaluate);
            if (i >= savedAfter)
                second.Step(cut.Evaluate);
        }
        Assert.Equal(straight.Values, cut.Values);
        Assert.Equal(ahead.StateDict().ToString(), secondAhead.StateDict().ToString());
    }

    [Fact]
    public void A_step_that_is_left_out_does_not_count()
    {
        var w = Parameter.Of("w", new double[] { 1 });
        using var optimizer = new SGD([w], new() { LearningRate = 0.1 });
        using var lookahead = new Lookahead(optimizer);
        var training = new TrainingStep(optimizer, new() { SkipNotFinite = true });
        w.Gradient = new[] { double.NaN };
        training.Step();
        Assert.Equal(0, lookahead.StepsAhead);
        w.Gradient = new[] { 1.0 };
        training.Step();
        Assert.Equal(1, lookahead.StepsAhead);
    }

    [Fact]
    public void Its_slow_weights_are_seen_in_a_scope()
    {
        double[] values = [1];
        var w = Parameter.Of("w", values);
        using var optimizer = new SGD([w], new() { LearningRate = 0.25 });
        using var lookahead = new Lookahead(optimizer);
        w.Gradient = new[] { 1.0 };
        optimizer.Step();
        using (lookahead.SwapIn())
            Assert.Equal(1, values[0]);
        Assert.Equal(0.75, values[0]);
    }

    [Fact]
    public void It_follows_parameters_that_are_exchanged_and_refuses_new_ones()
    {
        double[] values = [1], other = [1];
        using var optimizer = new SGD([Parameter.Of("w", values)], new() { LearningRate = 0.1 });
        using var lookahead = new Lookahead(optimizer, new() { Steps = 1, Alpha = 0.5 });
        var w = Parameter.Of("w", other);
        optimizer.Rebind([w]);
        w.Gradient = new[] { 1.0 };
        optimizer.Step();
        Assert.Equal(0.95, other[0], 1e-15);
        optimizer.AddParameterGroup(new([Parameter.Of("v", new double[] { 1 })]));
        Assert.Contains("2 parameters", Assert.Throws<InvalidOperationException>(optimizer.Step).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void After_its_end_the_optimizer_goes_on_alone()
    {
        double[] values = [1];
        var w = Parameter.Of("w", values);
        using var optimizer = new SGD([w], new() { LearningRate = 0.5 });
        var lookahead = new Lookahead(optimizer, new() { Steps = 1, Alpha = 0.5 });
        lookahead.Dispose();
        lookahead.Dispose();
        w.Gradient = new[] { 1.0 };
        optimizer.Step();
        Assert.Equal(0.5, values[0]);
    }

    [Fact]
    public void A_call_after_its_end_names_it()
    {
        using var optimizer = new SGD([Parameter.Of("w", new double[] { 1 })]);
        var lookahead = new Lookahead(optimizer);
        var state = lookahead.StateDict();
        lookahead.Dispose();
        foreach (var call in (Action[])[() => lookahead.SwapIn(), () => lookahead.StateDict(), () => lookahead.LoadStateDict(state)])
            Assert.Equal(typeof(Lookahead).FullName, Assert.Throws<ObjectDisposedException>(call).ObjectName);
        optimizer.Step();
    }

    [Fact]
    public void What_does_not_go_with_it_is_refused()
    {
        var w = Parameter.Of("w", new double[] { 1, 2 });
        Assert.Contains("LBFGS", Assert.Throws<ArgumentException>(() => new Lookahead(new LBFGS([w]))).Message, StringComparison.Ordinal);
        Assert.Contains("SGDScheduleFree", Assert.Throws<ArgumentException>(() => new Lookahead(new SGDScheduleFree([w]))).Message, StringComparison.Ordinal);
        using var optimizer = new SGD([w]);
        Assert.Contains("is 0", Assert.Throws<ArgumentOutOfRangeException>(() => new Lookahead(optimizer, new() { Steps = 0 })).Message, StringComparison.Ordinal);
        Assert.Contains("is 1.5", Assert.Throws<ArgumentOutOfRangeException>(() => new Lookahead(optimizer, new() { Alpha = 1.5 })).Message, StringComparison.Ordinal);
        using var lookahead = new Lookahead(optimizer);
        var state = lookahead.StateDict();
        state["la_step"] = 5L;
        Assert.Equal("la_step", Assert.Throws<StateDictException>(() => lookahead.LoadStateDict(state)).Path);
    }
}
