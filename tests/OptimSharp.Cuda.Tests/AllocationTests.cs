using OptimSharp.CudaSpeed;

namespace OptimSharp.Cuda.Tests;

/// <summary>A warm step allocates nothing on the managed heap, also in a device's memory: over a driver that does nothing, for that of the tests allocates itself.</summary>
public class AllocationTests
{
    [Fact]
    public void A_warm_step_allocates_nothing()
    {
        var device = IdleDriver.Device;
        CudaParameter[] parameters = [.. Enumerable.Range(1, 30).Select(i => Parameter.OnCuda($"p{i}", 256 * i, ElementType.Float32, device, 64))];
        foreach (var parameter in parameters)
            parameter.Gradient = 1 << 16 | (int)parameter.Address;
        using var averages = new AveragedParameters(parameters, Averaging.Ema(0.9));
        using var optimizer = new AdamW(parameters);
        var training = new TrainingStep(optimizer, new() { SkipNotFinite = false, GradientsAfter = GradientsAfter.Zeroed, MaxValue = 1, Averages = averages });
        Assert.Equal(0, AllocatedBy(optimizer.Step));
        Assert.Equal(0, AllocatedBy(() => training.Step()));
    }

    [Theory]
    [InlineData("AdamW", false)]
    [InlineData("LAMB", false)]
    [InlineData("AdamW", true)]
    public void A_warm_step_with_a_norm_or_sums_allocates_nothing(string kind, bool stateOnHost)
    {
        var device = IdleDriver.Device;
        CudaParameter[] parameters = Make(), averaged = stateOnHost ? Make() : parameters; // so that averages are on the device
        foreach (var parameter in parameters)
            parameter.Gradient = 1 << 19 | (int)parameter.Address;
        using var averages = new AveragedParameters(averaged, Averaging.Ema(0.9));
        IEnumerable<Parameter> stepped = stateOnHost ? parameters.WithStateOnHost() : parameters;
        using Optimizer optimizer = kind == "LAMB" ? new LAMB(stepped) : new AdamW(stepped);
        var training = new TrainingStep(optimizer, new() { MaxNorm = 1e-3, GradientsAfter = GradientsAfter.Zeroed, Averages = averages });
        Assert.Equal(0, AllocatedBy(optimizer.Step));
        Assert.Equal(0, AllocatedBy(() => training.Step()));

        CudaParameter[] Make() => [.. Enumerable.Range(1, 30).Select(i => Parameter.OnCuda($"p{i}", 1 << 18 | 256 * i, ElementType.Float32, device, 64))];
    }

    static long AllocatedBy(Action step)
    {
        for (int i = 0; i < 5; i++)
            step();
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 10; i++)
            step();
        return GC.GetAllocatedBytesForCurrentThread() - before;
    }
}
