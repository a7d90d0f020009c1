using OptimSharp.Engine;

namespace OptimSharp.Tests.Engine;

public class WorkerTeamTests
{
    [Fact]
    public void Helpers_join_the_caller()
    {
        using var work = new Meeting(expected: 2);
        new WorkerTeam(work).Run(2);
        Assert.Equal(2, work.Threads.Distinct().Count());
        Assert.Contains(Environment.CurrentManagedThreadId, work.Threads);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void One_thread_is_the_callers(int threads)
    {
        using var work = new Meeting(expected: 1);
        new WorkerTeam(work).Run(threads);
        Assert.Equal([Environment.CurrentManagedThreadId], work.Threads);
    }

    [Fact]
    public void It_returns_after_the_slowest_helper()
    {
        using var work = new Laggard();
        new WorkerTeam(work).Run(2);
        Assert.True(work.Done);
    }

    [Fact]
    public void Rounds_do_not_run_into_each_other()
    {
        // Were a helper of one round still counting in the next, a round's sum would be wrong sooner or later.
        var work = new Pieces();
        var team = new WorkerTeam(work);
        for (int round = 0; round < 20_000; round++)
        {
            work.Start(pieces: 64);
            team.Run(4);
            Assert.Equal(64, work.Done);
            Assert.Equal(0, work.Inside);
        }
    }

    /// <summary>Each thread waits until as many as expected have come.</summary>
    sealed class Meeting(int expected) : ISharedWork, IDisposable
    {
        readonly CountdownEvent coming = new(expected);
        readonly List<int> threads = [];

        public IReadOnlyList<int> Threads => threads;

        public void Dispose() => coming.Dispose();

        public void TakePart()
        {
            lock (threads)
                threads.Add(Environment.CurrentManagedThreadId);
            coming.Signal();
            Assert.True(coming.Wait(TimeSpan.FromMinutes(1), TestContext.Current.CancellationToken), "The others did not come.");
        }
    }

    /// <summary>The caller leaves as soon as a helper has come; the helper goes on for a while.</summary>
    sealed class Laggard : ISharedWork, IDisposable
    {
        readonly int caller = Environment.CurrentManagedThreadId;
        readonly ManualResetEventSlim helperCame = new();

        public bool Done { get; private set; }

        public void Dispose() => helperCame.Dispose();

        public void TakePart()
        {
            if (Environment.CurrentManagedThreadId == caller)
            {
                Assert.True(helperCame.Wait(TimeSpan.FromMinutes(1), TestContext.Current.CancellationToken), "No helper came.");
                return;
            }
            helperCame.Set();
            for (int i = 0; i < 100; i++)
                Thread.SpinWait(10_000);
            Done = true;
        }
    }

    sealed class Pieces : ISharedWork
    {
        int left, done, inside;

        public int Done => Volatile.Read(ref done);

        public int Inside => Volatile.Read(ref inside);

        public void Start(int pieces) => (left, done) = (pieces, 0);

        public void TakePart()
        {
            Interlocked.Increment(ref inside);
            while (Interlocked.Decrement(ref left) >= 0)
                Interlocked.Increment(ref done);
            Interlocked.Decrement(ref inside);
        }
    }
}
