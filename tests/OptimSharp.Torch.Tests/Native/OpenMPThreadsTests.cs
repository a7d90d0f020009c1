using OptimSharp.Engine;
using OptimSharp.Torch.Native;
using static TorchSharp.torch;

namespace OptimSharp.Torch.Tests.Native;

public class OpenMPThreadsTests
{
    public OpenMPThreadsTests() => _ = zeros(1).AsParameter("w"); // the first parameter has steps run on libtorch's threads

    [Fact]
    public void Steps_run_on_them() => Assert.Equal(OperatingSystem.IsLinux(), WorkerTeam.Borrowed is OpenMPThreads);

    [Fact]
    public void Several_are_in_at_once()
    {
        int expected = OperatingSystem.IsLinux() ? Math.Min(2, get_num_threads()) : 2;
        using var together = new Barrier(expected);
        int met = 0;
        new WorkerTeam(new Work(() =>
        {
            if (together.SignalAndWait(TimeSpan.FromSeconds(30)))
                Interlocked.Increment(ref met);
        })).Run(2);
        Assert.Equal(expected, met);
    }

    [Theory, InlineData(1), InlineData(2), InlineData(1000)]
    public void Never_more_than_libtorch_has(int threads)
    {
        int inside = 0;
        new WorkerTeam(new Work(() => Interlocked.Increment(ref inside))).Run(threads);
        Assert.InRange(inside, 1, OperatingSystem.IsLinux() ? Math.Min(threads, get_num_threads()) : threads);
    }

    [Fact]
    public void An_exception_reaches_the_caller()
    {
        var thrown = Assert.Throws<InvalidOperationException>(() => new WorkerTeam(new Work(() => throw new InvalidOperationException("inside"))).Run(2));
        Assert.Equal("inside", thrown.Message);
    }

    [Fact]
    public void The_collector_may_run_inside()
    {
        var seen = new int[2][];
        int next = -1;
        new WorkerTeam(new Work(() =>
        {
            int[] mine = [1, 2, 3];
            GC.Collect();
            seen[Interlocked.Increment(ref next)] = mine;
        })).Run(2);
        Assert.All(seen.Where(s => s is not null), s => Assert.Equal([1, 2, 3], s));
        Assert.Equal(6, (ones(2, 3) + 0).sum().item<float>()); // and libtorch goes on
    }

    [Fact]
    public void Nothing_is_allocated()
    {
        var team = new WorkerTeam(new Work(() => { }));
        for (int i = 0; i < 100; i++)
            team.Run(2);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 100; i++)
            team.Run(2);
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
    }

    sealed class Work(Action part) : ISharedWork
    {
        public void TakePart() => part();
    }
}
