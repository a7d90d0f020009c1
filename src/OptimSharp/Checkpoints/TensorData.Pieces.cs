using System.Buffers;
using OptimSharp.Engine;

namespace OptimSharp;

// Tensors of any size, gone over in little memory.
public sealed unsafe partial class TensorData
{
    /// <summary>
    /// Some of the elements as doubles, row by row: what <see cref="ToDoubles"/> gives, in pieces, so that tensors of any size can be gone over in little memory. True is 1. Whole numbers beyond 2⁵³ are rounded.
    /// </summary>
    /// <param name="first">Where to begin, from 0: among the elements, or among the two numbers of each complex one.</param>
    /// <param name="to">Where they go, and how many.</param>
    /// <exception cref="ArgumentOutOfRangeException">The tensor does not have as many from there on.</exception>
    public void ReadDoubles(long first, Span<double> to)
    {
        CheckPart(first, to.Length, Numbers);
        int parts = ElementType.Parts(), size = ElementType.Size();
        long from = first / parts, end = (first + to.Length + parts - 1) / parts;
        const int Piece = 8192;
        byte[] elements = ArrayPool<byte>.Shared.Rent(Piece * size);
        double[] numbers = ArrayPool<double>.Shared.Rent(Piece * parts);
        fixed (byte* start = elements)
        {
            fixed (double* read = numbers)
            {
                for (; from < end; from += Piece)
                {
                    int count = (int)Math.Min(Piece, end - from);
                    CopyTo(start, from, count);
                    Engine.Storage.Load(start, ElementType.Real(), read, count * parts);
                    int skip = (int)Math.Max(0, first - from * parts);
                    var part = numbers.AsSpan(skip, Math.Min(count * parts - skip, to.Length));
                    part.CopyTo(to);
                    to = to[part.Length..];
                }
            }
        }
        ArrayPool<byte>.Shared.Return(elements);
        ArrayPool<double>.Shared.Return(numbers);
    }

    /// <summary>Some of the elements as the bytes that they are stored in, little-endian, row by row.</summary>
    /// <param name="first">The first byte, from 0, of all <see cref="Bytes"/>; at the beginning of an element.</param>
    /// <param name="to">Where they go, and how many: whole elements.</param>
    /// <exception cref="ArgumentOutOfRangeException">The tensor does not have as many from there on.</exception>
    /// <exception cref="ArgumentException">They are no whole elements.</exception>
    public void ReadBytes(long first, Span<byte> to)
    {
        CheckPart(first, to.Length, Bytes);
        int size = ElementType.Size();
        if (first % size != 0 || to.Length % size != 0)
            throw new ArgumentException($"The elements have {size} bytes each, so that {to.Length} bytes from {first} on are no whole ones.", nameof(to));
        fixed (byte* start = to)
            CopyTo(start, first / size, to.Length / size);
    }

    static void CheckPart(long first, int count, long all)
    {
        if (first < 0 || first > all - count)
            throw new ArgumentOutOfRangeException(nameof(first), first, $"There are {all}, and so none to {count} from {first} on.");
    }
}
