using System.Globalization;
using System.Runtime.InteropServices;
using OptimSharp.Engine;

namespace OptimSharp.Cuda.Tests;

/// <summary>Does a step with what was recorded: on a device, or what stands for one.</summary>
unsafe delegate void DeviceStep(RecordedStep step, in Streams at, int count);

/// <summary>A step on the host beside the same one elsewhere, from the same numbers.</summary>
static unsafe class StepComparison
{
    /// <summary>Compares all steps with some numbers each, and one of each kernel with more. Tells how many there were.</summary>
    public static string OfAll(IReadOnlyCollection<RecordedStep> steps, DeviceStep device, int some = 1031, int more = 1 << 14)
    {
        long elements = 0;
        var seen = new HashSet<(Recording, KernelTypes)>();
        foreach (var (i, step) in steps.Index())
        {
            int count = seen.Add(step.Kernel) ? more : some;
            string? difference = Difference(step, device, count, some * i);
            Assert.True(difference is null, difference); // whole, not its beginning
            elements += count;
        }
        return $"{steps.Count} steps of {seen.Count} kernels, which are {seen.DistinctBy(k => k.Item1).Count()} recordings: {elements} elements";
    }

    /// <summary>What differs first in parameter and states, to the bit; NaN is NaN. null: nothing.</summary>
    /// <param name="step">The step.</param>
    /// <param name="device">Does it elsewhere.</param>
    /// <param name="count">How many elements, at most 2¹⁶.</param>
    /// <param name="offset">Where the numbers begin: other ones for another offset.</param>
    public static string? Difference(RecordedStep step, DeviceStep device, int count, int offset)
    {
        int streams = 2 + step.Recording.States.Length, room = count * sizeof(double);
        byte* memory = (byte*)NativeMemory.AllocZeroed((nuint)(2 * streams * room));
        try
        {
            for (int k = 0; k < 2 * streams; k++)
                HardNumbers.Fill(memory + k * room, TypeOf(step, k % streams), count, k % streams, offset);
            byte* other = memory + streams * room;
            step.RunOnHost(At(memory, room), count);
            device(step, At(other, room), count);
            for (int k = 0; k < streams; k++)
            {
                if (Difference(TypeOf(step, k), memory + k * room, other + k * room, count) is { } difference)
                {
                    string place = k switch { 0 => "parameter", 1 => "gradient", _ => $"state {k - 2}" };
                    return $"{step.From} as {step.Types}: {place}{difference}\n{CSource.Function(step.Recording, step.Types, "step")}";
                }
            }
            return null;
        }
        finally
        {
            NativeMemory.Free(memory);
        }
    }

    static ElementType TypeOf(RecordedStep step, int stream) => stream switch
    {
        0 => step.Types.Param,
        1 => step.Types.Grad,
        _ => step.Types.State(stream - 2),
    };

    static Streams At(byte* memory, int room) => new()
    {
        Param = memory, Grad = memory + room, S0 = memory + 2 * room, S1 = memory + 3 * room, S2 = memory + 4 * room, S3 = memory + 5 * room, S4 = memory + 6 * room, S5 = memory + 7 * room,
    };

    static string? Difference(ElementType type, byte* host, byte* device, int count)
    {
        int size = type.Size();
        if (new Span<byte>(host, count * size).SequenceEqual(new(device, count * size)))
            return null;
        double x, y;
        for (int i = 0; i < count; i++, host += size, device += size)
        {
            if (new Span<byte>(host, size).SequenceEqual(new(device, size)))
                continue;
            Storage.Load(host, type, &x, 1);
            Storage.Load(device, type, &y, 1);
            if (!double.IsNaN(x) || !double.IsNaN(y))
                return string.Create(CultureInfo.InvariantCulture, $"[{i}] is {y:R}, but the host has {x:R}");
        }
        return null;
    }
}
