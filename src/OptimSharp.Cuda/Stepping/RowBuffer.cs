namespace OptimSharp.Cuda;

/// <summary>
/// Takes rows to the device. They are put together in pinned memory, in one of two buffers: so a step does not wait for the device to have taken those of the step before,
/// only for those of the one before that.
/// </summary>
internal sealed unsafe class RowBuffer(CudaDevice device) : IDisposable
{
    readonly void*[] pinned = new void*[2];
    readonly nint[] taken = new nint[2]; // when the device took what was in each: an event
    CudaMemory? rows;
    long room;
    int turn;
    nint stream; // in whose order rows were used last

    /// <summary>Takes rows over, one launch's after the other's. The device is current.</summary>
    /// <returns>Where the first is on the device.</returns>
    public nint Send(List<ILaunch> launches)
    {
        long bytes = 0;
        foreach (var launch in launches)
            bytes += launch.Table.Rows.Length;
        if (room < bytes)
            Grow(bytes);
        if (stream != device.Stream) // the rows may still be in use there
            device.Driver.Synchronize(stream);
        stream = device.Stream;
        device.Driver.Await(taken[turn]);
        byte* to = (byte*)pinned[turn];
        foreach (var launch in launches)
        {
            launch.Table.Rows.CopyTo(new(to, launch.Table.Rows.Length));
            to += launch.Table.Rows.Length;
        }
        if (bytes > 0)
            device.Driver.CopyToDevice(rows!.Address, pinned[turn], bytes, stream);
        device.Driver.Record(taken[turn], stream);
        turn ^= 1;
        return rows!.Address;
    }

    void Grow(long bytes)
    {
        Dispose();
        bytes = Math.Max(4096, 2 * bytes);
        for (int i = 0; i < 2; i++)
        {
            pinned[i] = device.Driver.AllocatePinned(bytes);
            taken[i] = device.Driver.CreateEvent();
        }
        rows = device.Allocate(bytes);
        room = bytes;
    }

    public void Dispose()
    {
        if (rows is null && pinned[0] == null && pinned[1] == null)
            return;
        using var scope = device.Enter();
        try
        {
            device.Driver.Synchronize(stream); // the pinned memory may still be read
        }
        catch (CudaException)
        {
            // The device was lost, or something failed that was told before: nothing is read any more.
        }
        for (int i = 0; i < 2; i++)
        {
            if (pinned[i] != null)
                device.Driver.FreePinned(pinned[i]);
            if (taken[i] != 0)
                device.Driver.DestroyEvent(taken[i]);
            pinned[i] = null;
            taken[i] = 0;
        }
        rows?.Dispose();
        (rows, room) = (null, 0);
    }
}
