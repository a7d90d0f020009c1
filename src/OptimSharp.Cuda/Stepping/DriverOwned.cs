namespace OptimSharp.Cuda;

/// <summary>What the driver has made for somebody: it is given back when that is disposed, or, of an optimizer that was not, collected.</summary>
internal abstract class DriverOwned : IDisposable
{
    ~DriverOwned()
    {
        try
        {
            Free();
        }
        catch (CudaException)
        {
            // The device was lost.
        }
    }

    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    /// <summary>Gives everything back; nothing, when there is nothing.</summary>
    protected abstract void Free();
}
