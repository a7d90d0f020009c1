namespace OptimSharp.Tests.Optimizers;

public class SAMTests
{
    // Of davda54/sam at 3c3afdb on PyTorch 2.14: six steps of SGD with momentum 0.9 and rate 0.05 on ½Σaw² + ¼Σbv⁴.
    [Theory]
    [InlineData(false, 0.05, new[] { 0.2393499437399545, 0.5557724765244164, 1.7625103671707512, -0.35298506227390397, 0.08404530922175689, -0.8990933045515225 })]
    [InlineData(true, 2.0, new[] { 0.0780999279334369, 1.3246919568463982, 0.39829639399736083, -0.36095585834056043, -0.10766214259508924, -0.44595521139379407 })]
    public void Its_steps_are_the_references(bool adaptive, double rho, double[] expected)
    {
        var bowl = new Bowl();
        using var optimizer = new SGD(bowl.Parameters, new() { LearningRate = 0.05, Momentum = 0.9 });
        using var sam = new SAM(optimizer, new() { Rho = rho, Adaptive = adaptive });
        for (int i = 0; i < 6; i++)
        {
            double loss = bowl.Loss;
            Assert.Equal(loss, sam.Step(bowl.Evaluate));
        }
        Assert.All(expected.Zip(bowl.Values), pair => Assert.Equal(pair.First, pair.Second, 1e-13));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void With_rho_0_it_is_the_optimizer(bool adaptive)
    {
        Bowl plain = new(), with = new();
        using Optimizer a = new AdamW(plain.Parameters, new() { LearningRate = 0.1 }), b = new AdamW(with.Parameters, new() { LearningRate = 0.1 });
        using var sam = new SAM(b, new() { Rho = 0, Adaptive = adaptive });
        for (int i = 0; i < 5; i++)
        {
            a.Step(plain.Evaluate);
            sam.Step(with.Evaluate);
        }
        Assert.Equal(plain.Values, with.Values);
    }

    // θ + e − e is not θ in most places.
    [Fact]
    public void Disposing_it_puts_the_parameters_back()
    {
        var bowl = new Bowl();
        using var optimizer = new SGD(bowl.Parameters, new() { LearningRate = 0.1 });
        var sam = new SAM(optimizer);
        bowl.Evaluate();
        double[] before = [.. bowl.Values];
        var scope = sam.Perturb();
        Assert.NotEqual(before, bowl.Values);
        sam.Dispose();
        scope.Dispose();
        Assert.Equal(before, bowl.Values);
        optimizer.Step();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_call_after_its_end_names_it(bool wasUsed)
    {
        var bowl = new Bowl();
        using var optimizer = new SGD(bowl.Parameters, new() { LearningRate = 0.1 });
        var sam = new SAM(optimizer);
        bowl.Evaluate();
        if (wasUsed)
            sam.Perturb().Dispose();
        sam.Dispose();
        sam.Dispose();
        foreach (var call in (Action[])[() => sam.Perturb(), () => sam.Step(bowl.Evaluate)])
            Assert.Equal(typeof(SAM).FullName, Assert.Throws<ObjectDisposedException>(call).ObjectName);
        optimizer.Step();
    }

    [Fact]
    public void The_parameters_bits_come_back()
    {
        float[] single = [.. Numbers.Tame(1000, 1).Select(x => (float)x)];
        BFloat16[] half = [.. Numbers.Tame(1000, 2).Select(x => (BFloat16)(float)x)];
        Complex64[] complex = [.. Numbers.Tame(1000, 3).Select(x => new Complex64((float)x, -(float)x))];
        Parameter<float> a = Parameter.Of("a", single);
        Parameter<BFloat16> b = Parameter.Of("b", half);
        Parameter<Complex64> c = Parameter.Of("c", complex);
        (a.Gradient, b.Gradient, c.Gradient) = (single.ToArray(), half.ToArray(), complex.ToArray());
        using var optimizer = new SGD([a, b, c]);
        using var sam = new SAM(optimizer, new() { Rho = 0.3 });
        var (was1, was2, was3) = (single.ToArray(), half.ToArray(), complex.ToArray());
        for (int i = 0; i < 3; i++)
        {
            using (sam.Perturb())
            {
                Assert.NotEqual(was1, single);
                Assert.NotEqual(was2, half);
                Assert.NotEqual(was3, complex);
                single[i] = float.NaN; // whatever happens in it
            }
            Assert.Equal(was1, single);
            Assert.Equal(was2, half);
            Assert.Equal(was3, complex);
        }
    }

    [Fact]
    public void What_has_no_gradient_first_does_not_move()
    {
        double[] still = [1, 2], moving = [3, 4];
        Parameter<double> a = Parameter.Of("a", still), b = Parameter.Of("b", moving);
        using var sam = new SAM(new SGD([a, b]), new() { Rho = 1 });
        (a.Gradient, b.Gradient) = (new double[] { 1, 1 }, new double[] { 3, 4 });
        sam.Perturb().Dispose(); // a has a copy of its values from here
        still[0] = 5;
        a.Gradient = null;
        using (sam.Perturb())
        {
            Assert.Equal([5, 2], still);
            Assert.Equal([3.6, 4.8], moving.Select(x => Math.Round(x, 9)));
        }
        Assert.Equal([5, 2], still);
        Assert.Equal([3, 4], moving);
    }

    [Fact]
    public void Gradients_that_are_not_finite_move_nothing()
    {
        double[] values = [1, 2];
        var w = Parameter.Of("w", values);
        w.Gradient = new[] { double.PositiveInfinity, 1 };
        foreach (bool adaptive in new[] { false, true })
        {
            using var sam = new SAM(new SGD([w]), new() { Adaptive = adaptive });
            using (sam.Perturb())
                Assert.Equal([1, 2], values);
        }
    }

    [Fact]
    public void Nothing_that_trains_or_saves_is_done_at_the_other_place()
    {
        var bowl = new Bowl();
        using var optimizer = new SGD(bowl.Parameters, new() { LearningRate = 0.1 });
        using var sam = new SAM(optimizer);
        using var averages = new AveragedParameters(bowl.Parameters);
        bowl.Evaluate();
        var saved = optimizer.StateDict();
        double[] before = bowl.Values;
        using (sam.Perturb())
        {
            Assert.All(
                [
                    Assert.Throws<InvalidOperationException>(optimizer.Step).Message,
                    Assert.Throws<InvalidOperationException>(() => new TrainingStep(optimizer).Step()).Message,
                    Assert.Throws<InvalidOperationException>(optimizer.StateDict).Message,
                    Assert.Throws<InvalidOperationException>(() => optimizer.LoadStateDict(saved)).Message,
                    Assert.Throws<InvalidOperationException>(sam.Perturb).Message,
                    Assert.Throws<InvalidOperationException>(averages.Update).Message,
                ],
                message => Assert.Contains("Perturb", message, StringComparison.Ordinal));
        }
        Assert.Equal(before, bowl.Values);
        averages.Update();
        using (averages.SwapIn())
            Assert.Throws<InvalidOperationException>(sam.Perturb);
        optimizer.Step();
    }

    [Fact]
    public void A_closure_that_throws_leaves_everything_as_it_was()
    {
        var bowl = new Bowl();
        using var optimizer = new AdamW(bowl.Parameters);
        using var sam = new SAM(optimizer);
        double[] before = bowl.Values;
        int calls = 0;
        Assert.Throws<TimeoutException>(() => sam.Step(() => ++calls == 2 ? throw new TimeoutException() : bowl.Evaluate()));
        Assert.Equal(before, bowl.Values);
        Assert.Null(optimizer.StateOf(bowl.Parameters[0]));
        sam.Step(bowl.Evaluate);
    }

    [Fact]
    public void A_scaled_loss_is_looked_at_in_the_same_place()
    {
        Bowl plain = new(), scaled = new() { Scale = 1024 };
        using Optimizer a = new SGD(plain.Parameters, new() { LearningRate = 0.1 }), b = new SGD(scaled.Parameters, new() { LearningRate = 0.1 });
        var scaler = new GradScaler(initialScale: 1024);
        using SAM one = new(a), other = new(b);
        for (int i = 0; i < 4; i++)
        {
            one.Step(plain.Evaluate);
            other.Step(scaled.Evaluate, () => scaler.Step(b));
            scaler.Update();
        }
        Assert.All(plain.Values.Zip(scaled.Values), pair => Assert.Equal(pair.First, pair.Second, 1e-12));
    }

    [Fact]
    public void A_training_step_takes_the_step_and_the_average()
    {
        Bowl one = new(), other = new();
        using Optimizer a = new AdamW(one.Parameters), b = new AdamW(other.Parameters);
        using AveragedParameters averageOfOne = new(one.Parameters, Averaging.Ema(0.9)), averageOfOther = new(other.Parameters, Averaging.Ema(0.9));
        var training = new TrainingStep(b, new() { Averages = averageOfOther });
        using SAM first = new(a), second = new(b);
        for (int i = 0; i < 4; i++)
        {
            first.Step(one.Evaluate);
            averageOfOne.Update();
            second.Step(other.Evaluate, () => training.Step());
        }
        Assert.Equal(one.Values, other.Values);
        Assert.Equal(averageOfOne.Average("w").ToDoubles(), averageOfOther.Average("w").ToDoubles());
    }

    [Fact]
    public void What_does_not_go_with_it_is_refused()
    {
        var w = Parameter.Of("w", new double[] { 1, 2 });
        Assert.Contains("closure", Assert.Throws<ArgumentException>(() => new SAM(new LBFGS([w]))).Message, StringComparison.Ordinal);
        Assert.Contains("-1", Assert.Throws<ArgumentOutOfRangeException>(() => new SAM(new SGD([w]), new() { Rho = -1 })).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => new SAM(new SGD([w]), new() { Rho = double.NaN }));
        Assert.Contains("complex", Assert.Throws<ArgumentException>(() => new SAM(new SGD([Parameter.Of("c", new Complex64[2])]), new() { Adaptive = true })).Message, StringComparison.Ordinal);
        var table = Parameter.Of("t", new float[4], 2, 2);
        table.SparseGradient = new(new long[] { 1 }, new float[] { 1, 1 });
        using var sam = new SAM(new SGD([table]));
        Assert.Contains("sparse", Assert.Throws<InvalidOperationException>(sam.Perturb).Message, StringComparison.Ordinal);
        sam.Optimizer.Step();
    }

    [Fact]
    public void Groups_that_come_later_are_looked_at_too()
    {
        double[] values = [1];
        Parameter<double> a = Parameter.Of("a", new double[] { 1 }), b = Parameter.Of("b", values);
        using var optimizer = new SGD([a]);
        using var sam = new SAM(optimizer, new() { Rho = 5 });
        (a.Gradient, b.Gradient) = (new double[] { 3 }, new double[] { 4 });
        sam.Perturb().Dispose();
        optimizer.AddParameterGroup(new([b]));
        using (sam.Perturb())
            Assert.Equal(5, values[0], 1e-9);
    }

    /// <summary>½Σaw² + ¼Σbv⁴.</summary>
    internal sealed class Bowl
    {
        readonly double[] w = [1, -2, 3, 0.5], v = [0.75, -1.5], a = [1, 2, 0.5, 4], b = [3, 0.25];
        readonly Parameter<double>[] parameters;

        public Bowl() => parameters = [Parameter.Of("w", w), Parameter.Of("v", v)];

        public double Scale { get; init; } = 1;

        public IReadOnlyList<Parameter> Parameters => parameters;

        public double[] Values => [.. w, .. v];

        public double Loss => Scale * (0.5 * w.Zip(a, (x, c) => c * x * x).Sum() + 0.25 * v.Zip(b, (x, c) => c * x * x * x * x).Sum());

        public double Evaluate()
        {
            parameters[0].Gradient = w.Zip(a, (x, c) => Scale * c * x).ToArray();
            parameters[1].Gradient = v.Zip(b, (x, c) => Scale * c * x * x * x).ToArray();
            return Loss;
        }
    }
}
