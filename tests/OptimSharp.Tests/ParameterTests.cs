using System.Buffers;
using System.Numerics;
using System.Runtime.InteropServices;

namespace OptimSharp.Tests;

public class ParameterTests
{
    [Fact]
    public void Has_the_name_shape_and_type_it_was_given()
    {
        var parameter = Parameter.Of("conv1.weight", new float[6], 2, 3);
        Assert.Equal("conv1.weight", parameter.Name);
        Assert.Equal([2, 3], parameter.Shape.ToArray());
        Assert.Equal(6, parameter.Count);
        Assert.Equal(ElementType.Float32, parameter.ElementType);
        Assert.Equal("'conv1.weight' [2, 3] Float32", parameter.ToString());
        Assert.Equal("unnamed [4] BFloat16", Parameter.Of("", new BFloat16[4]).ToString());
    }

    [Fact]
    public void Without_a_shape_it_has_one_dimension_and_for_one_value_none()
    {
        Assert.Equal([5], Parameter.Of("w", new double[5]).Shape.ToArray());
        Assert.Equal([0], Parameter.Of("w", Array.Empty<double>()).Shape.ToArray());
        Assert.Equal([], Parameter.Of("w", new double[1]).Shape.ToArray());
        Assert.Equal([1], Parameter.Of("w", new double[1], 1).Shape.ToArray());
    }

    [Fact]
    public void Every_element_type_is_known()
    {
        Assert.Equal(ElementType.Float32, Parameter.Of("w", new float[2]).ElementType);
        Assert.Equal(ElementType.Float64, Parameter.Of("w", new double[2]).ElementType);
        Assert.Equal(ElementType.Float16, Parameter.Of("w", new Half[2]).ElementType);
        Assert.Equal(ElementType.BFloat16, Parameter.Of("w", new BFloat16[2]).ElementType);
        Assert.Equal(ElementType.Complex64, Parameter.Of("w", new Complex64[2]).ElementType);
        Assert.Equal(ElementType.Complex128, Parameter.Of("w", new Complex[2]).ElementType);
    }

    [Fact]
    public void Integers_are_refused_by_name()
    {
        var error = Assert.Throws<ArgumentException>(() => Parameter.Of("embedding", new int[3]));
        Assert.Equal("Parameter 'embedding' has elements of type System.Int32, but they must be float, double, Half, BFloat16, Complex64 or Complex.", error.Message);
        Assert.Throws<ArgumentException>(() => Parameter.Of("flags", new bool[3].AsMemory()));
    }

