using System.Buffers;

namespace OptimSharp.Engine;

/// <summary>Native memory of somebody else's as .NET memory. It is to be there for as long as this is used.</summary>
internal sealed unsafe class BorrowedMemory<T>(T* start, int count) : MemoryManager<T>
    where T : unmanaged
{
    public void* Start => start;

    public override Span<T> GetSpan() => new(start, count);

    public override MemoryHandle Pin(int elementIndex = 0) => new(start + elementIndex);

    public override void Unpin()
    {
    }

    protected override void Dispose(bool disposing)
    {
    }
}
