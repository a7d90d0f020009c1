using OptimSharp.Engine;

namespace OptimSharp.Cuda;

/// <summary>Updates many tensors by one rule, with coefficients of their own, in one launch.</summary>
internal sealed unsafe class StepLaunch : ILaunch, IDisposable
{
    const int Threads = 256;
    const int Chunk = 1 << 14; // elements: small enough that middle-sized models have work for all multiprocessors

    readonly CudaDevice device;
    readonly nint kernel;

    /// <param name="device">The device, which is current.</param>
    /// <param name="recording">What is done.</param>
    /// <param name="types">What the numbers are stored as.</param>
    public StepLaunch(CudaDevice device, Recording recording, KernelTypes types)
    {
        this.device = device;
        Table = new(device, recording.States.Length, recording.Coefficients * types.Compute.Size(), Chunk);
        kernel = device.Kernel($"step_{recording.Key}_{types}", name => StepKernel.Source(recording, types, name));
    }

    public TensorTable Table { get; }

    public void Reserve() => Table.Reserve();

    /// <summary>Updates all that were added. The device is current.</summary>
    /// <param name="rows">Where the tensors' rows are on it.</param>
    public void Run(nint rows)
    {
        if (Table.Count == 0)
            return; // and the table stays for the next step that has tensors
        var (table, chunks) = Table.Open();
        if (chunks == 0)
            return;
        void** parameters = stackalloc void*[] { &table, &rows, &chunks };
        device.Driver.Launch(kernel, Math.Min(chunks, device.Multiprocessors * 8), Threads, device.Stream, parameters);
    }

    public void Dispose() => Table.Dispose();
}
