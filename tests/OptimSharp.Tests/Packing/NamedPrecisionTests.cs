using OptimSharp.Tests.Support;

namespace OptimSharp.Tests.Packing;

/// <summary>Precisions of single states, by their names.</summary>
[Collection(Alone.Name)]
public class NamedPrecisionTests
{
    public static TheoryData<StatePrecision, StatePrecision> Pairs
    {
        get
        {
            var pairs = new TheoryData<StatePrecision, StatePrecision>();
            foreach (var first in Enum.GetValues<StatePrecision>())
            {
                foreach (var second in Enum.GetValues<StatePrecision>())
                    pairs.Add(first, second);
            }
            return pairs;
        }
    }

    /// <summary>A step is that of state in single precision, between decoding and encoding, whatever each state is kept in.</summary>
    [Theory]
    [MemberData(nameof(Pairs))]
    public void Each_state_is_kept_in_its_own(StatePrecision first, StatePrecision second)
    {
        float[] values = Numbers(5000, 1), plainValues = [.. values];
        Parameter<float> w = Parameter.Of("w", values), plain = Parameter.Of("w", plainValues);
        using var named = new AdamW([w], new() { StatePrecision = first, StatePrecisionByName = [("exp_avg_sq", second)] });
        using var reference = new AdamW([plain], new());
        for (int step = 1; step <= 4; step++)
        {
            plain.Gradient = w.Gradient = Numbers(5000, 10 + step);
            named.Step();
            reference.Step();
            Assert.Equal(plainValues, values);
            var (state, theirs) = (named.StateOf(w)!, reference.StateOf(plain)!);
            foreach (var (name, precision) in new[] { ("exp_avg", first), ("exp_avg_sq", second) })
            {
                using var alone = new AdamW([w], new() { StatePrecision = precision }); // what all states in one precision make of these numbers
                alone.LoadStateDict(reference.StateDict());
                Assert.Equal(alone.StateOf(w)!.TypeOf(name), state.TypeOf(name));
                Assert.Equal(alone.StateOf(w)!.Tensor(name), state.Tensor(name));
            }
            reference.LoadStateDict(named.StateDict());
        }
    }

    [Theory]
    [InlineData("Threads")]
    [InlineData("Lanes")]
    [InlineData("AllOrNothing")]
    [InlineData("Allocations")]
    [InlineData("Resuming")]
    public void Laws_are_kept(string law) => OptimizerLaws.Named(law).Check(
        parameters => new AdamW(parameters, new() { AMSGrad = true, StatePrecisionByName = [("exp_avg", StatePrecision.Dynamic8), ("max_exp_avg_sq", StatePrecision.BFloat16)] }),
        new() { Elementwise = false, ElementTypes = [ElementType.Float32, ElementType.BFloat16], StatePrecisions = [StatePrecision.Compute], Sizes = law == "Threads" ? [70_000, 4097, 40] : [4352, 4097, 40], Steps = 2, Alone = true });

    [Fact]
    public void Whole_tensor_rules_groups_and_plans_follow_names()
    {
        float[] large = new float[80 * 64];
        var matrix = Parameter.Of("matrix", large, 80, 64);
        matrix.Gradient = Numbers(large.Length, 3);
        using var soap = new SOAP([matrix], new() { MaxPreconditionerDimension = 1, StatePrecisionByName = [("exp_avg", StatePrecision.Linear4)] });
        soap.Step();
        soap.Step();
        Assert.Equal([new("exp_avg", 80 * 64 / 2 + 80 * 64 / 128 * 4), new("exp_avg_sq", 80 * 64 * 4)], soap.MemoryReport().StateByName.Where(x => x.Key.StartsWith("exp", StringComparison.Ordinal)));

        var rules = new GroupRules<AdamWOptions>().For("**", o => o with { StatePrecisionByName = [("exp_avg", StatePrecision.Dynamic8)] });
        using var grouped = new AdamW(rules.Of([matrix]), new());
        grouped.Step();
        Assert.Equal((ElementType.UInt8, ElementType.Float32), (grouped.StateOf(matrix)!.TypeOf("exp_avg"), grouped.StateOf(matrix)!.TypeOf("exp_avg_sq")));
        var option = Assert.Single(Assert.Single(grouped.Audit().Rows).Options);
        Assert.Equal(("StatePrecisionByName", "[exp_avg: Dynamic8]"), (option.Key, option.Value));

        using var plan = new AdamW([Parameter.Meta("matrix", [80, 64])], new() { StatePrecisionByName = [("exp_avg", StatePrecision.Dynamic8)] });
        Assert.Equal(grouped.MemoryReport().Entries, plan.MemoryReport().Entries);
    }

