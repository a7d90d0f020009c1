using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace OptimSharp.Engine;

/// <summary>State in few bits, in host memory: codes, and a scale for each block (<see cref="BlockFormat"/>). It is read and written as numbers in single precision.</summary>
internal sealed unsafe class PackedTensor : StateTensor
{
    public PackedTensor(ReadOnlySpan<long> shape, BlockFormat format) : base(shape, ElementType.UInt8)
    {
        Format = format;
        Codes = new([format.CodeBytes(Count)], ElementType.UInt8);
        Scales = new([format.Blocks(Count)], ElementType.Float32);
        if (format.ZeroCodes() is var zero and > 0) // else zeros would be −0
            NativeMemory.Fill(Codes.Start, (nuint)Codes.Bytes, zero);
    }

    PackedTensor(ReadOnlySpan<long> shape, BlockFormat format, HostTensor codes, HostTensor scales) : base(shape, ElementType.UInt8) => (Format, Codes, Scales) = (format, codes, scales);

    public override BlockFormat Format { get; }

    /// <summary>The codes, one after the other.</summary>
    public HostTensor Codes { get; }

    /// <summary>The blocks' scales.</summary>
    public HostTensor Scales { get; }

    public override long Bytes => Codes.Bytes + Scales.Bytes;

    /// <summary>The same memory in another format whose codes stand for the same.</summary>
    public PackedTensor As(BlockFormat format) => format == Format ? this : new(Shape, format, Codes, Scales);

    public override void Fill(double value) => EachBlock((block, first, count) =>
    {
        new Span<float>((float*)block, count).Fill((float)value);
        Encode((float*)block, first, count);
    });

    public override void CopyTo(Span<double> destination)
    {
        fixed (double* to = destination)
            Read(to);
    }

    public override void CopyFrom(ReadOnlySpan<double> source)
    {
        fixed (double* from = source)
            Write(from);
    }

    public override void Read<T>(T* to) => EachBlock((block, first, count) =>
    {
        Decode((float*)block, first, count);
        Storage.Save((float*)block, (byte*)to + first * sizeof(T), Storage.Of<T>(), count);
    });

    public override void Write<T>(T* from) => EachBlock((block, first, count) =>
    {
        Storage.Load((byte*)from + first * sizeof(T), Storage.Of<T>(), (float*)block, count);
        Encode((float*)block, first, count);
    });

    public override void Dispose()
    {
        Codes.Dispose();
        Scales.Dispose();
    }

    void Decode(float* to, nint first, int count) => Format.Decode((byte*)Codes.Start, (float*)Scales.Start, first, to, count);

    void Encode(float* from, nint first, int count) => Format.Encode(from, count, (byte*)Codes.Start, (float*)Scales.Start, first);

    [SkipLocalsInit]
    void EachBlock(Action<nint, nint, int> action)
    {
        float* block = stackalloc float[BlockFormats.Longest];
        nint count = (nint)Count;
        for (nint first = 0; first < count; first += BlockFormats.Longest)
            action((nint)block, first, (int)Math.Min(BlockFormats.Longest, count - first));
        GC.KeepAlive(this);
    }
}
