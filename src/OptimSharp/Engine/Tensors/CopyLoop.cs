namespace OptimSharp.Engine;

/// <summary>Copies numbers.</summary>
unsafe struct CopyLoop<T> : ILoopBody where T : unmanaged
{
    public T* From, To;

    public readonly void Run(nint first, nint last)
    {
        long bytes = (long)(last - first) * sizeof(T);
        Buffer.MemoryCopy(From + first, To + first, bytes, bytes);
    }
}
