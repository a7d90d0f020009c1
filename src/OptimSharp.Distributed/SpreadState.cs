using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;
using OptimSharp.Engine;

namespace OptimSharp.Distributed;

/// <summary>A state whose tensors stay on the ranks that have them, while rank 0 saves it: it asks for bytes, piece by piece, and the others send what they have of them.</summary>
sealed unsafe class SpreadState(Communicator communicator)
{
    const int Piece = 4 << 20;
    const string Mark = "\0spread";
    const long Done = -1, Failed = -2;

    readonly List<Spread> all = []; // in the same order on all ranks
    readonly NativeBuffer buffer = new();
    (Spread? Of, long First, int Count) fetched; // what is in the buffer
    bool isBroken;

    Communicator Communicator => communicator;

    /// <summary>Whether rank 0 is saving.</summary>
    public bool IsRunning { get; private set; }

    /// <summary>Bytes that are on several ranks.</summary>
    /// <param name="own">Those of this rank; null for none.</param>
    /// <param name="counts">How many each rank has, one after the other.</param>
    public TensorStorage Add(HostTensor? own, long[] counts)
    {
        var spread = new Spread(this, all.Count, own, counts);
        all.Add(spread);
        return spread;
    }

    /// <summary>A tensor that this rank has whole, and no other has.</summary>
    public object Save(StateTensor tensor) => tensor is PackedTensor packed
        ? PackedState.Save(packed.Format, packed.Shape, AddWhole(packed.Codes), AddWhole(packed.Scales))
        : new TensorData(AddWhole((HostTensor)tensor), tensor.Type, tensor.Shape);

    /// <summary>Gives all ranks the structure of a state that one rank has; the tensors of <see cref="Save"/> stay there.</summary>
    public StateDict? Share(StateDict? state, int owner)
    {
        var outline = communicator.Broadcast(state is null ? null : (StateDict)Outline(state)!, owner);
        return communicator.Rank == owner ? state : outline is null ? null : (StateDict)Filled(outline, owner)!;
    }

    /// <summary>Runs what saves, on rank 0; the others answer until it is done.</summary>
    public void Run(Action save)
    {
        if (communicator.Rank != 0)
        {
            while (Answer())
            {
            }
            return;
        }
        IsRunning = true;
        try
        {
            save();
        }
        catch (Exception e) when (!isBroken)
        {
            byte[] message = Encoding.UTF8.GetBytes(e.Message);
            Tell(Failed, 0, message.Length);
            communicator.Broadcast(message, 0);
            throw;
        }
        finally
        {
            (IsRunning, fetched) = (false, default);
        }
        Tell(Done, 0, 0);
    }

    TensorStorage AddWhole(HostTensor tensor)
    {
        var counts = new long[communicator.Size];
        counts[communicator.Rank] = tensor.Count * tensor.Type.Size();
        return Add(tensor, counts);
    }

    static object? Outline(object? value) => value switch
    {
        TensorData { Storage: Spread spread } tensor => new StateDict { { Mark, (long)spread.Number }, { "type", (long)tensor.ElementType }, { "shape", tensor.Shape.ToArray() } },
        StateDict dict => Copied(dict, Outline),
        object?[] list => list.Select(Outline).ToArray(),
        _ => value,
    };

    object? Filled(object? value, int owner)
    {
        switch (value)
        {
            case StateDict dict when dict.TryGetValue(Mark, out object? number):
                var type = (ElementType)(long)dict["type"]!;
                long[] shape = [.. ((IReadOnlyList<object?>)dict["shape"]!).Select(size => (long)size!)];
                var counts = new long[communicator.Size];
                counts[owner] = shape.Aggregate(1L, (product, size) => product * size) * type.Size();
                return (long)number! == all.Count ? new TensorData(Add(null, counts), type, shape) : throw new UnreachableException("Tensors come in another order than they were added in.");
            case StateDict dict:
                return Copied(dict, entry => Filled(entry, owner));
            case object?[] list:
                return list.Select(entry => Filled(entry, owner)).ToArray();
            default:
                return value;
        }
    }