    [Fact]
    public void A_shape_that_does_not_fit_is_refused_by_name()
    {
        var error = Assert.Throws<ArgumentException>(() => Parameter.Of("w", new float[5], 2, 3));
        Assert.StartsWith("Parameter 'w' [2, 3] Float32 has 6 elements by its shape, but 5 values were given.", error.Message, StringComparison.Ordinal);
        error = Assert.Throws<ArgumentException>(() => Parameter.Of("w", new float[6], -2, -3));
        Assert.StartsWith("Parameter 'w': a size in a shape must be ≥ 0, but is -2.", error.Message, StringComparison.Ordinal);
        error = Assert.Throws<ArgumentException>(() => Parameter.Of("w", new float[6], long.MaxValue, 2));
        Assert.StartsWith("Parameter 'w' would have more elements by its shape, [9223372036854775807, 2], than there can be memory for.", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public unsafe void Nulls_are_refused()
    {
        Assert.Throws<ArgumentNullException>("name", () => Parameter.Of(null!, new float[1]));
        Assert.Throws<ArgumentNullException>("values", () => Parameter.Of("w", (float[])null!));
        Assert.Throws<ArgumentNullException>("values", () => Parameter.Of("w", (float*)null, 3));
    }

    [Fact]
    public void Values_and_gradient_are_not_copied()
    {
        float[] values = [1, 2], gradient = [10, 20];
        var parameter = Parameter.Of("w", values);
        parameter.Gradient = gradient;
        using var optimizer = new SGD([parameter], new() { LearningRate = 0.5 });
        gradient[1] = 40;
        optimizer.Step();
        Assert.Equal([1 - 5, 2 - 20], values);
        Assert.Equal([10, 40], gradient);
        Assert.True(parameter.Values.Span == values.AsSpan());
    }

    [Fact]
    public void A_gradient_of_another_length_is_refused_and_the_old_one_stays()
    {
        var parameter = Parameter.Of("w", new float[6], 2, 3);
        parameter.Gradient = new float[6];
        var error = Assert.Throws<ArgumentException>(() => parameter.Gradient = new float[5]);
        Assert.StartsWith("The gradient of parameter 'w' [2, 3] Float32 must have 6 elements, but has 5.", error.Message, StringComparison.Ordinal);
        Assert.Equal(6, parameter.Gradient!.Value.Length);
    }

    [Fact]
    public void UseGradient_accumulates_until_it_is_zeroed()
    {
        var parameter = Parameter.Of("w", new float[2]);
        Assert.False(parameter.HasGradient);
        parameter.UseGradient()[0] += 1;
        parameter.UseGradient()[0] += 1;
        Assert.True(parameter.HasGradient);
        Assert.Equal([2, 0], parameter.Gradient!.Value.ToArray());
        parameter.Gradient = null;
        Assert.False(parameter.HasGradient);
        Assert.Equal([0, 0], parameter.UseGradient().ToArray());
    }

    [Fact]
    public unsafe void Native_memory_is_stepped_where_it_lies()
    {
        float* memory = (float*)NativeMemory.Alloc(4, sizeof(float));
        try
        {
            (memory[0], memory[1], memory[2], memory[3]) = (1, 2, 10, 20);
            var parameter = Parameter.Of("w", memory, 2);
            Assert.True(parameter.Values.IsEmpty);
            parameter.SetGradient(memory + 2);
            Assert.True(parameter.HasGradient);
            Assert.Contains("native memory", Assert.Throws<InvalidOperationException>(() => _ = parameter.UseGradient().Length).Message, StringComparison.Ordinal);
            using var optimizer = new SGD([parameter], new() { LearningRate = 0.1 });
            optimizer.Step();
            Assert.Equal([1 - 0.1f * 10, 2 - 0.1f * 20, 10, 20], new Span<float>(memory, 4).ToArray());
            optimizer.ZeroGrad(setToNull: false);
            Assert.Equal([0, 0], new Span<float>(memory + 2, 2).ToArray());
            parameter.SetGradient(null);
            Assert.False(parameter.HasGradient);
        }
        finally
        {
            NativeMemory.Free(memory);
        }
    }

    [Fact]
    public void Memory_that_must_be_pinned_is_pinned_for_as_long_as_it_is_used()
    {
        using var first = new Counted(4);
        using var second = new Counted(4);
        var parameter = Parameter.Of("w", new float[4]);
        parameter.Gradient = first.Memory;
        Assert.Equal(1, first.Pins);
        parameter.Gradient = second.Memory;
        Assert.Equal((0, 1), (first.Pins, second.Pins));
        parameter.Gradient = null;
        Assert.Equal(0, second.Pins);
    }

    [Fact]
    public void A_sparse_gradient_takes_the_place_of_a_dense_one_and_the_other_way_round()
    {
        var parameter = Parameter.Of("w", new float[6], 3, 2);
        parameter.Gradient = new float[6];
        parameter.SparseGradient = new(new long[] { 1 }, new float[] { 1, 2 });
        Assert.Null(parameter.Gradient);
        Assert.True(parameter.HasGradient);
        parameter.Gradient = new float[6];
        Assert.Null(parameter.SparseGradient);
        parameter.SparseGradient = null;
        Assert.NotNull(parameter.Gradient);
    }

    [Fact]
    public void A_sparse_gradient_that_does_not_fit_is_refused_by_name()
    {
        var parameter = Parameter.Of("w", new float[6], 3, 2);
        var error = Assert.Throws<ArgumentException>(() => parameter.SparseGradient = new(new long[] { 1, 2 }, new float[3]));
        Assert.StartsWith("The sparse gradient of parameter 'w' [3, 2] Float32 must have 2 × 2 elements for its 2 indices, but has 3.", error.Message, StringComparison.Ordinal);
        error = Assert.Throws<ArgumentException>(() => Parameter.Of("s", new float[1]).SparseGradient = new(new long[1], new float[1]));
        Assert.StartsWith("Parameter 's' [] Float32 is a single number and has no rows", error.Message, StringComparison.Ordinal);
        Assert.False(parameter.HasGradient);
    }

    sealed unsafe class Counted(int count) : MemoryManager<float>
    {
        readonly float[] array = GC.AllocateArray<float>(count, pinned: true);

        public int Pins { get; private set; }

        public override Span<float> GetSpan() => array;

        public override MemoryHandle Pin(int elementIndex = 0)
        {
            Pins++;
            return new((float*)Marshal.UnsafeAddrOfPinnedArrayElement(array, elementIndex), pinnable: this);
        }

        public override void Unpin() => Pins--;

        protected override void Dispose(bool disposing)
        {
        }
    }
}
