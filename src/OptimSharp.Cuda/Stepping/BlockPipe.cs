namespace OptimSharp.Cuda;

/// <summary>
/// Carries blocks between a device and pinned memory: on one stream they come, on another they go, so that both directions and the host work at once. What comes waits for what was begun on the device's own
/// stream before, and that stream waits for what went last.
/// </summary>
internal sealed unsafe class BlockPipe(CudaDevice device) : DriverOwned
{
    /// <summary>How many blocks there is memory for: one that comes, one that is worked on, one that goes.</summary>
    public const int Blocks = 3;

    readonly void*[] memory = new void*[Blocks];
    readonly nint[] arrived = new nint[Blocks], gone = new nint[Blocks]; // events
    nint coming, going; // streams
    nint begun; // an event: what came before on the device's own stream is done
    bool isOpen;

    /// <summary>How many bytes a block has.</summary>
    public long BytesOfBlock => device.BytesOfBlock;

    /// <summary>Takes what memory it needs, unless it has it. The device is current, as in all that follows.</summary>
    public void Open()
    {
        if (isOpen)
            return;
        try
        {
            Create();
        }
        catch
        {
            Free();
            throw;
        }
    }

    /// <summary>Begins with the blocks of a step.</summary>
    public void Begin()
    {
        device.Driver.Record(begun, device.Stream);
        device.Driver.Await(begun, coming);
    }

    /// <summary>Where a block is in host memory.</summary>
    public byte* MemoryOf(int block) => (byte*)memory[block % Blocks];

    /// <summary>Begins to fetch a block, into the memory of one that has gone.</summary>
    public byte* BeginFetch(int block)
    {
        device.Driver.Await(gone[block % Blocks], coming);
        return MemoryOf(block);
    }

    public void Fetch(void* to, nint from, long bytes) => device.Driver.CopyToHost(to, from, bytes, coming);

    public void EndFetch(int block) => device.Driver.Record(arrived[block % Blocks], coming);

    /// <summary>Returns when a block is there.</summary>
    public void Await(int block) => device.Driver.Await(arrived[block % Blocks]);

    public void Send(nint to, void* from, long bytes) => device.Driver.CopyToDevice(to, from, bytes, going);

    public void EndSend(int block) => device.Driver.Record(gone[block % Blocks], going);

    /// <summary>What follows on the device's own stream comes after the last block has gone.</summary>
    public void End(int last) => device.Driver.Await(gone[last % Blocks], device.Stream);

    void Create()
    {
        isOpen = true; // also what was made before a failure is to be given back
        coming = device.Driver.CreateStream();
        going = device.Driver.CreateStream();
        begun = device.Driver.CreateEvent();
        for (int i = 0; i < Blocks; i++)
        {
            memory[i] = device.Driver.AllocatePinned(BytesOfBlock);
            arrived[i] = device.Driver.CreateEvent();
            gone[i] = device.Driver.CreateEvent();
        }
    }

    protected override void Free()
    {
        if (!isOpen)
            return;
        isOpen = false;
        using var scope = device.Enter();
        foreach (nint stream in (ReadOnlySpan<nint>)[coming, going])
        {
            if (stream == 0)
                continue;
            try
            {
                device.Driver.Synchronize(stream); // blocks may still be on their way
            }
            catch (CudaException)
            {
                // The device was lost, or something failed that was told before.
            }
            device.Driver.DestroyStream(stream);
        }
        for (int i = 0; i < Blocks; i++)
        {
            if (memory[i] != null)
                device.Driver.FreePinned(memory[i]);
            foreach (nint made in (ReadOnlySpan<nint>)[arrived[i], gone[i]])
            {
                if (made != 0)
                    device.Driver.DestroyEvent(made);
            }
        }
        if (begun != 0)
            device.Driver.DestroyEvent(begun);
        Array.Clear(memory);
        Array.Clear(arrived);
        Array.Clear(gone);
        (coming, going, begun) = (0, 0, 0);
    }
}
