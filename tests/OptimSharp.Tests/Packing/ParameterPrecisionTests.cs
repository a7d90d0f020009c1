using OptimSharp.Conformance;
using OptimSharp.Conformance.Workloads;
using OptimSharp.Tests.Support;

namespace OptimSharp.Tests.Packing;

/// <summary>bfloat16 parameters that lose no update.</summary>
[Collection(Alone.Name)]
public class ParameterPrecisionTests
{
    static readonly ParameterPrecision[] Exact = [ParameterPrecision.Stochastic(7), ParameterPrecision.Compensated, ParameterPrecision.Split];

    static IEnumerable<Type> Optimizers => OptimizerDriver.PublicOptimizers.Where(t => OptimizerSamples.StepsAlone(t) && OptimizerSamples.TakesDenseGradients(t) && OptimizerSamples.Types(t).Contains(ElementType.BFloat16));

    public static TheoryData<string> Names => [.. Optimizers.Select(t => t.Name)];

    /// <summary>The halves together are what an optimizer of single-precision parameters makes of the same gradients, to the bit; the model sees the upper ones.</summary>
    [Theory]
    [MemberData(nameof(Names))]
    public void Split_is_single_precision(string name)
    {
        const int Count = 16 * 67;
        var kind = OptimizerDriver.For(name).Type;
        foreach (var set in OptimizerSamples.OptionSets(kind))
        {
            var subject = new Subject(OptimizerSamples.Create(kind, set), new() { Elementwise = false });
            long[] shape = OptimizerSamples.ShapeOf(kind, Count, 1);
            var halves = new BFloat16[Count];
            Fill(halves, 1);
            float[] singles = [.. halves.Select(x => (float)x)];
            Parameter<BFloat16> half = Parameter.Of("w", halves, shape);
            Parameter<float> single = Parameter.Of("w", singles, shape);
            using var split = subject.Create([half], StatePrecision.Compute);
            using var reference = subject.Create([single], StatePrecision.Compute);
            GroupChanges.For(split).SetPrecision(split, ParameterPrecision.Split);
            for (int step = 1; step <= 5; step++)
            {
                var gradient = new BFloat16[Count];
                Fill(gradient, 10 + step);
                half.Gradient = gradient;
                single.Gradient = gradient.Select(x => (float)x).ToArray();
                split.Step();
                reference.Step();
                double[] remainders = split.StateOf(half)!.Tensor("param_remainder");
                for (int i = 0; i < Count; i++)
                {
                    Assert.Equal(BitConverter.SingleToInt32Bits(singles[i]), (halves[i].Bits << 16) + (int)remainders[i]);
                    Assert.InRange(Math.Abs((double)halves[i] - singles[i]), 0, Math.Abs((double)singles[i]) / 256);
                }
                foreach (string key in reference.StateOf(single)?.TensorKeys ?? [])
                    Assert.Equal(reference.StateOf(single)!.Tensor(key), split.StateOf(half)!.Tensor(key));
            }
        }
    }

    public static TheoryData<string, string, string> Laws
    {
        get
        {
            var rows = new TheoryData<string, string, string>();
            foreach (string optimizer in (string[])["AdamW", "SGD", "Adagrad", "LAMB", "AdamWScheduleFree", "Muon"])
            {
                foreach (var law in OptimizerLaws.All.Where(law => law != OptimizerLaws.Cuts && law != OptimizerLaws.NotANumber))
                {
                    foreach (var precision in Exact)
                        rows.Add(optimizer, law.Name, precision.ToString());
                }
            }
            return rows;
        }
    }

    [Theory]
    [MemberData(nameof(Laws))]
    public void Laws_are_kept(string optimizer, string law, string precision)
    {
        var kind = OptimizerDriver.For(optimizer).Type;
        var options = new LawOptions
        {
            Elementwise = false,
            SumsOverAll = OptimizerSamples.SumsOverAll(kind),
            ElementTypes = [ElementType.BFloat16],
            StatePrecisions = [StatePrecision.Compute, StatePrecision.Dynamic8],
            ParameterPrecision = Exact.Single(p => p.ToString() == precision),
            Sizes = law == nameof(OptimizerLaws.Threads) ? [70_000, 4097, 40] : [4352, 4097, 40],
            Steps = 2,
            Alone = true,
        };
        OptimizerLaws.Named(law).Check(OptimizerSamples.Create(kind, OptimizerSamples.SmallStateOptionSets(kind).First()), options);
    }

