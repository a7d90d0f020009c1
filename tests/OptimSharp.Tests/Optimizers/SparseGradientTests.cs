using OptimSharp.Conformance;
using OptimSharp.Tests.Support;

namespace OptimSharp.Tests.Optimizers;

public class SparseGradientTests
{
    [Theory]
    [InlineData("SGD", null)]
    [InlineData("SGD", "momentum")]
    [InlineData("Adagrad", null)]
    [InlineData("Adagrad", "lr_decay")]
    public void Sparse_and_dense_gradients_give_the_same_bits(string optimizer, string? option)
    {
        KeyValuePair<string, object?>[] options = option is null ? [new("lr", 0.1)] : [new("lr", 0.1), new(option, 0.5)];
        float[] a = Array.ConvertAll(Numbers.Tame(60, 1), x => (float)x), b = [.. a];
        Parameter<float> sparse = Parameter.Of("sparse", a, 20, 3), dense = Parameter.Of("dense", b, 20, 3);
        using var one = OptimizerDriver.For(optimizer).Create([sparse], options);
        using var other = OptimizerDriver.For(optimizer).Create([dense], options);
        for (int step = 0; step < 6; step++)
        {
            long[] indices = [7, 2, 19, 2, (step * 5) % 20, 7, 7];
            float[] rows = Array.ConvertAll(Numbers.Tame(21, (ulong)step), x => (float)x), full = new float[60];
            for (int i = 0; i < indices.Length; i++)
            {
                for (int j = 0; j < 3; j++)
                    full[indices[i] * 3 + j] += rows[i * 3 + j];
            }
            sparse.SparseGradient = new(indices, rows);
            dense.Gradient = full;
            one.Step();
            other.Step();
        }
        Assert.Equal(b, a);
        foreach (string key in other.StateOf(dense)?.TensorKeys ?? [])
            Assert.Equal(other.StateOf(dense)!.Tensor(key), one.StateOf(sparse)!.Tensor(key));
    }

    [Fact]
    public void Duplicates_are_summed_in_the_order_they_come_whatever_comes_between()
    {
        // In single precision 1e8 + 1 − 1e8 is 0 from the left and (1e8 − 1e8) + 1 = 1: the order given is kept.
        float[] a = [0, 0], b = [0, 0];
        Parameter<float> p = Parameter.Of("a", a), q = Parameter.Of("b", b);
        p.SparseGradient = new((long[])[1, 0, 1, 1], (float[])[1e8f, 5, 1, -1e8f]);
        q.SparseGradient = new((long[])[1, 1, 1, 0], (float[])[1e8f, -1e8f, 1, 5]);
        using var optimizer = new SGD([p, q], new() { LearningRate = 1 });
        optimizer.Step();
        Assert.Equal([-5, 0], a);
        Assert.Equal([-5, -1], b);
    }

    [Fact]
    public void Half_rows_are_summed_in_single_precision_and_rounded_once()
    {
        Half[] values = [(Half)0];
        var parameter = Parameter.Of("w", values, 1);
        // 2048 + 1 rounds back to 2048 in half precision each time; their exact sum is 2050.
        parameter.SparseGradient = new((long[])[0, 0, 0], (Half[])[(Half)2048, (Half)1, (Half)1]);
        using var optimizer = new SGD([parameter], new() { LearningRate = 1 });
        optimizer.Step();
        Assert.Equal(-2050, (double)values[0]);
    }

    [Theory]
    [InlineData("SGD")]
    [InlineData("Adagrad")]
    [InlineData("SparseAdam")]
    public void Rows_without_gradient_are_neither_read_nor_written(string optimizer)
    {
        // NaN in a row that is not touched would spread into it from the state, or stay in a copy.
        double[] values = Enumerable.Repeat(double.NaN, 30).ToArray();
        Array.Fill(values, 1, 3 * 4, 3);
        var parameter = Parameter.Of("table", values, 10, 3);
        using var made = OptimizerDriver.For(optimizer).Create([parameter], []);
        parameter.SparseGradient = new((long[])[4], (double[])[1, 2, 3]);
        made.Step();
        Assert.All(values.Where((_, i) => i / 3 != 4), x => Assert.True(double.IsNaN(x)));
        Assert.All(values.Where((_, i) => i / 3 == 4), x => Assert.True(x < 1));
        foreach (string key in made.StateOf(parameter)?.TensorKeys ?? [])
            Assert.All(made.StateOf(parameter)!.Tensor(key).Where((_, i) => i / 3 != 4), x => Assert.Equal(0, x));
    }

    [Fact]
    public void SparseAdam_counts_an_empty_gradient_as_a_step()
    {
        var parameter = Parameter.Of("w", new float[] { 1, 1 });
        using var optimizer = new SparseAdam([parameter]);
        parameter.SparseGradient = new(default, default);
        optimizer.Step();
        Assert.Equal(1, optimizer.StateOf(parameter)!.Step);
        Assert.Equal([1, 1], parameter.Values.ToArray());
    }

