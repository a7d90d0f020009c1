using System.Collections.Concurrent;
using System.Runtime.InteropServices;

namespace OptimSharp.Tests.Support;

/// <summary>
/// Memory between two pages that may be neither read nor written: what steps over either end stops the process. Linux only.
/// </summary>
sealed unsafe partial class GuardedMemory : IDisposable
{
    const int ReadWrite = 3, None = 0, Private = 2, Anonymous = 0x20;

    readonly byte* start;
    readonly nuint page = (nuint)Environment.SystemPageSize, size;

    public GuardedMemory(int bytes)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Guard pages are made with Linux's mmap.");
        size = ((nuint)bytes + page - 1) / page * page;
        start = (byte*)Map(null, size + 2 * page, None, Private | Anonymous, -1, 0);
        Assert.NotEqual(-1, (nint)start);
        Assert.Equal(0, Protect(start + page, size, ReadWrite));
    }

    /// <summary>Memory of this many bytes whose last is the last that may be touched.</summary>
    public byte* AtEnd(nuint bytes) => start + page + size - bytes;

    /// <summary>Memory whose first byte is the first that may be touched.</summary>
    public byte* AtStart => start + page;

    public void Dispose() => _ = Unmap(start, size + 2 * page);

    [LibraryImport("libc", EntryPoint = "mmap")]
    private static partial void* Map(void* address, nuint length, int protection, int flags, int file, nint offset);

    [LibraryImport("libc", EntryPoint = "mprotect")]
    private static partial int Protect(void* address, nuint length, int protection);

    [LibraryImport("libc", EntryPoint = "munmap")]
    private static partial int Unmap(void* address, nuint length);
}

/// <summary>Parameters and gradients that touch a guard page, at their end or at their start.</summary>
sealed unsafe class GuardedLayout(bool atEnd) : HostLayout
{
    const int Largest = 32 * 1024;

    static readonly ConcurrentBag<GuardedMemory> Free = []; // for the next parameter: making one takes a while

    public override HostParameter<T> Create<T>(string name, long[] shape, int count)
    {
        nuint bytes = (nuint)count * (nuint)sizeof(T);
        Assert.True(bytes <= Largest);
        GuardedMemory values = Take(), gradient = Take();
        return new Guarded<T>(name, shape, count,
            (T*)(atEnd ? values.AtEnd(bytes) : values.AtStart), (T*)(atEnd ? gradient.AtEnd(bytes) : gradient.AtStart), values, gradient);
    }

    static GuardedMemory Take() => Free.TryTake(out var memory) ? memory : new GuardedMemory(Largest);

    sealed class Guarded<T>(string name, long[] shape, int count, T* values, T* gradient, GuardedMemory first, GuardedMemory second)
        : FromPointers<T>(name, shape, count, values, gradient) where T : unmanaged
    {
        public override void Dispose()
        {
            Free.Add(first);
            Free.Add(second);
            base.Dispose();
        }
    }
}
