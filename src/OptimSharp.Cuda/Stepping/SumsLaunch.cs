using OptimSharp.Engine;

namespace OptimSharp.Cuda;

/// <summary>Gathers what is measured of many tensors, with the host's bits: in blocks, whose totals come to the host, where they are added up in order.</summary>
internal sealed unsafe class SumsLaunch : ILaunch, IDisposable
{
    const int Threads = 128;

    readonly CudaDevice device;
    readonly Recording recording;
    readonly nint sums, totals; // the kernels
    readonly List<int> firstBlock = [0]; // of each tensor, and behind the last
    CudaMemory? partial, gathered;
    double[] results = [];

    /// <param name="device">The device, which is current.</param>
    /// <param name="recording">What is measured.</param>
    /// <param name="types">What the numbers are stored as.</param>
    /// <param name="gathering">How it is gathered.</param>
    /// <param name="block">How many elements a block has.</param>
    public SumsLaunch(CudaDevice device, Recording recording, KernelTypes types, Gathering gathering, int block)
    {
        this.device = device;
        this.recording = recording;
        BlocksOfChunk = GradientChunk.Size / block;
        Table = new(device, recording.States.Length, recording.Coefficients * types.Compute.Size(), GradientChunk.Size);
        string kind = gathering.ToString().ToLowerInvariant();
        sums = device.Kernel($"{kind}_{block}_{recording.Key}_{types}", name => SumsKernel.Source(recording, types, gathering, block, GradientChunk.Size, name));
        bool largest = gathering == Gathering.Largest;
        totals = device.Kernel(largest ? "largest_of_16" : "total_of_16", name => TotalsKernel.Source(largest, name));
    }

    public TensorTable Table { get; }

    int Sums => recording.Sums.Length;

    /// <summary>Adds a tensor; returns its number.</summary>
    public int Add(in Places at, ReadOnlySpan<byte> coefficients)
    {
        Table.Add(at, coefficients);
        firstBlock.Add(checked(firstBlock[^1] + Table.ChunksOf(at.Count) * BlocksOfChunk));
        return firstBlock.Count - 2;
    }

    int Count => checked(firstBlock[^1] * Sums);

    public void Reserve()
    {
        if (Count == 0)
            return;
        Table.Reserve();
        Ensure(ref partial, (long)Count * Reductions.Lanes * sizeof(double));
        Ensure(ref gathered, (long)Count * sizeof(double));
        if (results.Length < Count)
            results = new double[Count];
    }

    /// <summary>Measures all that were added. The device is current.</summary>
    /// <param name="rows">Where the tensors' rows are on it.</param>
    public void Run(nint rows)
    {
        int blocks = firstBlock[^1], count = Count;
        if (blocks == 0)
            return;
        var (table, _) = Table.Open();
        nint from = partial!.Address, to = gathered!.Address;
        void** parameters = stackalloc void*[] { &table, &rows, &from, &blocks };
        device.Driver.Launch(sums, GridOf((long)blocks * Reductions.Lanes), Threads, device.Stream, parameters);
        parameters[0] = &from;
        parameters[1] = &to;
        parameters[2] = &count;
        device.Driver.Launch(totals, GridOf(count), Threads, device.Stream, parameters);
        fixed (double* results = this.results)
        {
            device.Driver.CopyToHost(results, to, (long)count * sizeof(double), device.Stream);
            device.Driver.Synchronize(device.Stream);
        }
    }

    /// <summary>The blocks of a tensor: from, and up to (not included). They are those of whole chunks, and what has no element came to 0.</summary>
    public (int First, int Last) BlocksOf(int tensor) => (firstBlock[tensor], firstBlock[tensor + 1]);

    /// <summary>How many blocks a chunk has.</summary>
    public int BlocksOfChunk { get; }

    /// <summary>What a sum came to in a block.</summary>
    public double this[int block, int sum] => results[block * Sums + sum];

    /// <summary>Forgets the tensors.</summary>
    public void Clear()
    {
        Table.Clear();
        firstBlock.RemoveRange(1, firstBlock.Count - 1);
    }

    public void Dispose()
    {
        Table.Dispose();
        partial?.Dispose();
        gathered?.Dispose();
    }

    int GridOf(long threads) => (int)Math.Min((threads + Threads - 1) / Threads, device.Multiprocessors * 16L);

    void Ensure(ref CudaMemory? memory, long bytes)
    {
        if (memory is not null && memory.Bytes >= bytes)
            return;
        memory?.Dispose();
        memory = null;
        memory = device.Allocate(bytes);
    }
}
