using System.Buffers;
using System.Runtime.InteropServices;
using static OptimSharp.Doors.Door;

namespace OptimSharp.Doors;

/// <summary>Plain memory: how large and how far away it is, what it is pinned by, what becomes of it.</summary>
static unsafe class HostDoors
{
    public static IEnumerable<(string Name, Action Try)> All =>
    [
        ("values far into an array of doubles", () => FarValues(290_000_000)),
        ("a gradient far into an array of floats", FarGradient),
        ("rows far into an array", FarRows),
        ("shapes larger than memory", HugeShapes),
        ("rows of which the product overflows", HugeRows),
        ("indices that are no rows", WrongIndices),
        ("indices changed after they were given", ChangedIndices),
        ("a gradient whose pinning fails", FailingPin),
        ("pinned memory of a parameter that nobody holds", Collected),
        ("an array that is null as a gradient", NullGradient),
        ("a gradient that is the parameter itself", GradientIsParameter),
        ("a span of a gradient that was replaced", OldSpan),
    ];

    static void FarValues(int offset)
    {
        var memory = GC.AllocateUninitializedArray<double>(offset + 30);
        memory.AsSpan(offset - 10).Clear();
        var parameter = Parameter.Of("w", memory.AsMemory(offset, 10));
        parameter.Gradient = Enumerable.Repeat(1.0, 10).ToArray();
        using var optimizer = new SGD([parameter], new() { LearningRate = 1 });
        optimizer.Step();
        using var averages = new AveragedParameters([parameter]);
        Gradients.ClipNorm([parameter], 1);
        Same([.. Enumerable.Repeat(0.0, 10), .. Enumerable.Repeat(-1.0, 10), .. Enumerable.Repeat(0.0, 10)], memory[(offset - 10)..(offset + 20)]);
        Same(Enumerable.Repeat(-1.0, 10), averages.Average("w").ToArray<double>());
    }

    static void FarGradient()
    {
        const int Offset = 560_000_000; // 4 times as many bytes are more than an int has
        var memory = GC.AllocateUninitializedArray<float>(Offset + 30);
        memory.AsSpan(Offset, 10).Fill(2);
        var parameter = Ones("w", 10);
        parameter.Gradient = memory.AsMemory(Offset, 10);
        using var optimizer = new SGD([parameter], new() { LearningRate = 1 });
        optimizer.Step();
        Same(Enumerable.Repeat(-1f, 10), parameter.Values.ToArray());
        optimizer.ZeroGrad(setToNull: false);
        Same(Enumerable.Repeat(0f, 10), memory[Offset..(Offset + 10)]);
    }

    static void FarRows()
    {
        const int Offset = 290_000_000;
        var rows = GC.AllocateUninitializedArray<double>(Offset + 30);
        rows.AsSpan(Offset, 4).Fill(1);
        var parameter = Parameter.Of("w", new double[6], 3, 2);
        parameter.SparseGradient = new(new long[] { 2, 0 }, rows.AsMemory(Offset, 4));
        using var optimizer = new SGD([parameter], new() { LearningRate = 1 });
        optimizer.Step();
        Same([-1, -1, 0, 0, -1, -1], parameter.Values.ToArray());
    }

    static void HugeShapes()
    {
        double one = 0;
        double* place = &one;
        foreach (long[] shape in (long[][])[[1L << 62], [1L << 32, 1L << 32], [long.MaxValue, long.MaxValue, 5], [1L << 60, 4]])
        {
            Refused<ArgumentException>(() => Parameter.Of("w", place, shape), "than there can be memory for");
            Refused<ArgumentException>(() => Parameter.Of("w", (Complex64*)place, shape), "than there can be memory for");
            Refused<ArgumentException>(() => Parameter.Of("w", new double[1], shape), "than there can be memory for");
        }
        foreach (long[] shape in (long[][])[[0, long.MaxValue, long.MaxValue], [long.MaxValue, long.MaxValue, 0]])
        {
            var empty = Parameter.Of("w", Array.Empty<double>(), shape);
            empty.Gradient = Array.Empty<double>();
            Same(0L, empty.Count);
            using var optimizer = new Adam([empty]);
            optimizer.Step();
            Same(1L, optimizer.StateOf(empty)!.Step);
        }
        Refused<ArgumentException>(() => Parameter.Of("w", place, -1, 5), "must be ≥ 0");
    }

    static void HugeRows()
    {
        double one = 0;
        var parameter = Parameter.Of("w", &one, 1, 1L << 58);
        Refused<ArgumentException>(() => parameter.SparseGradient = new(new long[64], ReadOnlyMemory<double>.Empty), "288230376151711744"); // 64 · 2⁵⁸ = 2⁶⁴
        Same(false, parameter.HasGradient);
    }

    static void WrongIndices()
    {
        foreach (long index in (long[])[-1, 3, long.MinValue, long.MaxValue])
        {
            var parameter = Parameter.Of("w", new float[6], 3, 2);
            parameter.SparseGradient = new(new[] { 0, index }, new float[] { 1, 1, 1, 1 });
            using var optimizer = new SGD([parameter], new() { LearningRate = 1 });
            Refused<InvalidOperationException>(optimizer.Step, $"has the index {index}");
            Refused<InvalidOperationException>(() => Gradients.ClipNorm([parameter], 1), $"has the index {index}");
            Refused<InvalidOperationException>(() => new TrainingStep(optimizer).Step(), $"has the index {index}");
            using var lbfgs = new LBFGS([parameter]);
            Refused<InvalidOperationException>(() => lbfgs.Step(() => 0), $"has the index {index}");
            Same(new float[6], parameter.Values.ToArray());
        }
    }

