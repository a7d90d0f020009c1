namespace OptimSharp.Cuda.Tests;

/// <summary>The code of docs/devices.md.</summary>
public class DevicesSnippet
{
    [Fact]
    public void A_parameter_in_device_memory_is_stepped()
    {
        var (device, fake) = FakeDriver.Create();

        using var weights = device.Allocate(1_000_000 * sizeof(float));
        using var gradients = device.Allocate(1_000_000 * sizeof(float));
        var parameter = Parameter.OnCuda("weights", weights.Address, ElementType.Float32, device, 1000, 1000);
        parameter.Gradient = gradients.Address; // a kernel of yours writes it

        using var optimizer = new AdamW([parameter], new() { LearningRate = 1e-3 });
        optimizer.Step();

        Assert.Equal(FakeDriver.IsReal ? 0 : 1, fake.Calls("Launch"));
    }
}