    [Fact]
    public void LBFGS_takes_sparse_gradients_with_their_zeros()
    {
        double[] values = [3, 4, 5];
        var parameter = Parameter.Of("w", values);
        using var optimizer = new LBFGS([parameter], new() { LineSearch = LineSearch.StrongWolfe });
        optimizer.Step(() =>
        {
            parameter.SparseGradient = new((long[])[2, 0, 2], (double[])[values[2], 2 * values[0], values[2]]);
            return values[0] * values[0] + values[2] * values[2];
        });
        Assert.Equal(0, values[0], 1e-6);
        Assert.Equal(4, values[1]);
        Assert.Equal(0, values[2], 1e-6);
    }

    [Theory]
    [MemberData(nameof(Rows.Steppable), MemberType = typeof(Rows))]
    public void The_others_refuse_and_name_the_alternative(string optimizer)
    {
        if (optimizer is "SGD" or "Adagrad")
            return;
        float[] dense = [1, 2, 3, 4], sparse = [1, 2, 3, 4];
        Parameter<float> a = Parameter.Of("dense", dense, 2, 2), b = Parameter.Of("table", sparse, 2, 2);
        using var made = OptimizerDriver.For(optimizer).Create([a, b], []);
        a.UseGradient().Fill(1);
        b.SparseGradient = new((long[])[1], (float[])[1, 1]);
        var error = Assert.Throws<InvalidOperationException>(made.Step);
        Assert.Equal($"{optimizer} does not take sparse gradients. SparseAdam, Adagrad, SGD and LBFGS do; or give a dense one. (Parameter 'table' [2, 2] Float32.)", error.Message);
        Assert.Equal([1, 2, 3, 4], dense);
        Assert.Null(made.StateOf(a));
    }

    [Theory]
    [InlineData("SGD", "SGD's weight decay moves every row and does not go with sparse gradients")]
    [InlineData("Adagrad", "Adagrad's weight decay moves every row and does not go with sparse gradients")]
    public void With_weight_decay_too(string optimizer, string message)
    {
        var parameter = Parameter.Of("table", new float[4], 2, 2);
        using var made = OptimizerDriver.For(optimizer).Create([parameter], [new("weight_decay", 0.1)]);
        parameter.SparseGradient = new((long[])[1], (float[])[1, 1]);
        Assert.StartsWith(message, Assert.Throws<InvalidOperationException>(made.Step).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void SparseAdam_refuses_dense_gradients()
    {
        var parameter = Parameter.Of("w", new float[2]);
        using var optimizer = new SparseAdam([parameter]);
        parameter.UseGradient();
        Assert.StartsWith("SparseAdam takes sparse gradients only. Adam takes dense ones.", Assert.Throws<InvalidOperationException>(optimizer.Step).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(-1)]
    public void An_index_beyond_the_table_changes_nothing(long index)
    {
        float[] values = [1, 2, 3, 4], other = [1];
        Parameter<float> a = Parameter.Of("other", other), b = Parameter.Of("table", values, 2, 2);
        using var optimizer = new SGD([a, b], new() { LearningRate = 1 });
        a.UseGradient().Fill(1);
        b.SparseGradient = new((long[])[0, index], (float[])[1, 1, 1, 1]);
        var error = Assert.Throws<InvalidOperationException>(optimizer.Step);
        Assert.Equal($"The sparse gradient of parameter 'table' [2, 2] Float32 has the index {index}, but the parameter has rows 0 to 1.", error.Message);
        Assert.Equal([1], other);
        Assert.Equal([1, 2, 3, 4], values);
    }

    [Fact]
    public void Rows_of_another_length_are_refused()
    {
        var parameter = Parameter.Of("table", new float[4], 2, 2);
        var error = Assert.Throws<ArgumentException>(() => parameter.SparseGradient = new((long[])[0, 1], (float[])[1, 1, 1]));
        Assert.StartsWith("The sparse gradient of parameter 'table' [2, 2] Float32 must have 2 × 2 elements for its 2 indices, but has 3.", error.Message, StringComparison.Ordinal);
        Assert.False(parameter.HasGradient);

        var single = Parameter.Of("x", new float[1]); // without a shape, one number has no dimension
        error = Assert.Throws<ArgumentException>(() => single.SparseGradient = new((long[])[0], (float[])[1]));
        Assert.StartsWith("Parameter 'x' [] Float32 is a single number and has no rows: give a dense gradient.", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Dense_and_sparse_gradients_take_each_others_place()
    {
        var parameter = Parameter.Of("w", new float[] { 1, 1 });
        parameter.UseGradient().Fill(1);
        parameter.SparseGradient = new((long[])[0], (float[])[1]);
        Assert.Null(parameter.Gradient);
        parameter.Gradient = new float[2];
        Assert.Null(parameter.SparseGradient);
        parameter.SparseGradient = new((long[])[0], (float[])[1]);
        parameter.ZeroGrad(setToNull: false);
        Assert.Equal(0, parameter.SparseGradient!.Value.Indices.Length);
        parameter.ZeroGrad(setToNull: true);
        Assert.False(parameter.HasGradient);
    }
}
