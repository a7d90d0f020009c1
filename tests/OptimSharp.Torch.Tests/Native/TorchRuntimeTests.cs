using TorchSharp;

namespace OptimSharp.Torch.Tests.Native;

public class TorchRuntimeTests
{
    // Nothing here calls Prepare before the first use of TorchSharp: the module initializer of this assembly has.
    [Fact]
    public void TorchSharp_loads()
    {
        using var ones = torch.ones(3);
        using var sum = ones.sum();
        Assert.Equal(3f, sum.item<float>());
    }

    [Fact]
    public void Preparing_again_changes_nothing()
    {
        using var loaded = torch.ones(1);
        var before = TorchRuntime.Diagnostics;
        TorchRuntime.Prepare();
        Assert.Equal(before, TorchRuntime.Diagnostics);
        Assert.DoesNotContain("has not been called", before, StringComparison.Ordinal);
    }
}
