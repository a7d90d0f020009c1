using OptimSharp.Conformance;
using OptimSharp.Conformance.Workloads;
using OptimSharp.Tests.Support;

namespace OptimSharp.Tests.Packing;

/// <summary>Optimizers whose state is kept in few bits.</summary>
[Collection(Alone.Name)]
public class PackedStateTests
{
    static readonly StatePrecision[] Packed = [StatePrecision.BFloat16, StatePrecision.Dynamic8, StatePrecision.Linear4, StatePrecision.Float8];

    public static TheoryData<string, StatePrecision> Grid
    {
        get
        {
            var rows = new TheoryData<string, StatePrecision>();
            foreach (var optimizer in OptimizerDriver.PublicOptimizers.Where(t => OptimizerSamples.StepsAlone(t) && OptimizerSamples.TakesDenseGradients(t)))
            {
                foreach (var precision in Packed)
                    rows.Add(optimizer.Name, precision);
            }
            return rows;
        }
    }

    /// <summary>A step is that of state in single precision, between decoding and encoding: a rule never knows.</summary>
    [Theory]
    [MemberData(nameof(Grid))]
    public void A_step_is_that_of_single_precision(string name, StatePrecision precision)
    {
        var kind = OptimizerDriver.For(name).Type;
        foreach (var set in OptimizerSamples.SmallStateOptionSets(kind).Take(2))
        {
            var subject = new Subject(OptimizerSamples.Create(kind, set), new() { Elementwise = false });
            long[] shape = OptimizerSamples.ShapeOf(kind, 16 * 300, 1);
            float[] packedValues = new float[16 * 300], plainValues = new float[16 * 300];
            Fill(packedValues, 1);
            packedValues.CopyTo(plainValues, 0);
            Parameter<float> packed = Parameter.Of("w", packedValues, shape), plain = Parameter.Of("w", plainValues, shape);
            using var small = subject.Create([packed], precision);
            using var reference = subject.Create([plain], StatePrecision.Compute);
            for (int step = 1; step <= 4; step++)
            {
                float[] gradient = new float[16 * 300];
                Fill(gradient, 10 + step);
                packed.Gradient = gradient;
                plain.Gradient = gradient;
                small.Step();
                reference.Step();
                if (step == 1 && precision is (StatePrecision.BFloat16 or StatePrecision.Float8)) // what states start with may be rounded
                    packedValues.CopyTo(plainValues, 0);
                Assert.Equal(plainValues, packedValues);
                reference.LoadStateDict(small.StateDict());
                GroupChanges.For(reference).SetPrecision(reference, StatePrecision.Compute);
                if (small.StateOf(packed) is not { } state)
                    continue; // SGD without momentum
                foreach (string key in state.TensorKeys.Where(key => state.Tensor(key).Length == packedValues.Length))
                    Assert.Equal(state.Tensor(key), reference.StateOf(plain)!.Tensor(key));
            }
        }
    }

    public static TheoryData<string, string> Laws
    {
        get
        {
            var rows = new TheoryData<string, string>();
            foreach (string optimizer in (string[])["AdamW", "SGD", "Lion", "RMSprop", "LAMB", "Prodigy", "AdamWScheduleFree", "Muon"])
            {
                foreach (var law in OptimizerLaws.All.Where(law => law != OptimizerLaws.Cuts && law != OptimizerLaws.NotANumber))
                    rows.Add(optimizer, law.Name);
            }
            return rows;
        }
    }

    [Theory]
    [MemberData(nameof(Laws))]
    public void Laws_are_kept(string optimizer, string law)
    {
        var kind = OptimizerDriver.For(optimizer).Type;
        var options = new LawOptions
        {
            Elementwise = false,
            SumsOverAll = OptimizerSamples.SumsOverAll(kind),
            ElementTypes = [ElementType.Float32, ElementType.BFloat16],
            StatePrecisions = Packed,
            Sizes = law == nameof(OptimizerLaws.Threads) ? [70_000, 4097, 40] : [4352, 4097, 40],
            Steps = 2,
            Alone = true,
        };
        OptimizerLaws.Named(law).Check(OptimizerSamples.Create(kind, OptimizerSamples.SmallStateOptionSets(kind).First()), options);
    }

