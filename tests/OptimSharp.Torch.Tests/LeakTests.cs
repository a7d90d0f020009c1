using static TorchSharp.torch;

namespace OptimSharp.Torch.Tests;

/// <summary>Tests that count what the whole process holds: nothing else may run beside them.</summary>
[CollectionDefinition(DisableParallelization = true)]
public sealed class Alone;

[Collection(typeof(Alone))]
public class LeakTests
{
    [Fact]
    public void A_thousand_steps_leave_no_tensor_behind()
    {
        using var model = Models.Small();
        var (input, target) = Models.Data();
        using var optimizer = new AdamW(model.Parameters(), new() { AMSGrad = true });
        long after10 = 0;
        for (int step = 1; step <= 1010; step++)
        {
            optimizer.ZeroGrad();
            Models.Backward(model, input, target);
            optimizer.Step();
            if (step == 10)
                after10 = Live();
        }
        Assert.Equal(after10, Live());
    }

    [Fact]
    public void A_thousand_steps_of_the_torch_backend_leave_no_tensor_behind()
    {
        using var tensor = zeros(4, 3).requires_grad_();
        using var gradient = ones(4, 3);
        using var optimizer = new AdamW([new TorchParameter(tensor, "w", byPointer: false)], new() { AMSGrad = true });
        long after10 = 0;
        for (int step = 1; step <= 1010; step++)
        {
            tensor.grad = gradient;
            optimizer.Step();
            optimizer.ZeroGrad();
            if (step == 10)
                after10 = Live();
        }
        Assert.Equal(after10, Live());
    }

    [Theory]
    [InlineData(nameof(Muon))]
    [InlineData(nameof(Adafactor))]
    [InlineData(nameof(SOAP))]
    [InlineData(nameof(Shampoo))]
    public void A_hundred_steps_of_whole_tensors_on_a_device_leave_no_tensor_behind(string optimizerType)
    {
        using var tensor = ones(4, 3).requires_grad_();
        using var gradient = ones(4, 3);
        var parameter = new TorchParameter(tensor, "w", byPointer: false);
        using Optimizer optimizer = optimizerType switch
        {
            nameof(Muon) => new Muon([parameter]),
            nameof(Adafactor) => new Adafactor([parameter]),
            nameof(SOAP) => new SOAP([parameter], new() { PreconditionFrequency = 3 }),
            _ => new Shampoo([parameter]),
        };
        long after10 = 0;
        for (int step = 1; step <= 110; step++)
        {
            tensor.grad = gradient;
            optimizer.Step();
            optimizer.ZeroGrad();
            if (step == 10)
                after10 = Live();
        }
        Assert.Equal(after10, Live());
    }

    [Fact]
    public void A_warm_step_of_200_tensors_allocates_nothing()
    {
        var tensors = Enumerable.Range(0, 200).Select(_ => randn(17).requires_grad_()).ToArray();
        foreach (var tensor in tensors)
            tensor.grad = ones(17);
        using var optimizer = new AdamW(tensors.AsParameters());
        for (int i = 0; i < 50; i++)
            optimizer.Step();
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 50; i++)
            optimizer.Step();
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Fact]
    public void A_thousand_averages_leave_no_tensor_behind()
    {
        using var model = Averaging.ConvNet.Create();
        using AveragedModel<TorchSharp.Modules.Sequential> swa = new(model, Averaging.ConvNet.Create), ema = new(model, OptimSharp.Averaging.Ema(), new() { UseBuffers = true });
        long after10 = 0;
        for (int update = 1; update <= 1010; update++)
        {
            swa.Update();
            ema.Update();
            using (ema.SwapIn())
                _ = swa.Module;
            if (update == 10)
                after10 = Live();
        }
        Assert.Equal(after10, Live());
    }

    [Fact]
    public void A_warm_update_of_averages_allocates_nothing()
    {
        using var model = Averaging.ConvNet.Create();
        using AveragedModel<TorchSharp.Modules.Sequential> swa = new(model), ema = new(model, OptimSharp.Averaging.Ema());
        for (int i = 0; i < 50; i++)
        {
            swa.Update();
            ema.Update();
        }
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 50; i++)
        {
            swa.Update();
            ema.Update();
        }
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Fact]
    public void A_whole_training_step_leaves_no_tensor_behind_and_allocates_nothing()
    {
        var tensors = Enumerable.Range(0, 200).Select(_ => randn(17).requires_grad_()).ToArray();
        foreach (var tensor in tensors)
            tensor.grad = ones(17);
        var parameters = tensors.AsParameters();
        using var optimizer = new AdamW(parameters);
        using var averages = new AveragedParameters(parameters, OptimSharp.Averaging.Ema());
        var step = new TrainingStep(optimizer, new() { MaxNorm = 1, Averages = averages, GradientsAfter = GradientsAfter.Zeroed });
        for (int i = 0; i < 50; i++)
            step.Step();
        long live = Live(), before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 50; i++)
            step.Step();
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        Assert.Equal(live, Live());
    }

    static long Live()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        return Tensor.TotalCount;
    }
}
