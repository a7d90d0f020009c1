namespace OptimSharp.Cuda;

/// <summary>A device's context, current on this thread until it is disposed. The one that was current before is so again then.</summary>
internal readonly ref struct CudaContext
{
    readonly CudaDriver driver;

    public CudaContext(CudaDriver driver, nint context)
    {
        this.driver = driver;
        driver.PushContext(context);
    }

    public void Dispose() => driver.PopContext();
}
