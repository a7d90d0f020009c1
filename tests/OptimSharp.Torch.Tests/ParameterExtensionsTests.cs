using OptimSharp.Cuda;

namespace OptimSharp.Torch.Tests;

public class ParameterExtensionsTests
{
    [Fact]
    public void What_makes_parameters_is_at_hand_where_Parameter_is_TorchSharps()
    {
        Assert.Equal("w", TorchSharp.Modules.Parameter.Of("w", new float[2], 2).Name);
        Assert.Equal([2L], TorchSharp.Modules.Parameter.Meta("w", [2]).Shape.ToArray());
        var e = Record.Exception(() => TorchSharp.Modules.Parameter.OnCuda("w", 256, ElementType.Float32, null, 2));
        Assert.Equal(CudaDevice.Count == 0, e is CudaException);
    }
}
