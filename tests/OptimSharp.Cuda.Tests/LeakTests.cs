namespace OptimSharp.Cuda.Tests;

/// <summary>What the driver made before it failed is given back, and nothing is made twice.</summary>
public class LeakTests
{
    public LeakTests() => Assert.SkipWhen(FakeDriver.IsReal, "A real device does not fail when it is told to.");

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void What_was_made_before_a_failure_is_given_back(bool stateOnHost)
    {
        int failures = 0;
        foreach (string function in (string[])["CreateStream", "CreateEvent", "AllocatePinned", "Allocate"])
        {
            for (int failing = 0; ; failing++)
            {
                var (device, fake) = FakeDriver.Create();
                using var memory = device.Allocate(800);
                var parameter = Parameter.OnCuda("p", memory.Address, ElementType.Float32, device, 100);
                parameter.Gradient = memory.Address + 400;
                using var optimizer = new SGD(stateOnHost ? [.. new[] { parameter }.WithStateOnHost()] : [parameter], new() { LearningRate = 1 });
                int calls = 0;
                fake.Fault = (name, _) => name == function && calls++ == failing ? 999 : 0;
                if (Record.Exception(optimizer.Step) is null)
                    break;
                failures++;
                Assert.Equal((0, 0, 0), fake.Made);
                Assert.Equal(800, fake.Allocated);
            }
        }
        Assert.InRange(failures, 4, 100);
    }

    [Fact]
    public void A_module_without_its_function_is_unloaded()
    {
        var (device, fake) = FakeDriver.Create();
        using var memory = device.Allocate(800);
        var parameter = Parameter.OnCuda("p", memory.Address, ElementType.Float32, device, 100);
        parameter.Gradient = memory.Address + 400;
        using var optimizer = new SGD([parameter], new() { LearningRate = 1 });
        fake.Fault = (function, _) => function == "GetFunction" ? 999 : 0;
        Assert.Throws<CudaException>(optimizer.Step);
        Assert.Equal(0, fake.Modules);
        fake.Fault = null;
        optimizer.Step();
        Assert.Equal(1, fake.Modules);
    }

    [Fact]
    public void Threads_that_want_one_kernel_compile_it_once()
    {
        var (device, fake) = FakeDriver.Create();
        using var memory = device.Allocate(8 * 800);
        using var start = new Barrier(8);
        fake.Fault = (function, _) =>
        {
            if (function == "LoadModule")
                Thread.Sleep(100); // until the others want it, too
            return 0;
        };
        Thread[] threads = [.. Enumerable.Range(0, 8).Select(i => new Thread(() =>
        {
            var parameter = Parameter.OnCuda("p", memory.Address + i * 800, ElementType.Float32, device, 100);
            parameter.Gradient = memory.Address + i * 800 + 400;
            using var optimizer = new SGD([parameter], new() { LearningRate = 1 });
            start.SignalAndWait();
            optimizer.Step();
        }))];
        Array.ForEach(threads, thread => thread.Start());
        Array.ForEach(threads, thread => thread.Join());
        Assert.Equal(1, fake.Modules);
    }
}
