using System.Runtime.InteropServices;

namespace OptimSharp.Tests.Support;

/// <summary>
/// A long stretch of addresses with little memory: one window of it appears again and again, and only the end, after
/// <see cref="Repeated"/> bytes, is memory of its own. Linux only.
/// </summary>
sealed unsafe partial class RepeatedMemory : IDisposable
{
    public const int Window = 2 << 20;

    const int ReadWrite = 3, Shared = 1, Private = 2, Fixed = 0x10, Anonymous = 0x20, NoReserve = 0x4000;

    readonly nuint size;

    public RepeatedMemory(int windows, int bytesAfter)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "The same memory at many addresses is made with Linux's mmap.");
        Repeated = (nuint)windows * Window;
        size = Repeated + (nuint)bytesAfter;
        Start = (byte*)Map(null, size, ReadWrite, Private | Anonymous | NoReserve, -1, 0);
        Assert.NotEqual(-1, (nint)Start);
        int file = CreateFile("window", 0);
        Assert.True(file >= 0 && SetLength(file, Window) == 0);
        for (nuint at = 0; at < Repeated; at += Window)
            Assert.NotEqual(-1, (nint)Map(Start + at, Window, ReadWrite, Shared | Fixed, file, 0));
        Assert.Equal(0, Close(file));
    }

    public byte* Start { get; }

    /// <summary>Where the memory of its own begins.</summary>
    public nuint Repeated { get; }

    public void Dispose() => _ = Unmap(Start, size);

    [LibraryImport("libc", EntryPoint = "mmap")]
    private static partial void* Map(void* address, nuint length, int protection, int flags, int file, nint offset);

    [LibraryImport("libc", EntryPoint = "munmap")]
    private static partial int Unmap(void* address, nuint length);

    [LibraryImport("libc", EntryPoint = "memfd_create", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int CreateFile(string name, uint flags);

    [LibraryImport("libc", EntryPoint = "ftruncate")]
    private static partial int SetLength(int file, nint length);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int file);
}
