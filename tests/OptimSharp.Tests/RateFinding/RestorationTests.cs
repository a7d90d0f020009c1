using OptimSharp.Conformance;
using OptimSharp.Conformance.Workloads;
using OptimSharp.Schedulers;

namespace OptimSharp.Tests.RateFinding;

/// <summary>After a search everything goes on as if there had been none.</summary>
public sealed class RestorationTests
{
    public static TheoryData<string, int, bool> All()
    {
        var data = new TheoryData<string, int, bool>();
        foreach (var type in OptimizerDriver.PublicOptimizers)
        {
            foreach (int before in new[] { 0, 3 })
                data.Add(type.Name, before, false);
            data.Add(type.Name, 3, true);
        }
        return data;
    }

    /// <summary>Every optimizer, fresh or with state; a search that ends well, or in which a step throws.</summary>
    [Theory]
    [MemberData(nameof(All))]
    public void Training_after_a_search_has_the_bits_of_training_without(string optimizer, int before, bool throws)
    {
        using var with = new Training(optimizer);
        using var without = new Training(optimizer);
        for (int step = 0; step < before; step++)
            Assert.Equal(with.Step(step), without.Step(step));
        var state = with.Text();
        int searched = 0;
        double Trial() => throws && searched == 7 ? throw new InvalidTimeZoneException("the data is gone") : with.Step(100 + searched++);
        var options = new RateFinderOptions { StartRate = 1e-4, EndRate = 1e-2, Steps = 12, Divergence = double.PositiveInfinity, Restored = [with.Scheduler, with.Average] };
        if (throws)
            Assert.Throws<InvalidTimeZoneException>(() => RateFinder.Run(with.Optimizer, Trial, options));
        else
            Assert.Equal(12, RateFinder.Run(with.Optimizer, Trial, options).Rates.Count);
        Assert.True(searched > 5);
        Assert.Equal(state, with.Text());
        for (int step = before; step < before + 4; step++)
            Assert.Equal(without.Step(step), with.Step(step));
        Assert.Equal(without.Text(), with.Text());
    }

    [Theory]
    [InlineData(StatePrecision.Float8)]
    [InlineData(StatePrecision.BFloat16)]
    public void State_in_few_bits_comes_back(StatePrecision precision)
    {
        float[] values = [.. Enumerable.Range(0, 5000).Select(i => MathF.Sin(i))];
        var parameter = Parameter.Of("w", values);
        using var optimizer = new AdamW([parameter], new() { StatePrecision = precision });
        Step(1);
        string before = Bits(values, optimizer);
        RateFinder.Run(optimizer, () => Step(2), new() { Steps = 5 });
        Assert.Equal(before, Bits(values, optimizer));

        double Step(int seed)
        {
            parameter.Gradient = values.Select(v => v * seed + 0.1f).ToArray();
            optimizer.Step();
            return 1;
        }
    }

    [Fact]
    public void Options_that_steps_change_and_groups_that_they_add_are_as_before()
    {
        var w = Parameter.Of("w", new float[] { 1, 2 });
        var head = Parameter.Of("head", new float[] { 3 });
        using var optimizer = new SGD([new([w]), new([head], o => o with { LearningRate = 0.2 })], new() { LearningRate = 0.1, Momentum = 0.9 });
        optimizer.ParameterGroups[0].Extras["mine"] = 5L;
        string before = optimizer.ToString();
        var rates = new List<(double, double)>();
        var curve = RateFinder.Run(optimizer, () =>
        {
            rates.Add((optimizer.ParameterGroups[0].LearningRate, optimizer.ParameterGroups[1].LearningRate));
            optimizer.ParameterGroups[0]["momentum"] = 0.5;
            optimizer.ParameterGroups[0].Extras["mine"] = 6L;
            optimizer.ParameterGroups[0].Extras["other"] = 7L;
            if (rates.Count == 2)
                optimizer.AddParameterGroup(new([Parameter.Of("new", new float[1])]));
            w.Gradient = new float[] { 1, 1 };
            optimizer.Step();
            return 1;
        }, new() { StartRate = 0.01, EndRate = 0.04, Steps = 4, Growth = RateGrowth.Linear });
        Assert.Equal(before, optimizer.ToString());
        Assert.Null(optimizer.StateOf(w));
        Assert.Equal([1f, 2f], w.Values.ToArray());
        Assert.False(w.HasGradient);
        for (int i = 0; i < 4; i++)
        {
            Assert.Equal(0.01 * (i + 1), curve.Rates[i], 1e-15);
            Assert.Equal((curve.Rates[i], curve.Rates[i] * 2), rates[i]); // groups keep their ratio
        }
    }