    static StateDict Copied(StateDict dict, Func<object?, object?> change)
    {
        var copy = new StateDict();
        foreach (var (key, value) in dict)
            copy[key] = change(value);
        return copy;
    }

    void Tell(long number, long first, long count)
    {
        Span<long> message = [number, first, count];
        communicator.Broadcast(MemoryMarshal.AsBytes(message), 0);
    }

    /// <summary>Does what rank 0 asks for next; false when it is done.</summary>
    bool Answer()
    {
        Span<long> message = stackalloc long[3];
        var limit = communicator.TimeLimit;
        communicator.TimeLimit = Timeout.InfiniteTimeSpan; // a disk may be slow; that rank 0 has ended is told all the same
        try
        {
            communicator.Broadcast(MemoryMarshal.AsBytes(message), 0);
        }
        finally
        {
            communicator.TimeLimit = limit;
        }
        if (message[0] == Done)
            return false;
        if (message[0] == Failed)
        {
            var text = new byte[message[2]];
            communicator.Broadcast(text, 0);
            throw new CommunicationException($"Rank 0 could not save: {Encoding.UTF8.GetString(text)}");
        }
        all[(int)message[0]].Exchange(message[1], message[2], null);
        return true;
    }

    ReadOnlySpan<byte> Read(Spread from, long first, int count)
    {
        if (fetched.Of != from || first < fetched.First || first + count > fetched.First + fetched.Count)
        {
            int length = (int)Math.Min(from.Bytes - first, Math.Max(count, Piece)), room = Math.Max(Piece, length);
            fetched = default;
            Fetch(from, first, length, (byte*)buffer.Ensure(room));
            fetched = (from, first, length);
        }
        return new((byte*)buffer.Ensure(0) + (first - fetched.First), count);
    }

    void Fetch(Spread from, long first, long count, byte* to)
    {
        if (!IsRunning)
            throw new InvalidOperationException("This tensor is on several ranks: it could be read while it was saved, on rank 0.");
        isBroken = true; // if this does not come back
        Tell(from.Number, first, count);
        from.Exchange(first, count, to);
        isBroken = false;
    }

    /// <summary>Bytes that are on several ranks, one's after the other's.</summary>
    sealed class Spread(SpreadState state, int number, HostTensor? own, long[] counts) : DeferredStorage(counts.Sum())
    {
        public int Number => number;

        protected override int Piece => SpreadState.Piece;

        /// <summary>What is read in small pieces is fetched in large ones.</summary>
        public override ReadOnlySpan<byte> Read(long first, int count) => state.Read(this, first, count);

        protected override void Fetch(byte* to, long first, int count)
        {
            if (count < Piece)
                Read(first, count).CopyTo(new(to, count));
            else
                state.Fetch(this, first, count, to);
        }

        /// <summary>Every rank sends rank 0 what it has of some bytes.</summary>
        /// <param name="first">The first of them.</param>
        /// <param name="count">How many.</param>
        /// <param name="to">Where they go on rank 0.</param>
        public void Exchange(long first, long count, byte* to)
        {
            var ranks = state.Communicator;
            Span<long> send = stackalloc long[ranks.Size], receive = stackalloc long[ranks.Size];
            send.Clear();
            receive.Clear();
            byte* from = null;
            long start = 0;
            for (int rank = 0; rank < counts.Length; start += counts[rank++])
            {
                long begin = Math.Max(first, start), part = Math.Min(first + count, start + counts[rank]) - begin;
                if (part <= 0)
                    continue;
                if (ranks.Rank == 0)
                    receive[rank] = part;
                if (ranks.Rank == rank)
                {
                    send[0] = part;
                    from = (byte*)own!.Start + (begin - start);
                }
            }
            ranks.BeginAllToAll((nint)from, send, (nint)to, receive).Wait();
            GC.KeepAlive(own);
        }
    }
}