    [Fact]
    public void State_is_converted_name_by_name_and_goes_on_with_the_same_bits()
    {
        float[] values = Numbers(5000, 5), otherValues = [.. values];
        Parameter<float> w = Parameter.Of("w", values), other = Parameter.Of("w", otherValues);
        AdamWOptions options = new() { StatePrecisionByName = [("exp_avg", StatePrecision.Linear4), ("exp_avg_sq", StatePrecision.Dynamic8)] };
        using var first = new AdamW([w], options);
        Step(first, w, 6);
        using var resumed = new AdamW([other], options);
        values.CopyTo(otherValues, 0);
        Assert.True(resumed.LoadStateDict(first.StateDict()).IsComplete);
        Step(first, w, 7);
        Step(resumed, other, 7);
        Assert.Equal(values, otherValues);

        using var converted = new AdamW([other], new() { StatePrecisionByName = [("exp_avg_sq", StatePrecision.Dynamic8)] });
        converted.LoadStateDict(first.StateDict());
        Assert.Equal((ElementType.Float32, ElementType.UInt8), (converted.StateOf(other)!.TypeOf("exp_avg"), converted.StateOf(other)!.TypeOf("exp_avg_sq")));
        Assert.Equal(first.StateOf(w)!.Tensor("exp_avg"), converted.StateOf(other)!.Tensor("exp_avg"));
        Assert.Equal(first.StateOf(w)!.Tensor("exp_avg_sq"), converted.StateOf(other)!.Tensor("exp_avg_sq"));

        var half = Parameter.Of("w", new BFloat16[5000]);
        converted.Rebind([half]);
        Assert.Equal((ElementType.Float32, ElementType.UInt8), (converted.StateOf(half)!.TypeOf("exp_avg"), converted.StateOf(half)!.TypeOf("exp_avg_sq")));

        static void Step(AdamW optimizer, Parameter<float> parameter, int seed)
        {
            parameter.Gradient = Numbers(5000, seed);
            optimizer.Step();
        }
    }

