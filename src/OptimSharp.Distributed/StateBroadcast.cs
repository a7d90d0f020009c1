using System.Runtime.InteropServices;
using System.Text;

namespace OptimSharp.Distributed;

/// <summary>A state dict that goes from one rank to all, as the bytes of its file, piece by piece.</summary>
static class StateBroadcast
{
    const int Piece = 4 << 20, Done = 0, None = -1, Failed = -2;

    /// <summary>Gives all ranks the root's state.</summary>
    public static void Send(Communicator communicator, StateDict? state)
    {
        if (state is null)
        {
            Tell(communicator, None);
            return;
        }
        using var pieces = new Sender(communicator);
        try
        {
            Checkpoint.Save(pieces, state, options: new() { AllowObjects = true });
        }
        catch (Exception e) when (e is not CommunicationException)
        {
            byte[] message = Encoding.UTF8.GetBytes(e.Message);
            Tell(communicator, Failed);
            Tell(communicator, message.Length);
            communicator.Broadcast(message, communicator.Rank);
            throw;
        }
        pieces.SendRest();
        Tell(communicator, Done);
    }

    /// <summary>Takes it.</summary>
    public static StateDict? Receive(Communicator communicator, int root)
    {
        var pieces = new List<byte[]>();
        for (; ; )
        {
            int length = Told(communicator, root);
            if (length == None)
                return null;
            if (length == Done)
                return Checkpoint.Load(new Pieces(pieces));
            var bytes = new byte[length == Failed ? Told(communicator, root) : length];
            communicator.Broadcast(bytes, root);
            if (length == Failed)
                throw new CommunicationException($"Rank {root} could not send its state: {Encoding.UTF8.GetString(bytes)}");
            pieces.Add(bytes);
        }
    }

    static void Tell(Communicator communicator, int number) => communicator.Broadcast(MemoryMarshal.AsBytes(new Span<int>(ref number)), communicator.Rank);

    static int Told(Communicator communicator, int root)
    {
        int number = 0;
        communicator.Broadcast(MemoryMarshal.AsBytes(new Span<int>(ref number)), root);
        return number;
    }

    /// <summary>Sends what is written.</summary>
    sealed class Sender(Communicator communicator) : Stream
    {
        readonly byte[] piece = new byte[Piece];
        int filled;

        public override bool CanRead => false;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => throw new NotSupportedException();

        public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

        public override void Write(ReadOnlySpan<byte> bytes)
        {
            while (bytes.Length > 0)
            {
                int part = Math.Min(bytes.Length, Piece - filled);
                bytes[..part].CopyTo(piece.AsSpan(filled));
                filled += part;
                bytes = bytes[part..];
                if (filled == Piece)
                    SendRest();
            }
        }

        public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

        public void SendRest()
        {
            if (filled == 0)
                return;
            Tell(communicator, filled);
            communicator.Broadcast(piece.AsSpan(0, filled), communicator.Rank);
            filled = 0;
        }

        public override void Flush()
        {
        }

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();
    }

    /// <summary>Reads what was sent. All pieces but the last have the same length.</summary>
    sealed class Pieces(List<byte[]> pieces) : Stream
    {
        public override bool CanRead => true;

        public override bool CanSeek => true;

        public override bool CanWrite => false;

        public override long Length { get; } = pieces.Sum(piece => (long)piece.Length);

        public override long Position { get; set; }

        public override int Read(Span<byte> to)
        {
            if (Position >= Length)
                return 0;
            var (piece, at) = Math.DivRem(Position, Piece);
            var from = pieces[(int)piece].AsSpan((int)at);
            int count = Math.Min(from.Length, to.Length);
            from[..count].CopyTo(to);
            Position += count;
            return count;
        }

        public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

        public override long Seek(long offset, SeekOrigin origin) => Position = offset + origin switch
        {
            SeekOrigin.Begin => 0,
            SeekOrigin.Current => Position,
            _ => Length,
        };

        public override void Flush()
        {
        }

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