    /// <summary>bitsandbytes' 8-bit AdamW, written out in PyTorch (tools/fixtures/make_packed.py).</summary>
    [Fact]
    public void AdamW_in_8_bits_steps_as_in_PyTorch()
    {
        var saved = Checkpoint.Load(Path.Combine(GoldenFiles.RepositoryRoot(), "tests", "fixtures", "packed", "packed.torch")).GetDict("adamw");
        float[] values = ((TensorData)saved["start"]!).ToArray<float>();
        var w = Parameter.Of("w", values);
        using var optimizer = new AdamW([w], new() { LearningRate = 1e-2, WeightDecay = 0.1, StatePrecision = StatePrecision.Dynamic8 });
        foreach (var (gradient, after) in saved.GetList("gradients").Zip(saved.GetList("parameters")))
        {
            w.Gradient = ((TensorData)gradient!).ToArray<float>();
            optimizer.Step();
            float[] expected = ((TensorData)after!).ToArray<float>();
            for (int i = 0; i < values.Length; i++)
                Assert.Equal(expected[i], values[i], 2e-6f);
        }
        var state = optimizer.StateDict().GetDict("state").GetDict(0);
        foreach (string key in (string[])["exp_avg", "exp_avg_sq"])
        {
            float[] scales = ((TensorData)saved[$"{key}.scale"]!).ToArray<float>();
            Assert.All(((TensorData)state.GetDict(key)["scale"]!).ToArray<float>().Zip(scales), pair => Assert.Equal(pair.Second, pair.First, 1e-6f * pair.Second));
            byte[] codes = ((TensorData)state.GetDict(key)["codes"]!).ToArray<byte>(), expected = ((TensorData)saved[key]!).ToArray<byte>();
            Assert.InRange(codes.Zip(expected).Count(pair => pair.First != pair.Second), 0, 5); // where the last bit of an average decides
            Assert.All(codes.Zip(expected), pair => Assert.InRange(pair.First - pair.Second, -1, 1));
        }
    }

    /// <summary>What the page says of slow averages: 8 bits follow them, bfloat16 does not.</summary>
    [Fact]
    public void Averages_of_squares_fall_in_8_bits_and_stand_still_in_bfloat16()
    {
        var averages = new Dictionary<StatePrecision, double>();
        foreach (var precision in (StatePrecision[])[StatePrecision.Compute, StatePrecision.Dynamic8, StatePrecision.BFloat16])
        {
            var w = Parameter.Of("w", new float[4096]);
            using var optimizer = new AdamW([w], new() { StatePrecision = precision });
            for (int step = 0; step < 5000; step++)
            {
                var random = new Random(step % 7);
                foreach (ref float g in w.UseGradient())
                    g = random.NextSingle() * (step < 100 ? 1 : 0.01f);
                optimizer.Step();
            }
            averages[precision] = optimizer.StateOf(w)!.Tensor("exp_avg_sq").Average();
        }
        Assert.InRange(averages[StatePrecision.Dynamic8] / averages[StatePrecision.Compute], 0.95, 1.05);
        Assert.InRange(averages[StatePrecision.BFloat16] / averages[StatePrecision.Compute], 100, 140);
    }

    [Fact]
    public void Few_bits_are_few_bytes_and_small_parameters_and_exact_states_stay_as_they_are()
    {
        var large = Parameter.Of("large", new float[100_000]);
        var small = Parameter.Of("small", new float[4095]);
        large.UseGradient().Fill(1);
        small.UseGradient().Fill(1);
        foreach (var (precision, bytes) in new[] { (StatePrecision.Dynamic8, 2 * (1 + 4 / 256.0)), (StatePrecision.Linear4, 2 * (0.5 + 4 / 128.0)), (StatePrecision.Float8, 2 * (1 + 4 / 256.0)), (StatePrecision.BFloat16, 4) })
        {
            using var adam = new AdamW([large, small], new() { StatePrecision = precision });
            adam.Step();
            Assert.Equal(bytes, adam.StateOf(large)!.Bytes / 100_000.0, 0.001);
            Assert.Equal(precision == StatePrecision.BFloat16 ? 4 * 4095 : 8 * 4095, adam.StateOf(small)!.Bytes);
            Assert.Equal(precision == StatePrecision.BFloat16 ? ElementType.BFloat16 : ElementType.UInt8, adam.StateOf(large)!.TypeOf("exp_avg"));
            using var free = new SGDScheduleFree([large], new() { StatePrecision = precision });
            free.Step();
            Assert.Equal(ElementType.Float32, free.StateOf(large)!.TypeOf("z")); // weights
        }
    }

