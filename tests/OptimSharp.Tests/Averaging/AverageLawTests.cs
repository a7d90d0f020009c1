using OptimSharp.Tests.Support;

namespace OptimSharp.Tests.Averages;

/// <summary>An update's bits do not depend on how it is computed, and a warm one allocates nothing.</summary>
[Collection(Alone.Name)]
public class AverageLawTests
{
    static readonly int[] Sizes = [20_001, 1, 64, 0, 3, 65, 50_003, 511, 512, 513, 10_327];

    public static TheoryData<string, StatePrecision> Ways => new() { { "equal", StatePrecision.Compute }, { "equal", StatePrecision.Parameter }, { "ema", StatePrecision.Compute }, { "ema", StatePrecision.Parameter } };

    [Theory]
    [MemberData(nameof(Ways))]
    public void Neither_lanes_nor_threads_nor_cuts_change_bits(string average, StatePrecision precision)
    {
        var expected = Run(average, precision, Sizes, threads: 1, wide: true);
        Assert.Equal(expected, Run(average, precision, Sizes, threads: 1, wide: false));
        Assert.Equal(expected, Run(average, precision, Sizes, threads: 2, wide: true));
        Assert.Equal(expected, Run(average, precision, Sizes, threads: 7, wide: true));
        Assert.Equal(expected, Run(average, precision, [7, Sizes.Sum() - 7], threads: 2, wide: true));
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public void A_warm_update_allocates_nothing(string average, StatePrecision precision)
    {
        foreach (int threads in new[] { 1, 2 })
        {
            using var scope = new ExecutionScope(threads);
            var model = Enumerable.Range(0, 200).Select(i => (i % 4) switch
            {
                0 => (Parameter)Parameter.Of($"p{i}", new float[400]),
                1 => Parameter.Of($"p{i}", new double[400]),
                2 => Parameter.Of($"p{i}", new Half[400]),
                _ => Parameter.Of($"p{i}", new BFloat16[400]),
            }).ToArray();
            using var averages = new AveragedParameters(model[..150], Of(average), new() { Precision = precision }, model[150..]);
            long least = long.MaxValue;
            for (int attempt = 0; attempt < 5 && least > 0; attempt++)
            {
                for (int i = 0; i < 3; i++)
                    averages.Update();
                long before = GC.GetTotalAllocatedBytes(precise: true);
                for (int i = 0; i < 100; i++)
                    averages.Update();
                least = Math.Min(least, GC.GetTotalAllocatedBytes(precise: true) - before);
            }
            Assert.Equal(0, least);
        }
    }

    static Averaging Of(string average) => average == "ema" ? Averaging.Ema(0.99) : Averaging.Equal;

    /// <summary>The bits of all averages after four updates, of parameters of three types.</summary>
    static ulong[] Run(string average, StatePrecision precision, int[] sizes, int threads, bool wide)
    {
        using var scope = new ExecutionScope(threads, wide);
        int total = sizes.Sum();
        float[] singles = new float[total];
        double[] doubles = new double[total];
        BFloat16[] halves = new BFloat16[total];
        var model = new List<Parameter>();
        int first = 0;
        foreach (int size in sizes)
        {
            model.Add(Parameter.Of($"s{model.Count}", singles.AsMemory(first, size), size));
            model.Add(Parameter.Of($"d{model.Count}", doubles.AsMemory(first, size), size));
            model.Add(Parameter.Of($"h{model.Count}", halves.AsMemory(first, size), size));
            first += size;
        }
        using var averages = new AveragedParameters(model, Of(average), new() { Precision = precision });
        var random = new Random(11);
        for (int update = 0; update < 4; update++)
        {
            for (int i = 0; i < total; i++)
            {
                doubles[i] = (random.NextDouble() - 0.5) * Math.Pow(10, i % 9 - 4);
                singles[i] = (float)doubles[i];
                halves[i] = (BFloat16)singles[i];
            }
            averages.Update();
        }
        return [.. "sdh".SelectMany(kind => averages.Names.Where(name => name[0] == kind)).SelectMany(name => averages.Average(name).ToDoubles()).Select(BitConverter.DoubleToUInt64Bits)];
    }
}
