using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace OptimSharp.Engine;

/// <summary>
/// Philox4x32-10: random bits that follow from a counter and a key, so that they need no state and can be had in any order. Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011.
/// </summary>
internal static unsafe class Philox
{
    /// <summary>How many numbers are made at once: eight counters' eight halves of words.</summary>
    public const int Tile = 64;

    const uint M0 = 0xD2511F53, M1 = 0xCD9E8D57, W0 = 0x9E3779B9, W1 = 0xBB67AE85;
    const int Rounds = 10, Counters = 8;

    /// <summary>
    /// Makes a tile of random numbers in [0, 2¹⁶). Its counters are 8·tile + c, c = 0 … 7, with stream and step above them; the numbers 16w + c and 16w + 8 + c are the lower and the upper half of word w of counter c.
    /// </summary>
    public static void Fill(uint* to, ulong tile, uint stream, uint step, ulong key)
    {
        if (Avx512F.IsSupported)
            Fill512(to, tile, stream, step, key);
        else if (Avx2.IsSupported)
            Fill256(to, tile, stream, step, key);
        else
            FillOneByOne(to, tile, stream, step, key);
    }

    /// <summary>The same without vectors.</summary>
    public static void FillOneByOne(uint* to, ulong tile, uint stream, uint step, ulong key)
    {
        for (int c = 0; c < Counters; c++)
        {
            ulong counter = tile * Counters + (uint)c;
            var (x0, x1, x2, x3) = Block((uint)counter, (uint)(counter >> 32), stream, step, (uint)key, (uint)(key >> 32));
            Store(x0, to + c);
            Store(x1, to + c + 2 * Counters);
            Store(x2, to + c + 4 * Counters);
            Store(x3, to + c + 6 * Counters);
        }

        static void Store(uint word, uint* to) => (to[0], to[Counters]) = (word & 0xFFFF, word >> 16);
    }

    /// <summary>One counter's 128 bits.</summary>
    public static (uint, uint, uint, uint) Block(uint x0, uint x1, uint x2, uint x3, uint k0, uint k1)
    {
        for (int round = 0; round < Rounds; round++, k0 += W0, k1 += W1)
        {
            ulong p0 = (ulong)M0 * x0, p1 = (ulong)M1 * x2;
            (x0, x1, x2, x3) = ((uint)(p1 >> 32) ^ x1 ^ k0, (uint)p1, (uint)(p0 >> 32) ^ x3 ^ k1, (uint)p0);
        }
        return (x0, x1, x2, x3);
    }

    // A word is the lower half of 64 bits. What is above it is not looked at: neither by a product nor in the end.

    static void Fill512(uint* to, ulong tile, uint stream, uint step, ulong key)
    {
        Vector512<ulong> x0 = Vector512.Create(tile * Counters) + Vector512.Create(0UL, 1, 2, 3, 4, 5, 6, 7), x1 = x0 >>> 32, x2 = Vector512.Create((ulong)stream), x3 = Vector512.Create((ulong)step);
        Vector512<uint> m0 = Vector512.Create(M0), m1 = Vector512.Create(M1);
        uint k0 = (uint)key, k1 = (uint)(key >> 32);
        for (int round = 0; round < Rounds; round++, k0 += W0, k1 += W1)
        {
            Vector512<ulong> p0 = Avx512F.Multiply(m0, x0.AsUInt32()), p1 = Avx512F.Multiply(m1, x2.AsUInt32());
            (x0, x1, x2, x3) = ((p1 >>> 32) ^ x1 ^ Vector512.Create((ulong)k0), p1, (p0 >>> 32) ^ x3 ^ Vector512.Create((ulong)k1), p0);
        }
        Store(x0, to);
        Store(x1, to + 2 * Counters);
        Store(x2, to + 4 * Counters);
        Store(x3, to + 6 * Counters);

        static void Store(Vector512<ulong> words, uint* to)
        {
            var narrow = Avx512F.ConvertToVector256UInt32(words);
            (narrow & Vector256.Create(0xFFFFu)).Store(to);
            (narrow >>> 16).Store(to + Counters);
        }
    }

    public static void Fill256(uint* to, ulong tile, uint stream, uint step, ulong key)
    {
        Vector256<ulong> x0 = Vector256.Create(tile * Counters) + Vector256.Create(0UL, 1, 2, 3), x1 = x0 >>> 32, x2 = Vector256.Create((ulong)stream), x3 = Vector256.Create((ulong)step);
        Vector256<ulong> y0 = x0 + Vector256.Create(4UL), y1 = y0 >>> 32, y2 = x2, y3 = x3;
        Vector256<uint> m0 = Vector256.Create(M0), m1 = Vector256.Create(M1);
        uint k0 = (uint)key, k1 = (uint)(key >> 32);
        for (int round = 0; round < Rounds; round++, k0 += W0, k1 += W1)
        {
            Vector256<ulong> a = Vector256.Create((ulong)k0), b = Vector256.Create((ulong)k1);
            Vector256<ulong> p0 = Avx2.Multiply(m0, x0.AsUInt32()), p1 = Avx2.Multiply(m1, x2.AsUInt32()), q0 = Avx2.Multiply(m0, y0.AsUInt32()), q1 = Avx2.Multiply(m1, y2.AsUInt32());
            (x0, x1, x2, x3) = ((p1 >>> 32) ^ x1 ^ a, p1, (p0 >>> 32) ^ x3 ^ b, p0);
            (y0, y1, y2, y3) = ((q1 >>> 32) ^ y1 ^ a, q1, (q0 >>> 32) ^ y3 ^ b, q0);
        }
        Store(x0, y0, to);
        Store(x1, y1, to + 2 * Counters);
        Store(x2, y2, to + 4 * Counters);
        Store(x3, y3, to + 6 * Counters);

        static void Store(Vector256<ulong> words, Vector256<ulong> more, uint* to)
        {
            var narrow = Vector256.Narrow(words, more);
            (narrow & Vector256.Create(0xFFFFu)).Store(to);
            (narrow >>> 16).Store(to + Counters);
        }
    }
}
