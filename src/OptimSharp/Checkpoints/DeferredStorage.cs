namespace OptimSharp;

/// <summary>Bytes that are elsewhere: each use fetches what it needs, until somebody wants them all, which are in memory from then on.</summary>
internal abstract unsafe class DeferredStorage : TensorStorage
{
    [ThreadStatic]
    static byte[]? buffer;

    readonly Lock gate = new();
    TensorStorage? whole;

    protected DeferredStorage(long bytes) => Bytes = bytes;

    /// <summary>How many bytes are fetched at once when all are: a multiple of every element's.</summary>
    protected virtual int Piece => 1 << 20;

    public sealed override byte* Start
    {
        get
        {
            lock (gate)
            {
                if (whole is null)
                {
                    var all = new TensorStorage(Bytes);
                    for (long at = 0; at < Bytes; at += Piece)
                        Fetch(all.Start + at, at, (int)Math.Min(Piece, Bytes - at));
                    whole = all;
                }
                return whole.Start;
            }
        }
    }

    public override ReadOnlySpan<byte> Read(long first, int count)
    {
        if (buffer is null || buffer.Length < count)
            buffer = new byte[count];
        fixed (byte* to = buffer)
            CopyTo(to, first, count);
        return buffer.AsSpan(0, count);
    }

    public sealed override void CopyTo(byte* to, long first, int count)
    {
        if (whole is { } all)
            all.CopyTo(to, first, count);
        else
            Fetch(to, first, count);
    }

    /// <summary>Brings some of the bytes.</summary>
    /// <param name="to">Where they go.</param>
    /// <param name="first">The first, at the beginning of an element.</param>
    /// <param name="count">How many, of whole elements.</param>
    protected abstract void Fetch(byte* to, long first, int count);
}