    [Fact]
    public void Several_optimizers_as_one_are_as_before()
    {
        var matrix = Parameter.Of("matrix", new float[] { 1, 2, 3, 4 }, 2, 2);
        var rest = Parameter.Of("rest", new float[] { 5 });
        using var optimizer = new CombinedOptimizer(new Muon([matrix], new() { LearningRate = 0.02 }), new AdamW([rest]));
        Step();
        string before = State();
        RateFinder.Run(optimizer, Step, new() { Steps = 5 });
        Assert.Equal(before, State());

        double Step()
        {
            (matrix.Gradient, rest.Gradient) = (new float[] { 1, 0, 2, 1 }, new float[] { 1 });
            optimizer.Step();
            return 2;
        }

        string State() => Text(optimizer.StateDict()) + string.Join(' ', matrix.Values.ToArray()) + rest.Values.Span[0];
    }

    /// <summary>One training, with a scheduler and an average.</summary>
    sealed class Training : IDisposable
    {
        static readonly long[][] shapes = [[3, 4], [5, 2]];

        readonly Parameter<float>[] parameters;
        readonly bool sparse;

        public Training(string name)
        {
            var type = OptimizerDriver.PublicOptimizers.Single(t => t.Name == name);
            sparse = !OptimizerSamples.TakesDenseGradients(type);
            var options = (sparse ? OptimizerSamples.SparseOptionSets(type) : OptimizerSamples.OptionSets(type)).MaxBy(set => set.Length)!;
            parameters = [.. shapes.Select((shape, i) => Parameter.Of($"p{i}", Draw(i, shape), shape))];
            Optimizer = OptimizerDriver.For(type).Create(parameters, options);
            Scheduler = new ExponentialLR(Optimizer, 0.9);
            Average = new(parameters, Averaging.Ema(0.9));
        }

        public Optimizer Optimizer { get; }

        public LRScheduler Scheduler { get; }

        public AveragedParameters Average { get; }

        public double Step(int step)
        {
            double loss;
            if (!OptimizerSamples.StepsAlone(Optimizer.GetType()))
            {
                loss = Optimizer.Step(Bowl);
            }
            else
            {
                loss = Bowl();
                foreach (var (i, parameter) in parameters.Index())
                {
                    if (sparse)
                        parameter.SparseGradient = new(new long[] { step % 3, 2, step % 3 }, Draw(step + 2, [3, shapes[i][1]]));
                    else
                        parameter.Gradient = Draw(2 * step + i + 2, shapes[i]);
                }
                Optimizer.Step();
            }
            Average.Update();
            Scheduler.Step();
            return loss;
        }

        public string Text() => RestorationTests.Text(Optimizer.StateDict()) + RestorationTests.Text(Scheduler.StateDict()) + RestorationTests.Text(Average.StateDict())
            + string.Concat(parameters.Select(p => Convert.ToHexString(System.Runtime.InteropServices.MemoryMarshal.AsBytes(p.Values.Span))));

        public void Dispose()
        {
            Average.Dispose();
            Optimizer.Dispose();
        }

        double Bowl()
        {
            double loss = 1;
            foreach (var parameter in parameters)
            {
                float[] distance = [.. parameter.Values.ToArray().Select(p => p - 0.5f)];
                loss += distance.Select((d, i) => (0.1 + i) * d * d / 2).Sum();
                parameter.Gradient = distance.Select((d, i) => (0.1f + i) * d).ToArray();
            }
            return loss;
        }

        static float[] Draw(int seed, long[] shape)
        {
            var random = new Random(seed);
            return [.. Enumerable.Range(0, (int)(shape[0] * shape[1])).Select(_ => random.NextSingle() * 2 - 1)];
        }
    }

    static string Bits(float[] values, Optimizer optimizer) => Convert.ToHexString(System.Runtime.InteropServices.MemoryMarshal.AsBytes<float>(values)) + Text(optimizer.StateDict());

    /// <summary>All of a state dict, each number with all its digits.</summary>
    static string Text(object? value) => value switch
    {
        StateDict dict => $"{{{string.Join(", ", dict.Select(e => $"{e.Key}: {Text(e.Value)}"))}}}",
        TensorData tensor => $"{tensor}: {string.Join(' ', tensor.ToDoubles().Select(d => BitConverter.DoubleToInt64Bits(d).ToString("x", System.Globalization.CultureInfo.InvariantCulture)))}",
        string text => text,
        System.Collections.IEnumerable list => $"[{string.Join(", ", list.Cast<object?>().Select(Text))}]",
        _ => FormattableString.Invariant($"{value:R}"),
    };
}