    /// <summary>Updates of a sixteenth of the last bit: rounded to nearest, all of them are lost.</summary>
    [Fact]
    public void Small_updates_arrive()
    {
        const int Count = 4096, Steps = 256;
        const float Update = 1f / 128 / 16; // of the numbers in [1, 2)
        double Mean(ParameterPrecision precision)
        {
            var values = new BFloat16[Count];
            values.AsSpan().Fill((BFloat16)1f);
            var w = Parameter.Of("w", values);
            using var sgd = new SGD([w], new() { LearningRate = Update, ParameterPrecision = precision });
            for (int step = 0; step < Steps; step++)
            {
                w.UseGradient().Fill((BFloat16)(-1f));
                sgd.Step();
            }
            return values.Average(x => (double)(float)x);
        }

        Assert.Equal(1, Mean(ParameterPrecision.Nearest));
        const double Expected = 1 + Steps * (double)Update; // 1.125
        Assert.Equal(Expected, Mean(ParameterPrecision.Split));
        Assert.Equal(Expected, Mean(ParameterPrecision.Compensated));
        // Each of 4,096 numbers takes 256 chances of a sixteenth: a standard deviation of 3.9 last bits for one, 0.06 for the mean.
        Assert.Equal(Expected, Mean(ParameterPrecision.Stochastic(1)), 4 * 0.0605 / 128);
        Assert.NotEqual(Mean(ParameterPrecision.Stochastic(1)), Mean(ParameterPrecision.Stochastic(2)));
    }

    /// <summary>Equal numbers with equal gradients go different ways: by element, by parameter, by step.</summary>
    [Fact]
    public void Random_bits_differ_by_element_parameter_and_step()
    {
        var a = Parameter.Of("a", new BFloat16[640]);
        var b = Parameter.Of("b", new BFloat16[640]);
        using var sgd = new SGD([a, b], new() { LearningRate = 1, ParameterPrecision = ParameterPrecision.Stochastic(3) });
        List<BFloat16[]> seen = [];
        for (int step = 0; step < 3; step++)
        {
            foreach (var p in new[] { a, b })
            {
                p.Values.Span.Fill((BFloat16)1f);
                p.UseGradient().Fill(BFloat16.FromBits(0x3B00)); // 1/512
            }
            sgd.Step();
            seen.Add(a.Values.ToArray());
            seen.Add(b.Values.ToArray());
        }
        for (int i = 0; i < seen.Count; i++)
        {
            Assert.InRange(seen[i].Count(x => x != (BFloat16)1f), 240, 400); // half of them; ± 6 standard deviations
            for (int j = 0; j < i; j++)
                Assert.InRange(seen[i].Zip(seen[j]).Count(pair => pair.First != pair.Second), 200, 440);
        }
        Assert.Equal(3L, sgd.StateDict().GetDict("state").GetDict(1)["rounding_step"]);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(8)]
    public void Sparse_rows_are_kept_so_too(int rowSize)
    {
        const int Rows = 200;
        var halves = new BFloat16[Rows * rowSize];
        Fill(halves, 4);
        float[] singles = [.. halves.Select(x => (float)x)];
        Parameter<BFloat16> half = Parameter.Of("table", halves, Rows, rowSize);
        Parameter<float> single = Parameter.Of("table", singles, Rows, rowSize);
        using var split = new Adagrad([half], new() { LearningRate = 1e-4, ParameterPrecision = ParameterPrecision.Split });
        using var reference = new Adagrad([single], new() { LearningRate = 1e-4 });
        var random = new Random(5);
        for (int step = 0; step < 10; step++)
        {
            long[] rows = [.. Enumerable.Range(0, Rows).Where(_ => random.Next(4) == 0).Select(i => (long)i)];
            var gradient = new BFloat16[rows.Length * rowSize];
            Fill(gradient, 20 + step);
            half.SparseGradient = new(rows, gradient);
            single.SparseGradient = new(rows, gradient.Select(x => (float)x).ToArray());
            split.Step();
            reference.Step();
        }
        double[] remainders = split.StateOf(half)!.Tensor("param_remainder");
        Assert.Equal(singles.Select(BitConverter.SingleToInt32Bits), halves.Select((x, i) => (x.Bits << 16) + (int)remainders[i]));
        Assert.Contains(remainders, r => r != 0);
    }