    static void ChangedIndices()
    {
        var parameter = Parameter.Of("w", new float[6], 3, 2);
        long[] indices = [0, 2];
        parameter.SparseGradient = new(indices, new float[] { 1, 1, 1, 1 });
        using var optimizer = new SGD([parameter], new() { LearningRate = 1, Momentum = 0 });
        optimizer.Step();
        indices[1] = 1 << 30;
        Refused<InvalidOperationException>(optimizer.Step, "has the index");
        indices[1] = 1;
        optimizer.Step();
        Same([-2, -2, -1, -1, -1, -1], parameter.Values.ToArray());
    }

    sealed class Fragile<T>(T[] memory, bool pins) : MemoryManager<T> where T : unmanaged
    {
        readonly T[] memory = pins ? GC.AllocateArray<T>(memory.Length, pinned: true) : memory;

        public int Pins { get; private set; }

        public override Span<T> GetSpan() => memory;

        public override MemoryHandle Pin(int elementIndex = 0)
        {
            if (!pins)
                throw new NotSupportedException("This memory can't be pinned.");
            Pins++;
            return new(Unsafe(ref memory[elementIndex]), default, this);

            static void* Unsafe(ref T item) => System.Runtime.CompilerServices.Unsafe.AsPointer(ref item);
        }

        public override void Unpin() => Pins--;

        protected override void Dispose(bool disposing)
        {
        }
    }

    static void FailingPin()
    {
        var good = new Fragile<float>(new float[6], pins: true);
        using var bad = new Fragile<float>(new float[6], pins: false);
        var goodIndices = new Fragile<long>(new long[3], pins: true);
        var parameter = Parameter.Of("w", new float[6], 3, 2);
        parameter.Gradient = good.Memory;
        Same(1, good.Pins);
        Refused<NotSupportedException>(() => parameter.Gradient = bad.Memory, "can't be pinned");
        Refused<NotSupportedException>(() => parameter.SparseGradient = new(goodIndices.Memory, bad.Memory), "can't be pinned");
        Same((true, good.Memory, 1, 0), (parameter.HasGradient, parameter.Gradient!.Value, good.Pins, goodIndices.Pins));
        Refused<ArgumentException>(() => parameter.Gradient = new float[5], "must have 6 elements");
        Same(good.Memory, parameter.Gradient!.Value);
        using var optimizer = new SGD([parameter]);
        optimizer.Step();
        parameter.SparseGradient = new(goodIndices.Memory, good.Memory);
        Same((1, 1), (good.Pins, goodIndices.Pins));
        Refused<NotSupportedException>(() => parameter.Gradient = bad.Memory, "can't be pinned");
        Same((true, 1, 1), (parameter.SparseGradient is not null, good.Pins, goodIndices.Pins));
        parameter.Gradient = null;
        Same((false, 0, 0), (parameter.HasGradient, good.Pins, goodIndices.Pins));
        Refused<NotSupportedException>(() => Parameter.Of("v", bad.Memory), "can't be pinned");
    }

    static void Collected()
    {
        var memory = new Fragile<float>(new float[1000], pins: true);
        Use(memory);
        for (int i = 0; i < 10 && memory.Pins > 0; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }
        Same(0, memory.Pins);

        static void Use(Fragile<float> memory)
        {
            var parameter = Parameter.Of("w", memory.Memory);
            parameter.Gradient = new float[1000];
            using var optimizer = new Adam([parameter]);
            for (int i = 0; i < 100; i++)
            {
                GC.Collect(0);
                optimizer.Step();
            }
        }
    }

    static void NullGradient()
    {
        float[]? none = null;
        var parameter = Ones("w", 3);
        parameter.Gradient = parameter.Count == 3 ? none : [1, 2, 3];
        Same((false, true), (parameter.HasGradient, parameter.Gradient is null));
        using var optimizer = new SGD([parameter], new() { LearningRate = 1 });
        optimizer.Step();
        Same(1f, parameter.Values.Span[0]);
        parameter.Gradient = default(Memory<float>);
        Same(false, parameter.HasGradient);
    }

    static void GradientIsParameter()
    {
        var parameter = Ones("w", 3000);
        parameter.Gradient = parameter.Values;
        using var optimizer = new SGD([parameter], new() { LearningRate = 0.25 });
        optimizer.Step();
        Same(Enumerable.Repeat(0.75f, 3000), parameter.Values.ToArray());
    }

    static void OldSpan()
    {
        var parameter = Parameter.Of("w", new float[3]);
        var span = parameter.UseGradient();
        parameter.Gradient = new float[3];
        GC.Collect();
        span.Fill(5); // the array that nobody else holds
        Same(0f, parameter.Gradient!.Value.Span[0]);
        nint native = (nint)NativeMemory.AllocZeroed(3 * sizeof(float));
        parameter.SetGradient((float*)native);
        Refused<InvalidOperationException>(() => parameter.UseGradient(), "in native memory");
        parameter.SetGradient(null);
        Same(false, parameter.HasGradient);
        NativeMemory.Free((void*)native);
    }
}
