using System.Runtime.InteropServices;
using System.Runtime.Versioning;
using OptimSharp.Torch.Native;

namespace OptimSharp.Torch.Tests.Native;

[SupportedOSPlatform("linux")]
public sealed class PrivateCopyTests : IDisposable
{
    // A native library that every .NET has, and that a second copy of does not disturb.
    static readonly byte[] Library = OperatingSystem.IsLinux()
        ? File.ReadAllBytes(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "libSystem.Native.so"))
        : [];

    readonly DirectoryInfo root = Directory.CreateTempSubdirectory();

    public PrivateCopyTests() => Assert.SkipUnless(OperatingSystem.IsLinux(), "Only Linux needs copies.");

    [Fact]
    public void Loads_from_the_first_folder_that_allows_it_and_leaves_nothing_there()
    {
        var handle = PrivateCopy.Load("libCopy.so", Library, ["", "/no/such/folder", root.FullName]);

        Assert.True(NativeLibrary.TryGetExport(handle, "SystemNative_Read", out _));
        Assert.Empty(root.EnumerateFileSystemInfos());
        NativeLibrary.Free(handle);
    }

    [Fact]
    public void Says_why_no_folder_allowed_it()
    {
        byte[] broken = [1, 2, 3];
        var error = Assert.Throws<IOException>(() => PrivateCopy.Load("libCopy.so", broken, ["/no/such/folder", root.FullName]));

        Assert.Contains("/no/such/folder: ", error.Message, StringComparison.Ordinal);
        Assert.Contains($"{root.FullName}: ", error.Message, StringComparison.Ordinal);
        Assert.Empty(root.EnumerateFileSystemInfos());
    }

    public void Dispose() => root.Delete(recursive: true);
}
