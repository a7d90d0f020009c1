namespace OptimSharp.Cuda;

/// <summary>
/// Takes rows to the device. They are put together in pinned memory, in one of two buffers: so a step does not wait for the device to have taken those of the step before,
/// only for those of the one before that.
/// </summary>
internal sealed unsafe class RowBuffer(CudaDevice device) : DriverOwned
{
    readonly void*[] pinned = new void*[2];
    readonly nint[] taken = new nint[2]; // when the device took what was in each: an event
    nint used; // an event: when kernels had done with the rows
    CudaMemory? rows;
    long room;
    int turn;
    nint stream; // in whose order rows were used last

    /// <summary>Makes room for rows. The device is current.</summary>
    /// <returns>Their bytes.</returns>
    public long Reserve(List<ILaunch> launches)
    {
        long bytes = 0;
        foreach (var launch in launches)
            bytes += launch.Table.Rows.Length;
        if (room < bytes)
            Grow(bytes);
        return bytes;
    }

    /// <summary>Takes rows over, one launch's after the other's. The device is current.</summary>
    /// <returns>Where the first is on the device.</returns>
    public nint Send(List<ILaunch> launches)
    {
        long bytes = Reserve(launches);
        if (stream != device.Stream) // the rows may still be in use there; it may be gone by now, but not what was recorded
            device.Driver.Await(used, device.Stream);
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

    /// <summary>All kernels were launched that use the rows which were sent last. The device is current.</summary>
    public void End()
    {
        try
        {
            device.Driver.Record(used, stream);
        }
        catch (CudaException)
        {
            device.Driver.Synchronize(stream); // they are launched and the step is taken, and so the rows are out of use as well
        }
    }

    void Grow(long bytes)
    {
        Free();
        used = device.Driver.CreateEvent();
        bytes = Math.Max(4096, 2 * bytes);
        for (int i = 0; i < 2; i++)
        {
            pinned[i] = device.Driver.AllocatePinned(bytes);
            taken[i] = device.Driver.CreateEvent();
        }
        rows = device.Allocate(bytes);
        room = bytes;
    }

    protected override void Free()
    {
        if (used == 0)
            return;
        using var scope = device.Enter();
        foreach (nint done in (ReadOnlySpan<nint>)[used, .. taken]) // kernels may still read the rows, and the device the pinned memory
        {
            try
            {
                if (done != 0)
                    device.Driver.Await(done);
            }
            catch (CudaException)
            {
                // The device was lost, or something failed that was told before: nothing is read any more.
            }
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
        device.Driver.DestroyEvent(used);
        rows?.Dispose();
        (rows, room, used) = (null, 0, 0);
    }
}