    [Fact]
    public void Sparse_rows_take_what_is_not_in_blocks()
    {
        float[] named = Numbers(5000, 8), all = [.. named];
        Parameter<float> one = Parameter.Of("table", named, 1000, 5), other = Parameter.Of("table", all, 1000, 5);
        one.SparseGradient = other.SparseGradient = new(new long[] { 3, 900 }, Numbers(10, 9));
        using var byName = new SparseAdam([one], new() { StatePrecisionByName = [("exp_avg", StatePrecision.BFloat16), ("exp_avg_sq", StatePrecision.BFloat16)] });
        using var inAll = new SparseAdam([other], new() { StatePrecision = StatePrecision.BFloat16 });
        for (int i = 0; i < 3; i++)
        {
            byName.Step();
            inAll.Step();
        }
        Assert.Equal(all, named);
        using var packed = new SparseAdam([one], new() { StatePrecisionByName = [("exp_avg_sq", StatePrecision.Float8)] });
        Assert.Contains("its state is kept in blocks (StatePrecision.Float8), which rows would cut", Assert.Throws<InvalidOperationException>(packed.Step).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Names_that_there_are_not_are_refused_with_those_that_there_are()
    {
        var w = Parameter.Of("w", new float[5000]);
        const string Wrong = "AdamW has no state 'momentum_buffer' whose precision can be chosen; it has: exp_avg, exp_avg_sq, max_exp_avg_sq.";
        AdamWOptions options = new() { StatePrecisionByName = [("momentum_buffer", StatePrecision.Dynamic8)] };
        Assert.StartsWith(Wrong, Assert.Throws<ArgumentException>(() => new AdamW([w], options)).Message, StringComparison.Ordinal);
        using var optimizer = new AdamW([w]);
        Assert.StartsWith(Wrong, Assert.Throws<ArgumentException>(() => optimizer.ParameterGroups[0].Options = options).Message, StringComparison.Ordinal);
        Assert.StartsWith(Wrong, Assert.Throws<ArgumentException>(() => optimizer.AddParameterGroup(new([Parameter.Of("b", new float[2])], _ => options))).Message, StringComparison.Ordinal);
        Assert.Empty(optimizer.ParameterGroups.Skip(1));
        Refused("LBFGS has no state 'd' whose precision can be chosen; it has: none.", () => new LBFGS([w], new() { StatePrecisionByName = [("d", StatePrecision.BFloat16)] }));
        Refused("SOAP has no state 'GG' whose precision can be chosen", () => new SOAP([w], new() { StatePrecisionByName = [("GG", StatePrecision.BFloat16)] }));
        Refused("The precision of AdamWScheduleFree's state 'z' must be Compute or Parameter, because its last bits count, but is Dynamic8.", () => new AdamWScheduleFree([w], new() { StatePrecisionByName = [("z", StatePrecision.Dynamic8)] }));
        var matrix = Parameter.Of("m", new float[5000], 50, 100);
        Refused("The precision of Adafactor's state 'row_var' can't be Linear4", () => new Adafactor([matrix], new() { StatePrecisionByName = [("row_var", StatePrecision.Linear4)] }));
        using var mixed = new Adafactor([new([w]), new([matrix])], new() { StatePrecisionByName = [("row_var", StatePrecision.BFloat16)] }); // a name of some parameters' states
        Refused("StatePrecision.Dynamic8 is for parameters in Float32, Float16 or BFloat16, but parameter 'wide' [5000] Float64 is not.", () => new AdamW([Parameter.Of("wide", new double[5000])], new() { StatePrecisionByName = [("exp_avg", StatePrecision.Dynamic8)] }));
        Refused("The state 'exp_avg' has two precisions: Dynamic8 and Linear4", () => StatePrecisions.Of([("exp_avg", StatePrecision.Dynamic8), ("exp_avg", StatePrecision.Linear4)]));
        Refused("must be one of Compute, Parameter", () => StatePrecisions.Of([("exp_avg", (StatePrecision)77)]));
        Refused("Precisions by name are null", () => new AdamWOptions { StatePrecisionByName = null! });

        static void Refused(string message, Func<object> make) => Assert.Contains(message, Assert.ThrowsAny<ArgumentException>(() => make()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Of_RMSprop_centered_the_momentum_may_be_in_few_bits()
    {
        var w = Parameter.Of("w", new float[5000]);
        w.Gradient = Numbers(5000, 2);
        RMSpropOptions centered = new() { Centered = true, Momentum = 0.9 };
        using var optimizer = new RMSprop([w], centered with { StatePrecisionByName = [("momentum_buffer", StatePrecision.Dynamic8)] });
        optimizer.Step();
        Assert.Equal(["Float32", "Dynamic8"], optimizer.MemoryReport().StateByPrecision.Keys);
        Assert.Contains("with Centered, which takes one average from another, but is Float8", Assert.Throws<ArgumentException>(() => new RMSprop([w], centered with { StatePrecisionByName = [("grad_avg", StatePrecision.Float8)] })).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Options_with_the_same_precisions_are_equal()
    {
        Assert.Equal(
            new AdamWOptions { StatePrecisionByName = [("b", StatePrecision.Dynamic8), ("a", StatePrecision.Float8)] },
            new AdamWOptions { StatePrecisionByName = [("a", StatePrecision.Float8), ("b", StatePrecision.Dynamic8)] });
        StatePrecisions one = [("a", StatePrecision.Float8)];
        Assert.Equal("[a: Float8]", one.ToString());
        Assert.Equal((StatePrecision.Float8, null), (one.Find("a"), one.Find("b")));
        Assert.Equal((StatePrecision.Float8, StatePrecision.BFloat16), (new AdamWOptions { StatePrecision = StatePrecision.BFloat16, StatePrecisionByName = one } is var o ? (o.PrecisionOf("a"), o.PrecisionOf("b")) : default));
        Assert.NotEqual(one, [("a", StatePrecision.Linear4)]);
    }

    static float[] Numbers(int count, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ => (float)((random.NextDouble() - 0.5) * Math.Exp(6 * random.NextDouble() - 6)))];
    }
}
