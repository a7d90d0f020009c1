using System.Runtime.InteropServices;
using System.Security.Cryptography;
using OptimSharp.Distributed.Mpi;

namespace OptimSharp.Distributed.Processes.Ranks;

/// <summary>
/// Operations of drawn kinds and sizes. Every byte that is sent follows from the operation's number, its sender, its receiver and its place, so every byte
/// that is received is looked at. The hash of all is the same over any transport.
/// </summary>
static unsafe class Operations
{
    const long Large = (64L << 20) + 12_345;

    public static void Run(string[] arguments)
    {
        if (arguments is [_, "pieces"])
            MpiExchange.PieceBytes = 99_999; // as if MPI could not count further
        using var communicator = new MpiCommunicator();
        RankProgram.Say(communicator, $"{communicator.Library}: {Hash(communicator, int.Parse(arguments[0]))}");
    }

    /// <summary>Runs the operations on a rank.</summary>
    /// <returns>The hash of all that it received, and of its count of bytes and messages.</returns>
    public static string Hash(Communicator communicator, int seed)
    {
        var random = new Random(seed); // the same on all ranks
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        for (var operation = 0; operation < 60; operation++)
        {
            communicator.Activity = $"operation {operation}";
            One(communicator, random, operation, hash, operation == 30);
        }
        hash.AppendData(MemoryMarshal.AsBytes([communicator.Sent, communicator.Received]));
        return Convert.ToHexString(hash.GetHashAndReset());
    }

    static void One(Communicator communicator, Random random, int operation, IncrementalHash hash, bool large)
    {
        var size = communicator.Size;
        var counts = new long[size, size];
        for (var from = 0; from < size; from++)
            for (var to = 0; to < size; to++)
                counts[from, to] = random.Next(4) switch { 0 => 0, 1 => random.Next(9), 2 => random.Next(5000), _ => random.Next(300_000) };
        if (large)
            counts[0, size - 1] = Large;
        switch (large ? 2 : random.Next(6))
        {
            case 0:
                communicator.Barrier();
                break;
            case 1:
                var data = new byte[counts[0, 0]];
                var root = random.Next(size);
                if (communicator.Rank == root)
                    Fill(data, operation, root, 0);
                communicator.Broadcast(data, root);
                Look(data, operation, root, 0, hash);
                break;
            case 2:
                AllToAll(communicator, counts, operation, hash, false);
                break;
            case 3:
                AllGather(communicator, counts, operation, hash);
                break;
            case 4:
                AllToAll(communicator, counts, operation, hash, true);
                break;
            default:
                Two(communicator, counts, operation, hash);
                break;
        }
    }

    static void AllToAll(Communicator communicator, long[,] counts, int operation, IncrementalHash hash, bool begun)
    {
        var (rank, size) = (communicator.Rank, communicator.Size);
        var sendCounts = Enumerable.Range(0, size).Select(to => counts[rank, to]).ToArray();
        var receiveCounts = Enumerable.Range(0, size).Select(from => counts[from, rank]).ToArray();
        byte[] send = GC.AllocateArray<byte>((int)sendCounts.Sum(), true), receive = GC.AllocateArray<byte>((int)receiveCounts.Sum(), true);
        Split(send, sendCounts, (block, to) => Fill(block, operation, rank, to));
        if (begun)
        {
            var pending = communicator.BeginAllToAll(Address(send), sendCounts, Address(receive), receiveCounts);
            pending.Wait();
            pending.Wait();
        }
        else
            communicator.AllToAll(send, sendCounts, receive, receiveCounts);
        Split(receive, receiveCounts, (block, from) => Look(block, operation, from, rank, hash));
    }

    static void AllGather(Communicator communicator, long[,] counts, int operation, IncrementalHash hash)
    {
        var perRank = Enumerable.Range(0, communicator.Size).Select(rank => counts[rank, 0]).ToArray();
        byte[] own = new byte[perRank[communicator.Rank]], all = new byte[perRank.Sum()];
        Fill(own, operation, communicator.Rank, 0);
        communicator.AllGather(own, all, perRank);
        Split(all, perRank, (block, from) => Look(block, operation, from, 0, hash));
    }

    /// <summary>Two operations at once, awaited in the other order; the second has its own block where it belongs already.</summary>
    static void Two(Communicator communicator, long[,] counts, int operation, IncrementalHash hash)
    {
        var (rank, size) = (communicator.Rank, communicator.Size);
        var first = Enumerable.Range(0, size).Select(from => counts[from, 0]).ToArray();
        var second = Enumerable.Range(0, size).Select(from => counts[from, size - 1]).ToArray();
        byte[] own = GC.AllocateArray<byte>((int)first[rank], true), one = GC.AllocateArray<byte>((int)first.Sum(), true), two = GC.AllocateArray<byte>((int)second.Sum(), true);
        Fill(own, operation, rank, 0);
        Split(two, second, (block, from) =>
        {
            if (from == rank)
                Fill(block, operation, rank, 1);
        });
        var a = communicator.BeginAllGather(Address(own), Address(one), first);
        var b = communicator.BeginAllGather(Address(two) + (nint)second.Take(rank).Sum(), Address(two), second);
        b.Wait();
        a.Wait();
        Split(one, first, (block, from) => Look(block, operation, from, 0, hash));
        Split(two, second, (block, from) => Look(block, operation, from, 1, hash));
    }

    static nint Address(byte[] pinned) => Marshal.UnsafeAddrOfPinnedArrayElement(pinned, 0);

    static void Split(byte[] all, long[] counts, Action<Memory<byte>, int> action)
    {
        var start = 0;
        for (var rank = 0; rank < counts.Length; start += (int)counts[rank++])
            action(all.AsMemory(start, (int)counts[rank]), rank);
    }

    static void Fill(Memory<byte> block, int operation, int from, int to)
    {
        for (var i = 0; i < block.Length; i++)
            block.Span[i] = Value(operation, from, to, i);
    }

    static void Look(ReadOnlyMemory<byte> block, int operation, int from, int to, IncrementalHash hash)
    {
        var bytes = block.Span;
        for (var i = 0; i < bytes.Length; i++)
            if (bytes[i] != Value(operation, from, to, i))
                throw new InvalidOperationException($"Byte {i} of {bytes.Length} from rank {from} to {to} in operation {operation} is {bytes[i]}.");
        hash.AppendData(bytes);
    }

    static byte Value(int operation, int from, int to, int place) => (byte)(((uint)place * 2_654_435_761u >> 24) + (uint)(operation * 31 + from * 7 + to * 13));
}
