using System.Runtime.InteropServices;

namespace OptimSharp.Distributed.Mpi;

/// <summary>Sends and receives notices. The caller holds the session's lock.</summary>
sealed unsafe class MpiNotices(MpiSession session)
{
    /// <summary>The tag of notices; those of operations are above.</summary>
    public const int Tag = 1;

    readonly byte[] received = new byte[MpiNotice.MaxBytes];
    readonly List<(nint Request, nint Memory)> onTheWay = [];

    public void Send(int rank, MpiNotice notice)
    {
        var bytes = notice.ToBytes();
        var memory = (nint)NativeMemory.Alloc((nuint)bytes.Length);
        bytes.CopyTo(new Span<byte>((void*)memory, bytes.Length));
        onTheWay.Add((session.Library.Send(memory, bytes.Length, rank, Tag, session.World), memory));
    }

    public void SendAll(MpiNotice notice)
    {
        for (var step = 1; step < session.Size; step++)
            Send((session.Rank + step) % session.Size, notice);
        Forward();
    }

    /// <summary>The next notice that is there; null: none.</summary>
    public MpiNotice? Receive()
    {
        if (!session.Library.Probe(Tag, session.World))
            return null;
        fixed (byte* start = received) // room for the longest: another than the one that was seen may come first
        {
            var request = session.Library.Receive((nint)start, received.Length, session.Library.Handles.AnySource, Tag, session.World);
            int length;
            while (!session.Library.Test(ref request, true, out length)) // it is here already
            {
            }
            return MpiNotice.Of(received.AsSpan(0, length));
        }
    }

    /// <summary>Frees what has left. A notice that never leaves keeps its memory.</summary>
    public bool Forward()
    {
        for (var i = onTheWay.Count - 1; i >= 0; i--)
        {
            var (request, memory) = onTheWay[i];
            if (!session.Library.Test(ref request, false, out _))
            {
                onTheWay[i] = (request, memory);
                continue;
            }
            NativeMemory.Free((void*)memory);
            onTheWay.RemoveAt(i);
        }
        return onTheWay.Count == 0;
    }
}