    /// <summary>The number in single precision stays when the way is changed, by hand or by a state that was saved in another.</summary>
    [Fact]
    public void The_way_can_be_changed()
    {
        const int Count = 1000;
        var all = Exact.Append(ParameterPrecision.Nearest);
        foreach (var from in all)
        {
            foreach (var to in all)
            {
                foreach (bool loads in new[] { false, true })
                {
                    var values = new BFloat16[Count];
                    Fill(values, 1);
                    var w = Parameter.Of("w", values);
                    var one = new AdamW([w], new() { LearningRate = 1e-4, ParameterPrecision = from });
                    for (int step = 0; step < 3; step++)
                        Step(one, w, step);
                    double[] before = Numbers(one, w);
                    using var other = loads ? new AdamW([w], new() { ParameterPrecision = to }) : one;
                    if (loads)
                        Assert.True(other.LoadStateDict(one.StateDict()).IsComplete);
                    other.ParameterGroups[0].Options = other.ParameterGroups[0].Options with { LearningRate = 0, ParameterPrecision = to };
                    Step(other, w, 9);
                    double[] after = Numbers(other, w);
                    bool hasLess = to.Keeping is ParameterKeeping.Nearest or ParameterKeeping.Stochastic;
                    double bound = hasLess ? 1.0 / 256 : to == ParameterPrecision.Compensated ? 1.0 / (1 << 16) : 0;
                    for (int i = 0; i < Count; i++)
                        Assert.InRange(Math.Abs(before[i] - after[i]), 0, Math.Abs(before[i]) * bound);
                    string[] keys = [.. other.StateOf(w)!.TensorKeys];
                    Assert.Equal(to == ParameterPrecision.Split, keys.Contains("param_remainder"));
                    Assert.Equal(to == ParameterPrecision.Compensated, keys.Contains("kahan_comp"));
                    Assert.Equal(to.Keeping == ParameterKeeping.Stochastic, other.StateOf(w)!.ScalarKeys.Contains("rounding_step"));
                    one.Dispose();
                }
            }
        }

        static void Step(Optimizer optimizer, Parameter<BFloat16> w, int seed)
        {
            var gradient = new BFloat16[Count];
            Fill(gradient, seed);
            w.Gradient = gradient;
            optimizer.Step();
        }

        static double[] Numbers(Optimizer optimizer, Parameter<BFloat16> w)
        {
            var state = optimizer.StateOf(w)!;
            var values = w.Values.ToArray();
            return state.TensorKeys.Contains("param_remainder") ? [.. state.Tensor("param_remainder").Select((r, i) => (double)BitConverter.Int32BitsToSingle((values[i].Bits << 16) + (int)r))]
                : state.TensorKeys.Contains("kahan_comp") ? [.. state.Tensor("kahan_comp").Select((c, i) => c + (float)values[i])]
                : [.. values.Select(x => (double)(float)x)];
        }
    }

    [Fact]
    public void Reports_and_plans_count_what_is_beside_the_parameter()
    {
        foreach (var (precision, bytes) in new[] { (ParameterPrecision.Nearest, 8), (ParameterPrecision.Stochastic(), 8), (ParameterPrecision.Compensated, 10), (ParameterPrecision.Split, 10) })
        {
            var w = Parameter.Of("w", new BFloat16[1000]);
            w.UseGradient().Fill((BFloat16)1f);
            using var real = new AdamW([w], new() { ParameterPrecision = precision });
            using var plan = new AdamW([Parameter.Meta("w", [1000], ElementType.BFloat16)], new() { ParameterPrecision = precision });
            real.Step();
            Assert.Equal(1000 * bytes, real.MemoryReport().StateBytes);
            Assert.Equal(real.MemoryReport().Entries, plan.MemoryReport().Entries);
        }
    }

