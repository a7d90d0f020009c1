using System.Runtime.InteropServices;

namespace OptimSharp.Distributed.Mpi;

/// <summary>Sends and receives notices. Called under <see cref="MpiJob.Calls"/>.</summary>
sealed unsafe class MpiNotices(MpiJob job)
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
        onTheWay.Add((job.Library.Send(memory, bytes.Length, rank, Tag, job.World), memory));
    }

    public void SendAll(MpiNotice notice)
    {
        for (var step = 1; step < job.Size; step++)
            Send((job.Rank + step) % job.Size, notice);
        Forward();
    }

    /// <summary>The next notice that is there; null: none.</summary>
    public MpiNotice? Receive()
    {
        if (!job.Library.Probe(Tag, job.World))
            return null;
        fixed (byte* start = received) // room for the longest: another than the one that was seen may come first
        {
            var request = job.Library.Receive((nint)start, received.Length, job.Library.Handles.AnySource, Tag, job.World);
            int length;
            while (!job.Library.Test(ref request, true, out length)) // it is here already
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
            if (!job.Library.Test(ref request, false, out _))
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
