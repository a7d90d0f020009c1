using TorchSharp;

namespace OptimSharp.Torch.Tests;

/// <summary>Numbers that are handed to libtorch live until it has read them, however busy the garbage collector is.</summary>
public class ScalarTests
{
    [Fact]
    public void Steps_by_tensor_operators_survive_the_garbage_collector()
    {
        using var tensor = torch.ones(3, requires_grad: true);
        tensor.grad = torch.ones(3);
        using var optimizer = new NAdam([new TorchParameter(tensor, "w", byPointer: false)], new() { WeightDecay = 0.1 });
        bool done = false;
        var collector = new Thread(() =>
        {
            while (!Volatile.Read(ref done))
            {
                GC.Collect(0);
                GC.WaitForPendingFinalizers();
            }
        });
        collector.Start();
        try
        {
            for (int i = 0; i < 20_000; i++)
                optimizer.Step();
        }
        finally
        {
            Volatile.Write(ref done, true);
            collector.Join();
        }
        Assert.True(tensor.isfinite().all().item<bool>());
    }
}
