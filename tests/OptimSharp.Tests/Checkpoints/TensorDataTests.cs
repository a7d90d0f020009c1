using System.Numerics;
using OptimSharp.Engine;

namespace OptimSharp.Tests.Checkpoints;

public unsafe class TensorDataTests
{
    [Fact]
    public void It_holds_every_type_bit_for_bit()
    {
        Check(ElementType.Float32, 4, [0f, -1.5f, float.NaN, float.Epsilon], [0, -1.5, double.NaN, float.Epsilon]);
        Check(ElementType.Float64, 8, [0, 1e300, double.NegativeInfinity], [0, 1e300, double.NegativeInfinity]);
        Check(ElementType.Float16, 2, [(Half)1.5f, Half.MaxValue], [1.5, 65504]);
        Check(ElementType.BFloat16, 2, [(BFloat16)1.5f, BFloat16.FromBits(0x7F80)], [1.5, double.PositiveInfinity]);
        Check(ElementType.Complex64, 8, [new Complex64(1, -2)], [1, -2]);
        Check(ElementType.Complex128, 16, [new Complex(1, -2)], [1, -2]);
        Check(ElementType.Bool, 1, [true, false, true], [1, 0, 1]);
        Check(ElementType.UInt8, 1, [byte.MaxValue, (byte)0], [255, 0]);
        Check(ElementType.Int8, 1, [sbyte.MinValue, sbyte.MaxValue], [-128, 127]);
        Check(ElementType.Int16, 2, [short.MinValue, short.MaxValue], [-32768, 32767]);
        Check(ElementType.Int32, 4, [int.MinValue, int.MaxValue], [-2147483648, 2147483647]);
        Check(ElementType.Int64, 8, [long.MinValue, 1L << 40], [-9223372036854775808.0, 1099511627776]);
        Check(ElementType.UInt16, 2, [ushort.MaxValue], [65535]);
        Check(ElementType.UInt32, 4, [uint.MaxValue], [4294967295]);
        Check(ElementType.UInt64, 8, [ulong.MaxValue], [18446744073709551616.0]); // rounded
        Assert.Equal(20, Enum.GetValues<ElementType>().Length); // all of them are above, but for those of 8 bits, which have tests of their own

        static void Check<T>(ElementType type, int size, T[] values, double[] doubles) where T : unmanaged
        {
            var tensor = TensorData.Of(values, values.Length);
            Assert.Equal(type, tensor.ElementType);
            Assert.Equal(size, type.Size());
            Assert.Equal(values, tensor.ToArray<T>());
            Assert.Equal(doubles, tensor.ToDoubles());
            Assert.Equal(doubles.Length / type.Parts(), tensor.Count);
            Assert.Empty(TensorData.Of(Array.Empty<T>(), 3, 0).ToArray<T>());
            Assert.Equal([values[0]], TensorData.Of([values[0]], []).ToArray<T>());
        }
    }

    [Fact]
    public void Views_are_read_row_by_row()
    {
        var storage = new TensorStorage(12 * sizeof(int));
        for (int i = 0; i < 12; i++)
            ((int*)storage.Start)[i] = i;
        Check([2, 3], [3, 1], 2, [2, 3, 4, 5, 6, 7]);          // contiguous, from the third on
        Check([3, 2], [1, 3], 0, [0, 3, 1, 4, 2, 5]);          // transposed
        Check([2, 2], [6, 2], 1, [1, 3, 7, 9]);                // every other column
        Check([2, 3], [0, 1], 4, [4, 5, 6, 4, 5, 6]);          // expanded
        Check([3, 2], [1, 1], 0, [0, 1, 1, 2, 2, 3]);          // overlapping windows
        Check([], [], 11, [11]);
        Check([2, 0], [1, 7], 0, []);
        Check([1, 2, 1], [99, 4, 99], 3, [3, 7]);              // strides of single elements mean nothing

        void Check(long[] shape, long[] strides, long offset, int[] expected)
        {
            var view = new TensorData(storage, ElementType.Int32, offset, shape, strides);
            Assert.Equal(expected, view.ToArray<int>());
            Assert.Equal(expected.Select(i => (double)i), view.ToDoubles());
            for (int first = 0; first < expected.Length; first++)
            {
                int part;
                view.CopyTo((byte*)&part, first, 1);
                Assert.Equal(expected[first], part);
            }
        }
    }

    [Fact]
    public void Sizes_may_be_larger_than_any_memory_where_one_is_zero()
    {
        foreach (long[] shape in (long[][])[[0, 1L << 62, 4], [long.MaxValue, long.MaxValue, 0]])
        {
            var tensor = TensorData.Of(Array.Empty<float>(), shape.Contains(long.MaxValue) ? [3, 0] : shape);
            foreach (var format in Enum.GetValues<CheckpointFormat>())
            {
                using var stream = new MemoryStream();
                Checkpoint.Save(stream, new() { { "t", tensor } }, format);
                stream.Position = 0;
                var loaded = Checkpoint.Load(stream).GetTensor("t");
                Assert.Equal(tensor.Shape.ToArray(), loaded.Shape.ToArray());
                Assert.Empty(loaded.ToDoubles());
            }
        }
        Assert.Throws<ArgumentException>(() => TensorData.Of(new float[1], long.MaxValue, 2));
    }

    [Fact]
    public void Any_byte_but_zero_is_true()
    {
        var storage = new TensorStorage(3);
        (storage.Start[0], storage.Start[1], storage.Start[2]) = (0, 255, 2);
        var tensor = new TensorData(storage, ElementType.Bool, [3]);
        Assert.Equal([false, true, true], tensor.ToArray<bool>());
        Assert.Equal([0, 1, 1], tensor.ToDoubles());
    }

    [Fact]
    public void Whole_numbers_load_into_floating_point_state()
    {
        using var state = new HostTensor([3], ElementType.Float32);
        TensorData.Of(new long[] { -1, 1 << 20, 3 }, 3).CopyTo(state);
        var numbers = new double[3];
        state.CopyTo(numbers);
        Assert.Equal([-1, 1 << 20, 3], numbers);
        TensorData.Of([true, false, true], 3).CopyTo(state);
        state.CopyTo(numbers);
        Assert.Equal([1, 0, 1], numbers);
    }

    [Fact]
    public void Parameters_are_never_whole_numbers()
    {
        var error = Assert.Throws<ArgumentException>(() => Parameter.Of("ids", new long[2]));
        Assert.Equal("Parameter 'ids' has elements of type System.Int64, but they must be float, double, Half, BFloat16, Complex64 or Complex.", error.Message);
        Assert.Throws<ArgumentException>(() => Parameter.Of("mask", new bool[2]));
    }
}