    [Fact]
    public void State_is_converted_when_the_optimizer_that_loads_it_keeps_it_otherwise()
    {
        var w = Parameter.Of("w", new float[5000]);
        float[] gradient = new float[5000];
        Fill(gradient, 3);
        w.Gradient = gradient;
        foreach (var from in Enum.GetValues<StatePrecision>())
        {
            using var one = new AdamW([w], new() { StatePrecision = from });
            one.Step();
            one.Step();
            var state = one.StateDict();
            foreach (var to in Enum.GetValues<StatePrecision>())
            {
                using var other = new AdamW([w], new() { StatePrecision = to });
                Assert.True(other.LoadStateDict(state).IsComplete);
                Assert.Equal(2, other.StateOf(w)!.Step);
                double[] before = one.StateOf(w)!.Tensor("exp_avg"), after = other.StateOf(w)!.Tensor("exp_avg");
                double largest = before.Max(Math.Abs), error = before.Zip(after).Max(pair => Math.Abs(pair.First - pair.Second)) / largest;
                double bound = to switch { _ when from == to => 0, StatePrecision.Compute or StatePrecision.Parameter => 0, StatePrecision.BFloat16 => 1.0 / 256, StatePrecision.Linear4 => 0.12, _ => 0.04 };
                Assert.InRange(error, 0, bound);
            }
        }
    }

    [Fact]
    public void What_cannot_be_is_refused_by_name()
    {
        var wide = Parameter.Of("wide", new double[5000]);
        var complex = Parameter.Of("z", new Complex64[5000]);
        var options = new AdamWOptions { StatePrecision = StatePrecision.Dynamic8 };
        Assert.Equal("StatePrecision.Dynamic8 is for parameters in Float32, Float16 or BFloat16, but parameter 'wide' [5000] Float64 is not. (Parameter 'parameter')", Assert.Throws<ArgumentException>(() => new AdamW([wide], options)).Message);
        Assert.Contains("but parameter 'z' [5000] Complex64 is not", Assert.Throws<ArgumentException>(() => new AdamW([complex], options)).Message, StringComparison.Ordinal);
        Assert.Contains("StatePrecision must be one of Compute, Parameter, BFloat16, Dynamic8, Linear4, Float8, but is 77", Assert.Throws<ArgumentException>(() => new AdamW([Parameter.Of("w", new float[1])], options with { StatePrecision = (StatePrecision)77 })).Message, StringComparison.Ordinal);

        Assert.Contains("StatePrecision must be Compute or Parameter with Centered, which takes one average from another, but is Dynamic8",
            Assert.Throws<ArgumentException>(() => new RMSprop([Parameter.Of("w", new float[5000])], new() { Centered = true, StatePrecision = StatePrecision.Dynamic8 })).Message, StringComparison.Ordinal);

        float[] table = new float[5000];
        var rows = Parameter.Of("table", table, 1000, 5);
        rows.SparseGradient = new(new long[] { 3 }, new float[] { 1, 2, 3, 4, 5 });
        using var adagrad = new Adagrad([rows], new() { StatePrecision = StatePrecision.Dynamic8 });
        Assert.Contains("Parameter 'table' [1000, 5] Float32 has a sparse gradient, but its state is kept in blocks (StatePrecision.Dynamic8), which rows would cut", Assert.Throws<InvalidOperationException>(() => adagrad.Step()).Message, StringComparison.Ordinal);
        Assert.All(table, value => Assert.Equal(0, value));
        Assert.Null(adagrad.StateOf(rows));
    }