    /// <summary>PyTorch takes the file, and makes the single-precision number of its two halves.</summary>
    [Fact]
    public async Task PyTorch_joins_the_halves()
    {
        string? python = await PythonWithTorch.FindAsync();
        Assert.SkipWhen(python is null, PythonWithTorch.Missing);
        string folder = Directory.CreateTempSubdirectory("optimsharp-halves-").FullName;
        try
        {
            var values = new BFloat16[300];
            Fill(values, 1);
            float[] singles = [.. values.Select(x => (float)x)];
            Parameter<BFloat16> half = Parameter.Of("w", values);
            Parameter<float> single = Parameter.Of("w", singles);
            using var split = new AdamW([half], new() { ParameterPrecision = ParameterPrecision.Split });
            using var reference = new AdamW([single]);
            for (int step = 0; step < 5; step++)
            {
                var gradient = new BFloat16[300];
                Fill(gradient, 10 + step);
                half.Gradient = gradient;
                single.Gradient = gradient.Select(x => (float)x).ToArray();
                split.Step();
                reference.Step();
            }
            Checkpoint.Save(Path.Combine(folder, "halves.pt"), new() { { "w", TensorData.Of(values, 300) }, { "single", TensorData.Of(singles, 300) }, { "optimizer", split.StateDict() } });
            File.WriteAllText(Path.Combine(folder, "script.py"), """
                import torch
                saved = torch.load("halves.pt")
                remainder = saved["optimizer"]["state"][0]["param_remainder"]
                joined = ((saved["w"].view(torch.int16).int() << 16) + remainder).view(torch.float32)
                assert torch.equal(joined, saved["single"]) and remainder.dtype == torch.int16
                w = torch.nn.Parameter(saved["w"])
                optimizer = torch.optim.AdamW([w])
                optimizer.load_state_dict(saved["optimizer"])
                w.grad = torch.ones_like(w)
                optimizer.step()
                assert optimizer.state[w]["step"] == 6
                torch.save(optimizer.state_dict(), "theirs.pt")
                print("as single precision")
                """);
            Assert.Equal("as single precision", (await PythonWithTorch.RunAsync(python!, folder, "script.py")).Trim());

            // PyTorch has turned the remainders into bfloat16: of their 16 bits, 8 are left.
            double[] remainders = split.StateOf(half)!.Tensor("param_remainder");
            split.LoadStateDict(Checkpoint.Load(Path.Combine(folder, "theirs.pt")));
            foreach (var (before, after) in remainders.Zip(split.StateOf(half)!.Tensor("param_remainder")))
                Assert.InRange(Math.Abs(before - after), 0, Math.Abs(before) / 256);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Theory]
    [InlineData(ElementType.BFloat16)]
    [InlineData(ElementType.Float32)]
    [InlineData(ElementType.Float64)]
    public void Remainders_that_came_to_be_floats_are_whole_numbers_again(ElementType type)
    {
        var w = Parameter.Of("w", new BFloat16[4]);
        using var optimizer = new SGD([w], new() { ParameterPrecision = ParameterPrecision.Split });
        w.UseGradient().Fill((BFloat16)1f);
        optimizer.Step();
        var state = optimizer.StateDict();
        state.GetDict("state").GetDict(0)["param_remainder"] = TensorData.Of([3f, -512f, 40_000f, -40_000f], 4).To(type);
        optimizer.LoadStateDict(state);
        Assert.Equal([3.0, -512, short.MaxValue, short.MinValue], optimizer.StateOf(w)!.Tensor("param_remainder"));
    }

    /// <summary>By default its ε₁ is that of the parameter's type, which is single precision to the rule.</summary>
    [Fact]
    public void Adafactor_as_it_is_by_default_is_single_precision_too()
    {
        var halves = new BFloat16[64 * 65];
        Fill(halves, 1);
        float[] singles = [.. halves.Select(x => (float)x)];
        Parameter<BFloat16> half = Parameter.Of("w", halves, 64, 65);
        Parameter<float> single = Parameter.Of("w", singles, 64, 65);
        using var split = new Adafactor([half], new() { ParameterPrecision = ParameterPrecision.Split });
        using var reference = new Adafactor([single]);
        for (int step = 0; step < 5; step++)
        {
            var gradient = new BFloat16[halves.Length];
            Fill(gradient, 10 + step);
            half.Gradient = gradient;
            single.Gradient = gradient.Select(x => (float)x).ToArray();
            split.Step();
            reference.Step();
        }
        Assert.Equal(singles.Select(BitConverter.SingleToInt32Bits), halves.Zip(split.StateOf(half)!.Tensor("param_remainder"), (x, r) => (x.Bits << 16) + (int)r));
    }

    [Fact]
    public void Lookahead_refuses_what_is_set_later()
    {
        var w = Parameter.Of("w", new BFloat16[5]);
        using var optimizer = new AdamW([w]);
        using var lookahead = new Lookahead(optimizer);
        foreach (var group in optimizer.ParameterGroups)
            group.Options = group.Options with { ParameterPrecision = ParameterPrecision.Split };
        w.UseGradient().Fill((BFloat16)1f);
        Assert.Equal("Lookahead writes the parameters itself: their ParameterPrecision must be Nearest, but is Split.", Assert.Throws<InvalidOperationException>(optimizer.Step).Message);
        Assert.All(w.Values.ToArray(), x => Assert.Equal((BFloat16)0f, x));
        Assert.Null(optimizer.StateOf(w));
    }

    [Fact]
    public void A_first_step_that_is_left_out_leaves_nothing()
    {
        foreach (var precision in Exact)
        {
            var w = Parameter.Of("w", new BFloat16[50]);
            using var optimizer = new AdamW([w], new() { ParameterPrecision = precision });
            var step = new TrainingStep(optimizer);
            w.UseGradient().Fill((BFloat16)float.PositiveInfinity);
            Assert.True(step.Step().Skipped);
            Assert.Null(optimizer.StateOf(w));
            w.UseGradient().Fill((BFloat16)1f);
            Assert.False(step.Step().Skipped);
            Assert.Equal(1, optimizer.StateOf(w)!.Step);
            Assert.All(w.Values.ToArray(), x => Assert.NotEqual((BFloat16)0f, x));
        }
    }

    [Fact]
    public void Other_types_are_kept_as_they_are()
    {
        var single = Parameter.Of("single", new float[10]);
        var wide = Parameter.Of("wide", new double[10]);
        single.UseGradient().Fill(1);
        wide.UseGradient().Fill(1);
        using var optimizer = new SGD([single, wide], new() { ParameterPrecision = ParameterPrecision.Split });
        optimizer.Step();
        Assert.Null(optimizer.StateOf(single));
        Assert.Null(optimizer.StateOf(wide));
    }

    [Fact]
    public void What_cannot_be_is_refused_by_name()
    {
        var half = Parameter.Of("h", new Half[5]);
        var w = Parameter.Of("w", new BFloat16[5]);
        Assert.Equal("ParameterPrecision.Stochastic(3) is for BFloat16, but parameter 'h' [5] Float16 is in Float16. Give it a group with ParameterPrecision.Nearest. (Parameter 'parameter')",
            Assert.Throws<ArgumentException>(() => new AdamW([half], new() { ParameterPrecision = ParameterPrecision.Stochastic(3) })).Message);
        Assert.Contains("LBFGS writes its parameters itself: their ParameterPrecision must be Nearest, but is Split.", Assert.Throws<ArgumentException>(() => new LBFGS([w], new() { ParameterPrecision = ParameterPrecision.Split })).Message, StringComparison.Ordinal);
        using var adam = new AdamW([w], new() { ParameterPrecision = ParameterPrecision.Split });
        Assert.Contains("Lookahead writes the parameters itself", Assert.Throws<ArgumentException>(() => new Lookahead(adam)).Message, StringComparison.Ordinal);
        w.UseGradient().Fill((BFloat16)1f);
        adam.Step();
        var state = adam.StateDict();
        state.GetDict("state").GetDict(0)["param_remainder"] = TensorData.Of(new short[4], 4);
        Assert.Contains("'state.0.param_remainder' must be", Assert.Throws<StateDictException>(() => adam.LoadStateDict(state)).Message, StringComparison.Ordinal);

        // By hand, later: nothing is changed.
        using var later = new SGD([half]);
        half.UseGradient().Fill((Half)1);
        later.ParameterGroups[0].Options = later.ParameterGroups[0].Options with { ParameterPrecision = ParameterPrecision.Compensated };
        Assert.Contains("is for BFloat16, but parameter 'h'", Assert.Throws<InvalidOperationException>(() => later.Step()).Message, StringComparison.Ordinal);
        Assert.All(half.Values.ToArray(), x => Assert.Equal((Half)0, x));
    }

    static void Fill(BFloat16[] numbers, int seed)
    {
        var random = new Random(seed);
        for (int i = 0; i < numbers.Length; i++)
            numbers[i] = (BFloat16)((random.NextSingle() * 2 - 1) * MathF.Pow(10, -4 * random.NextSingle()));
    }
}
