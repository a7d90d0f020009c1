using System.Numerics;
using OptimSharp.Tests.Support;

namespace OptimSharp.Tests.GradientTests;

/// <summary>Clipping beyond PyTorch's cases: determinism, large numbers, bad input.</summary>
[Collection(Alone.Name)]
public class GradientsTests
{
    [Theory]
    [InlineData(2)]
    [InlineData(1)]
    [InlineData(double.PositiveInfinity)]
    [InlineData(3)]
    [InlineData(0.5)]
    public void Any_number_of_threads_and_any_width_give_the_same_bits(double order)
    {
        var outcomes = new List<(double Norm, float[][] Gradients)>();
        foreach (var (threads, wide) in new[] { (1, true), (2, true), (7, true), (1, false) })
        {
            using var scope = new ExecutionScope(threads, wide);
            int[] sizes = [200_003, 0, 1, 4096, 4097, 50_000, 17];
            var parameters = sizes.Select((n, i) => Made(Array.ConvertAll(Numbers.Tame(n, (ulong)i), x => (float)x))).ToArray();
            double norm = Gradients.ClipNorm(parameters, 0.25, order);
            outcomes.Add((norm, [.. parameters.Select(p => p.Gradient!.Value.ToArray())]));
        }
        foreach (var (norm, gradients) in outcomes)
        {
            Assert.Equal(outcomes[0].Norm, norm);
            Assert.Equal(outcomes[0].Gradients, gradients);
        }
    }

    [Fact]
    public void A_tensor_split_in_chunks_at_the_same_places_gives_the_same_norm()
    {
        float[] numbers = Array.ConvertAll(Numbers.Tame(3 * 4096, 5), x => (float)x);
        double whole = Gradients.Norm([Made(numbers)]);
        double split = Gradients.Norm([Made(numbers[..4096]), Made(numbers[4096..8192]), Made(numbers[8192..])]);
        Assert.Equal(whole, split);
    }

    [Fact]
    public void The_norm_is_near_that_of_all_numbers_in_one_exact_sum()
    {
        double[] numbers = Numbers.Tame(100_000, 6);
        double exact = Math.Sqrt(numbers.Select(x => (float)x).Sum(x => (double)x * x));
        Assert.Equal(exact, Gradients.Norm([Made(Array.ConvertAll(numbers, x => (float)x))]), exact * 1e-12);
    }

    [Fact]
    public void Large_singles_do_not_overflow()
    {
        var parameter = Made(1e30f, -1e30f);
        Assert.Equal(Math.Sqrt(2) * 1e30f, Gradients.ClipNorm([parameter], 1), 1e23);
        Assert.Equal([(float)Math.Sqrt(0.5), (float)-Math.Sqrt(0.5)], parameter.Gradient!.Value.ToArray(), (a, b) => Math.Abs(a - b) < 1e-6f);
    }

    [Fact]
    public void Nothing_to_clip_is_no_error()
    {
        Assert.Equal(0, Gradients.ClipNorm([], 1));
        Assert.Equal(0, Gradients.ClipNorm([Parameter.Of("w", new float[3])], 1));
        Assert.Equal(0, Gradients.Norm([Made<float>()], 2));
        Gradients.ClipValue([], 1);
    }

    [Fact]
    public void A_sequence_that_can_be_gone_through_once_is_enough()
    {
        var parameter = Made(3f, 4f);
        Assert.Equal(5, Gradients.ClipNorm(Once(), 1));
        Assert.Equal([0.6f, 0.8f], parameter.Gradient!.Value.ToArray(), (a, b) => Math.Abs(a - b) < 1e-6f);

        IEnumerable<Parameter> Once()
        {
            yield return parameter;
        }
    }

    [Fact]
    public void Below_the_limit_not_a_bit_changes()
    {
        var parameter = Made(3f, float.Epsilon, -0f);
        Gradients.ClipNorm([parameter], 5);
        Gradients.ClipValue([parameter], 3);
        Assert.Equal([3f, float.Epsilon, -0f], parameter.Gradient!.Value.ToArray());
    }