    [Fact]
    public void A_saved_state_that_does_not_fit_itself_is_refused()
    {
        var w = Parameter.Of("w", new float[5000]);
        w.UseGradient().Fill(1);
        using var optimizer = new AdamW([w], new() { StatePrecision = StatePrecision.Dynamic8 });
        optimizer.Step();
        foreach (var (key, value, message) in new (string, object?, string)[]
        {
            ("precision", "Dynamic9", "'state.0.exp_avg.precision' must be Dynamic8, Linear4, Float8"),
            ("precision", "Linear4", "'state.0.exp_avg.codes' must be a tensor of 2500 elements in UInt8"),
            ("scale", TensorData.Of([.. Enumerable.Repeat(1f, 17), -1f, 1f, 1f], 20), "'state.0.exp_avg.scale' must be ≥ 0 and not infinite, but that of block 17 is -1"),
            ("scale", TensorData.Of([.. Enumerable.Repeat(1f, 19), float.PositiveInfinity], 20), "'state.0.exp_avg.scale' must be ≥ 0 and not infinite, but that of block 19 is"),
            ("scale", TensorData.Of(new float[19], 19), "'state.0.exp_avg.scale' must be a tensor of 20 elements in Float32"),
            ("qmap", TensorData.Of(new float[256], 256), "'state.0.exp_avg.qmap' must be the values of Dynamic8's codes"),
            ("shape", new long[] { 2, 2500 }, "'state.0.exp_avg' must be [5000] for parameter 'w'"),
        })
        {
            var state = optimizer.StateDict();
            state.GetDict("state").GetDict(0).GetDict("exp_avg")[key] = value;
            Assert.Contains(message, Assert.Throws<StateDictException>(() => optimizer.LoadStateDict(state)).Message, StringComparison.Ordinal);
        }
        Assert.Equal(1, optimizer.StateOf(w)!.Step);
    }

    [Theory]
    [InlineData(true, 256)] // as bitsandbytes saves it now
    [InlineData(false, 256)]
    [InlineData(false, 2048)] // before 0.44
    public void States_of_bitsandbytes_are_read(bool nested, int block)
    {
        var saved = Checkpoint.Load(Path.Combine(GoldenFiles.RepositoryRoot(), "tests", "fixtures", "packed", "packed.torch"));
        var adamw = saved.GetDict("adamw");
        var w = Parameter.Of("w", ((TensorData)adamw["start"]!).ToArray<float>());
        var tensors = new StateDict();
        foreach (var (number, key, map) in new[] { (1, "exp_avg", "signed"), (2, "exp_avg_sq", "unsigned") })
        {
            tensors[$"state{number}"] = adamw[key];
            tensors[$"qmap{number}"] = saved[map];
            tensors[$"absmax{number}"] = block == 256 ? adamw[$"{key}.scale"] : TensorData.Of(((TensorData)adamw[$"{key}.scale"]!).ToArray<float>().Where((_, i) => i % 8 == 0).ToArray(), 3);
        }
        var state = new StateDict { { "step", 8 } };
        if (nested)
            state["__bnb_optimizer_quant_state__"] = tensors;
        foreach (var (key, value) in nested ? [] : tensors)
            state[key] = value;
        var group = new StateDict { { "lr", 0.01 }, { "betas", new[] { 0.9, 0.999 } }, { "eps", 1e-8 }, { "weight_decay", 0.1 }, { "alpha", 0.0 }, { "params", new[] { 0 } } };
        using var optimizer = new AdamW([w], new() { StatePrecision = StatePrecision.Dynamic8 });
        optimizer.LoadStateDict(new() { { "state", new StateDict { { 0, state } } }, { "param_groups", new[] { group } } }, new() { Unexpected = UnexpectedState.Drop });
        Assert.Equal(0.1, optimizer.ParameterGroups[0].Options.WeightDecay);
        Assert.Equal(8, optimizer.StateOf(w)!.Step);
        float[] values = ((TensorData)saved["signed"]!).ToArray<float>(), scales = ((TensorData)tensors["absmax1"]!).ToArray<float>();
        byte[] codes = ((TensorData)adamw["exp_avg"]!).ToArray<byte>();
        double[] read = optimizer.StateOf(w)!.Tensor("exp_avg");
        for (int i = 0; i < codes.Length; i++)
            Assert.Equal(values[codes[i]] * scales[i / block], read[i], block == 256 ? 0 : 0.02 * scales[i / block]); // older blocks are encoded anew

        using var again = new AdamW([w], new() { StatePrecision = StatePrecision.Dynamic8 });
        Assert.True(again.LoadStateDict(BitsAndBytes.ToStateDict(optimizer.StateDict())).IsComplete);
        Assert.Equal(read, again.StateOf(w)!.Tensor("exp_avg"));
        using var single = new AdamW([w], new());
        Assert.True(single.LoadStateDict(BitsAndBytes.ToStateDict(again.StateDict())).IsComplete);
        Assert.Equal(read, single.StateOf(w)!.Tensor("exp_avg"));
    }

