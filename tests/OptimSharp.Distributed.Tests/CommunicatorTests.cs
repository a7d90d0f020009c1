using System.Diagnostics;

namespace OptimSharp.Distributed.Tests;

/// <summary>Ranks that are threads: bytes arrive, and nobody waits for ever.</summary>
public sealed class CommunicatorTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(5)]
    public void Every_operation_moves_the_bytes_of_any_sizes(int size) => LocalRanks.Run(size, communicator =>
    {
        var sizes = new Random(7); // the same on all ranks
        for (int round = 0; round < 20; round++)
        {
            var counts = Enumerable.Range(0, size * size).Select(_ => (long)(sizes.Next(3) == 0 ? 0 : sizes.Next(10_000))).ToArray();
            int me = communicator.Rank, root = sizes.Next(size);
            long[] gathered = counts[..size], sent = counts[(me * size)..((me + 1) * size)], received = [.. Enumerable.Range(0, size).Select(r => counts[r * size + me])];
            var all = new byte[gathered.Sum()];
            communicator.AllGather(Bytes(me, 0, gathered[me]), all, gathered);
            Assert.Equal(Enumerable.Range(0, size).SelectMany(r => Bytes(r, 0, gathered[r])), all);
            var come = new byte[received.Sum()];
            communicator.AllToAll([.. Enumerable.Range(0, size).SelectMany(r => Bytes(me, r, sent[r]))], sent, come, received);
            Assert.Equal(Enumerable.Range(0, size).SelectMany(r => Bytes(r, me, received[r])), come);
            var told = me == root ? Bytes(root, 99, 1000) : new byte[1000];
            communicator.Broadcast(told, root);
            Assert.Equal(Bytes(root, 99, 1000), told);
            communicator.Barrier();
        }

        static byte[] Bytes(int from, int to, long count) => [.. Enumerable.Range(0, (int)count).Select(i => (byte)(i * 31 + from * 7 + to))];
    });

    [Fact]
    public unsafe void Operations_that_have_begun_go_on_while_others_begin() => LocalRanks.Run(3, communicator =>
    {
        const int Length = 1000, Pending = 4;
        int* own = stackalloc int[Length];
        var all = GC.AllocateArray<int>(3 * Length * Pending, pinned: true);
        new Span<int>(own, Length).Fill(communicator.Rank);
        long[] counts = [Length * 4, Length * 4, Length * 4];
        var begun = new PendingOperation[Pending];
        for (int i = 0; i < Pending; i++)
        {
            fixed (int* to = &all[3 * Length * i])
                begun[i] = communicator.BeginAllGather((nint)own, (nint)to, counts);
        }
        foreach (var operation in begun.Reverse())
        {
            operation.Wait();
            operation.Wait(); // again: at once
        }
        for (int i = 0; i < all.Length; i++)
            Assert.Equal(i / Length % 3, all[i]);
    });

    [Fact]
    public void What_goes_to_others_is_counted() => LocalRanks.Run(3, communicator =>
    {
        communicator.AllGather(new byte[10 * communicator.Rank], new byte[30], [0, 10, 20]);
        Assert.Equal(communicator.Rank == 0 ? new Traffic(0, 0) : new(20 * communicator.Rank, 2), communicator.Sent);
        Assert.Equal(communicator.Rank switch { 0 => new(30, 2), 1 => new(20, 1), _ => new Traffic(10, 1) }, communicator.Received);
        var before = communicator.Sent;
        communicator.Broadcast(new byte[100], root: 1);
        Assert.Equal(communicator.Rank == 1 ? new(200, 2) : default, communicator.Sent - before);
    });

    [Fact]
    public void A_rank_that_does_not_come_is_named_with_the_step()
    {
        var watch = Stopwatch.StartNew();
        var error = Assert.Throws<AggregateException>(() => LocalRanks.Run(4, communicator =>
        {
            communicator.TimeLimit = TimeSpan.FromSeconds(0.3);
            communicator.Activity = "step 12";
            if (communicator.Rank is 1 or 3)
                Thread.Sleep(1500);
            communicator.Barrier();
        }));
        Assert.InRange(watch.Elapsed.TotalSeconds, 0.3, 10);
        Assert.Equal(4, error.InnerExceptions.Count); // those who come late are told, too
        foreach (var e in error.InnerExceptions.Cast<MissingRankException>())
        {
            Assert.Equal([1, 3], e.Ranks);
            Assert.Equal("Ranks 1, 3 did not come within 0.3 s; Barrier of step 12 waited for them.", e.Message);
        }
    }

    [Fact]
    public void A_rank_that_ends_is_named_at_once_with_its_error()
    {
        var watch = Stopwatch.StartNew();
        var error = Assert.Throws<AggregateException>(() => LocalRanks.Run(3, communicator =>
        {
            if (communicator.Rank == 2)
                throw new InvalidOperationException("no more data");
            communicator.Barrier();
        }));
        Assert.InRange(watch.Elapsed.TotalSeconds, 0, 10); // the time limit is 10 minutes
        Assert.All(error.InnerExceptions.Take(2), e => Assert.Equal("Rank 2 has ended; Barrier waited for it.", Assert.IsType<MissingRankException>(e).Message));
        Assert.Equal("no more data", error.InnerExceptions[0].InnerException!.Message);
        Assert.Equal("no more data", error.InnerExceptions[2].Message);
    }

    [Fact]
    public void Ranks_that_call_different_things_are_told()
    {
        var error = Assert.Throws<AggregateException>(() => LocalRanks.Run(2, communicator =>
        {
            if (communicator.Rank == 0)
                communicator.Barrier();
            else
                communicator.AllGather([1], new byte[2], [1, 1]);
        }));
        Assert.Equal(2, error.InnerExceptions.Count);
        Assert.All(error.InnerExceptions, e => Assert.Contains("must call the same operations in the same order", Assert.IsType<CommunicationException>(e).Message));
        Assert.All(error.InnerExceptions, e => Assert.Null(e.InnerException)); // not the same words again

        error = Assert.Throws<AggregateException>(() => LocalRanks.Run(2, communicator =>
            communicator.Broadcast(new byte[communicator.Rank == 0 ? 4 : 5], root: 0)));
        Assert.All(error.InnerExceptions, e => Assert.Contains("sends 4 bytes to rank 1, which expects 5", e.Message));
    }

    [Fact]
    public void One_rank_alone_needs_nobody()
    {
        using var communicator = LocalRanks.Create(1)[0];
        communicator.Barrier();
        var all = new byte[3];
        communicator.AllGather([1, 2, 3], all, [3]);
        Assert.Equal([1, 2, 3], all);
        Assert.Equal(default, communicator.Sent);
    }
}