    [Fact]
    public void A_norm_that_is_not_finite_throws_on_request_and_names_the_parameter()
    {
        Parameter<float> fine = Made(1f), bad = Made(2f, float.NaN);
        var error = Assert.Throws<InvalidOperationException>(() => Gradients.ClipNorm([fine, bad], 1, throwIfNotFinite: true));
        Assert.Contains("'bad2'", error.Message, StringComparison.Ordinal);
        Assert.Equal([1f], fine.Gradient!.Value.ToArray());

        var huge = Made(1e200, 1e200);
        Assert.Contains("overflow", Assert.Throws<InvalidOperationException>(() => Gradients.ClipNorm([huge], 1, throwIfNotFinite: true)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Repeated_rows_of_a_sparse_gradient_are_limited_by_their_sum()
    {
        var parameter = Parameter.Of("table", new float[8], 4, 2);
        float[] rows = [1, 2, 3, 4, 1, -5];
        parameter.SparseGradient = new(new long[] { 3, 0, 3 }, rows);
        Gradients.ClipValue([parameter], 2.5);
        Assert.Equal([2, -2.5f, 2.5f, 2.5f, -0f, -0f], rows); // row 3: 1 + 1 and 2 − 5
        Assert.Equal(Math.Sqrt(4 + 3 * 6.25), Gradients.Norm([parameter]), 1e-12);
    }

    [Fact]
    public void Scaling_takes_the_mean()
    {
        var parameter = Made((Half)3, (Half)(-1.5));
        Gradients.Scale([parameter], 1.0 / 3);
        Assert.Equal([(Half)1, (Half)(-0.5)], parameter.Gradient!.Value.ToArray());
    }

    [Fact]
    public void Bad_input_is_named_and_changes_nothing()
    {
        var parameter = Made(3f, 4f);
        Fails<ArgumentOutOfRangeException>(() => Gradients.ClipNorm([parameter], -1), "maxNorm must be ≥ 0, but is -1");
        Fails<ArgumentOutOfRangeException>(() => Gradients.ClipNorm([parameter], double.NaN), "NaN");
        Fails<ArgumentOutOfRangeException>(() => Gradients.ClipNorm([parameter], 1, double.NaN), "order");
        Fails<ArgumentOutOfRangeException>(() => Gradients.ClipValue([parameter], -1), "limit must be ≥ 0");
        Fails<ArgumentOutOfRangeException>(() => Gradients.Scale([parameter], double.PositiveInfinity), "factor must be finite");
        Fails<ArgumentException>(() => Gradients.ClipNorm([parameter, parameter], 1), "twice");
        Fails<ArgumentException>(() => Gradients.ClipNorm([parameter, null!], 1), "null");
        Fails<ArgumentNullException>(() => Gradients.ClipNorm(null!, 1), "parameters");
        var complex = Made(new Complex(3, 4));
        Fails<InvalidOperationException>(() => Gradients.ClipValue([parameter, complex], 1), "complex");
        var table = Parameter.Of("table", new float[4], 2, 2);
        table.SparseGradient = new(new long[] { 2 }, new float[2]);
        Fails<InvalidOperationException>(() => Gradients.ClipNorm([parameter, table], 1), "index 2");
        Assert.Equal([3f, 4f], parameter.Gradient!.Value.ToArray());
        Assert.Equal(5, Gradients.ClipNorm([parameter], 1)); // and it still works
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Warm_clipping_allocates_nothing(int threads)
    {
        using var scope = new ExecutionScope(threads);
        Parameter[] parameters = [.. Enumerable.Range(0, 100).Select(i => (Parameter)(i % 2 == 0 ? Made(new float[1000]) : Made(new BFloat16[1000])))];
        var table = Parameter.Of("table", new float[400], 100, 4);
        table.SparseGradient = new(new long[] { 5, 99, 0, 5 }, new float[16]);
        parameters = [.. parameters, table];
        long least = long.MaxValue;
        for (int attempt = 0; attempt < 5 && least > 0; attempt++)
        {
            Clip();
            long before = GC.GetTotalAllocatedBytes(precise: true);
            for (int i = 0; i < 50; i++)
                Clip();
            least = Math.Min(least, GC.GetTotalAllocatedBytes(precise: true) - before);
        }
        Assert.Equal(0, least);

        void Clip()
        {
            Gradients.ClipNorm(parameters, 1);
            Gradients.ClipNorm(parameters, 1, double.PositiveInfinity);
            Gradients.ClipValue(parameters, 1);
        }
    }

    static void Fails<T>(Action action, string part) where T : Exception => Assert.Contains(part, Assert.Throws<T>(action).Message, StringComparison.Ordinal);

    static Parameter<T> Made<T>(params T[] gradient) where T : unmanaged
    {
        var parameter = Parameter.Of(gradient.Length == 2 ? "bad2" : "w", new T[gradient.Length], gradient.Length);
        parameter.Gradient = gradient;
        return parameter;
    }
}