    [Fact]
    public void A_parameter_of_one_number_has_bitsandbytes_names_too()
    {
        var w = Parameter.Of("w", new float[1]);
        w.UseGradient().Fill(1);
        using var optimizer = new AdamW([w]);
        optimizer.Step();
        var tensors = BitsAndBytes.ToStateDict(optimizer.StateDict()).GetDict("state").GetDict(0).GetDict("__bnb_optimizer_quant_state__");
        Assert.Equal(["state1", "state2"], tensors.Keys.Select(key => key.Name));
    }

    [Fact]
    public void Weights_in_a_state_stay_exact_when_the_model_moves()
    {
        float[] values = new float[5000];
        Fill(values, 5);
        var w = Parameter.Of("w", values);
        w.UseGradient().Fill(0.3f);
        using var optimizer = new SGDScheduleFree([w], new() { StatePrecision = StatePrecision.BFloat16 });
        optimizer.Step();
        double[] before = optimizer.StateOf(w)!.Tensor("z");
        var half = Parameter.Of("w", new BFloat16[5000]);
        optimizer.Rebind([half]);
        Assert.Equal(ElementType.Float32, optimizer.StateOf(half)!.TypeOf("z"));
        Assert.Equal(before, optimizer.StateOf(half)!.Tensor("z"));
    }

    [Fact]
    public void States_that_bitsandbytes_does_not_have_are_refused()
    {
        var w = Parameter.Of("w", new float[5000]);
        w.UseGradient().Fill(1);
        using var three = new AdamW([w], new() { AMSGrad = true, StatePrecision = StatePrecision.Dynamic8 });
        three.Step();
        Assert.Contains("'state.0.max_exp_avg_sq' is a third tensor", Assert.Throws<StateDictException>(() => BitsAndBytes.ToStateDict(three.StateDict())).Message, StringComparison.Ordinal);
        using var four = new AdamW([w], new() { StatePrecision = StatePrecision.Linear4 });
        four.Step();
        Assert.Contains("must be Dynamic8 for bitsandbytes, but is Linear4", Assert.Throws<StateDictException>(() => BitsAndBytes.ToStateDict(four.StateDict())).Message, StringComparison.Ordinal);
        using var eight = new AdamW([w], new() { StatePrecision = StatePrecision.Dynamic8 });
        eight.Step();
        var state = BitsAndBytes.ToStateDict(eight.StateDict());
        state.GetDict("state").GetDict(0).GetDict("__bnb_optimizer_quant_state__")["absmax1"] = TensorData.Of(new float[7], 7);
        Assert.Contains("must have a number for each block of 256, or of 2048, but has 7 for 5000 codes", Assert.Throws<StateDictException>(() => eight.LoadStateDict(state)).Message, StringComparison.Ordinal);
    }

    static void Fill(float[] numbers, int seed)
    {
        var random = new Random(seed);
        for (int i = 0; i < numbers.Length; i++)
            numbers[i] = (random.NextSingle() * 2 - 1) * MathF.Pow(10, -4 * random.NextSingle());
    }
}
