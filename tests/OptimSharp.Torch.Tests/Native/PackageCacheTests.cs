using OptimSharp.Torch.Native;

namespace OptimSharp.Torch.Tests.Native;

public class PackageCacheTests
{
    [Fact]
    public void Native_libraries_lie_in_the_packages_of_the_same_cache() =>
        Assert.Equal(
            [
                Path.GetFullPath("/cache/torchsharp/0.107.0/runtimes/linux-x64/native"),
                Path.GetFullPath("/cache/libtorch-cpu-linux-x64/2.10.0/runtimes/linux-x64/native"),
            ],
            PackageCache.NativeFolders("/cache/torchsharp/0.107.0/lib/net8.0/TorchSharp.dll", "2.10.0", "linux-x64"));

    [Theory]
    [InlineData("")]
    [InlineData("/TorchSharp.dll")]
    [InlineData("/program/TorchSharp.dll")]
    [InlineData("/src/torchsharp/bin/Debug/net8.0/TorchSharp.dll")]
    public void A_program_has_no_cache(string assembly) => Assert.Empty(PackageCache.NativeFolders(assembly, "2.10.0", "linux-x64"));

    [Fact]
    public void These_tests_are_a_program()
    {
        Assert.False(PackageCache.HasThis);
        Assert.Empty(PackageCache.NativeFolders("linux-x64"));
    }
}
