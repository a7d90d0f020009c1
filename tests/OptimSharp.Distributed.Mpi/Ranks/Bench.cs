using System.Diagnostics;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;

namespace OptimSharp.Distributed.Processes.Ranks;

/// <summary>How long operations take: of four bytes, and a sum of 16 MiB over all ranks beside the library's own.</summary>
static unsafe class Bench
{
    public static void Run()
    {
        using var communicator = new MpiCommunicator();
        var floats = 4 << 20;
        var (own, sum, parts) = (Memory(floats), Memory(floats), Memory(floats));
        own.AsSpan().Fill(1);
        var four = Median(communicator, 2001, () => Gather(communicator));
        var theirFour = Median(communicator, 2001, () => Theirs(communicator, "MPI_Allgather", own, sum, 1));
        var ours = Median(communicator, 41, () => Sum(communicator, own, sum, parts));
        var theirs = Median(communicator, 41, () => Theirs(communicator, "MPI_Allreduce", own, sum, floats));
        var cpu = Processor(() => Sum(communicator, own, sum, parts));
        if (communicator.Rank == 0)
            Console.WriteLine($"{communicator.Library}, {communicator.Size} ranks: all-gather of 4 bytes {four * 1e6:0.0} µs (MPI_Allgather {theirFour * 1e6:0.0}); sum of 16 MiB {ours * 1e3:0.0} ms (MPI_Allreduce {theirs * 1e3:0.0}), {cpu:P0} of a core");
        communicator.Barrier();
        Idle(communicator);
    }

    /// <summary>What a rank that waits takes from the others on its core.</summary>
    static void Idle(MpiCommunicator communicator)
    {
        var before = Process.GetCurrentProcess().TotalProcessorTime;
        if (communicator.Rank == 0)
            Thread.Sleep(3000);
        communicator.Barrier();
        var used = Process.GetCurrentProcess().TotalProcessorTime - before;
        if (communicator.Rank == 1)
            Console.WriteLine($"{communicator.Library}: waiting 3 s took {used.TotalMilliseconds:0} ms of a core");
    }

    static float[] Memory(int floats) => GC.AllocateArray<float>(floats, true);

    static void Gather(MpiCommunicator communicator)
    {
        var size = communicator.Size;
        Span<byte> all = stackalloc byte[4 * size];
        Span<long> counts = stackalloc long[size];
        counts.Fill(4);
        communicator.AllGather(stackalloc byte[4], all, counts);
    }

    /// <summary>Each rank adds its slice of all, in the order of ranks: bytes move as in a reduce-scatter and an all-gather.</summary>
    static void Sum(MpiCommunicator communicator, float[] own, float[] sum, float[] parts)
    {
        var (size, rank) = (communicator.Size, communicator.Rank);
        var slice = own.Length / size;
        Span<long> counts = stackalloc long[size];
        counts.Fill(4L * slice);
        communicator.AllToAll(MemoryMarshal.AsBytes(own.AsSpan()), counts, MemoryMarshal.AsBytes(parts.AsSpan()), counts);
        var added = parts.AsSpan(0, slice);
        for (var other = 1; other < size; other++)
            TensorPrimitives.Add(added, parts.AsSpan(other * slice, slice), added);
        communicator.AllGather(MemoryMarshal.AsBytes(added), MemoryMarshal.AsBytes(sum.AsSpan()), counts);
        if (sum[0] != size || sum[^1] != size)
            throw new InvalidOperationException($"The sum on rank {rank} is {sum[0]}.");
    }

    public static void Theirs(MpiCommunicator communicator, string call, float[] own, float[] sum, int floats)
    {
        var job = communicator.Job;
        var (type, operation) = job.Library.Handles.AnySource == -2
            ? (0x4c00040a, 0x58000003)
            : (job.Library.Export("ompi_mpi_float"), job.Library.Export("ompi_mpi_op_sum"));
        fixed (float* from = own, to = sum)
        {
            var address = job.Library.Export(call);
            var code = call == "MPI_Allreduce"
                ? ((delegate* unmanaged<float*, float*, int, nint, nint, nint, int>)address)(from, to, floats, type, operation, job.World)
                : ((delegate* unmanaged<float*, int, nint, float*, int, nint, nint, int>)address)(from, floats, type, to, floats, type, job.World);
            if (code != 0)
                throw new InvalidOperationException($"{call} returned {code}.");
        }
    }

    static double Median(MpiCommunicator communicator, int times, Action action)
    {
        action();
        communicator.Barrier();
        var seconds = new double[times];
        for (var i = 0; i < times; i++)
        {
            var start = Stopwatch.GetTimestamp();
            action();
            seconds[i] = Stopwatch.GetElapsedTime(start).TotalSeconds;
        }
        Array.Sort(seconds);
        return seconds[times / 2];
    }

    static double Processor(Action action)
    {
        var process = Process.GetCurrentProcess();
        var (before, start) = (process.TotalProcessorTime, Stopwatch.GetTimestamp());
        for (var i = 0; i < 20; i++)
            action();
        process.Refresh();
        return (process.TotalProcessorTime - before) / Stopwatch.GetElapsedTime(start);
    }
}
