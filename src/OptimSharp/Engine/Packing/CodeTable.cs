using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace OptimSharp.Engine;

/// <summary>What each code of a byte stands for.</summary>
internal sealed unsafe class CodeTable
{
    readonly byte* planes; // the lowest bytes of all values, then the next, …

    public CodeTable(ReadOnlySpan<float> values)
    {
        Values = Memory<float>(256);
        planes = Memory<byte>(4 * 256);
        for (int code = 0; code < 256; code++)
        {
            Values[code] = values[code];
            for (int plane = 0; plane < 4; plane++)
                planes[256 * plane + code] = (byte)(BitConverter.SingleToUInt32Bits(values[code]) >> (8 * plane));
        }
    }

    /// <summary>The 256 values.</summary>
    public float* Values { get; }

    /// <summary>Each code's value times the scale.</summary>
    public void Decode(byte* codes, float scale, float* to, int count)
    {
        int i = 0;
        if (Avx512Vbmi.IsSupported)
            i = DecodeWith512(codes, scale, to, count);
        float* values = Values;
        for (; i <= count - 8; i += 8)
        {
            // One at a time is faster than gathering them.
            ulong eight = *(ulong*)(codes + i);
            to[i] = values[(byte)eight] * scale;
            to[i + 1] = values[(byte)(eight >> 8)] * scale;
            to[i + 2] = values[(byte)(eight >> 16)] * scale;
            to[i + 3] = values[(byte)(eight >> 24)] * scale;
            to[i + 4] = values[(byte)(eight >> 32)] * scale;
            to[i + 5] = values[(byte)(eight >> 40)] * scale;
            to[i + 6] = values[(byte)(eight >> 48)] * scale;
            to[i + 7] = values[eight >> 56] * scale;
        }
        for (; i < count; i++)
            to[i] = values[codes[i]] * scale;
    }

    /// <summary>The bits of the number nearest to an edge whose lowest four bits are a number from 0 to 15; without an edge, bits above those of all numbers.</summary>
    public static int Numbered(float? edge, int number) => edge is { } x ? (BitConverter.SingleToInt32Bits(x) - number + 8 & ~15) + number : int.MaxValue & ~15 | number;

    /// <summary>Memory of zeros that stays.</summary>
    public static T* Memory<T>(int count) where T : unmanaged
    {
        nuint bytes = (nuint)(count * sizeof(T));
        void* memory = NativeMemory.AlignedAlloc(bytes, 64);
        NativeMemory.Clear(memory, bytes);
        return (T*)memory;
    }

    // 64 at a time: each byte of the values by permutations of its 256 bytes, then put together.
    int DecodeWith512(byte* codes, float scale, float* to, int count)
    {
        var scales = Vector512.Create(scale);
        // Unpacking makes rows of four values in each 128 bits; so the codes are sorted for it first.
        var order = Vector512.Create(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
        int i = 0;
        for (; i <= count - 64; i += 64)
        {
            var code = Avx512F.PermuteVar16x32(Vector512.Load((int*)(codes + i)), order).AsByte();
            var isHigh = Vector512.LessThan(code.AsSByte(), Vector512<sbyte>.Zero).AsByte();
            var b0 = Plane(planes, code, isHigh);
            var b1 = Plane(planes + 256, code, isHigh);
            var b2 = Plane(planes + 512, code, isHigh);
            var b3 = Plane(planes + 768, code, isHigh);
            var low = Avx512BW.UnpackLow(b0, b1).AsUInt16();
            var high = Avx512BW.UnpackLow(b2, b3).AsUInt16();
            Vector512.Store(Avx512BW.UnpackLow(low, high).AsSingle() * scales, to + i);
            Vector512.Store(Avx512BW.UnpackHigh(low, high).AsSingle() * scales, to + i + 16);
            low = Avx512BW.UnpackHigh(b0, b1).AsUInt16();
            high = Avx512BW.UnpackHigh(b2, b3).AsUInt16();
            Vector512.Store(Avx512BW.UnpackLow(low, high).AsSingle() * scales, to + i + 32);
            Vector512.Store(Avx512BW.UnpackHigh(low, high).AsSingle() * scales, to + i + 48);
        }
        return i;

        static Vector512<byte> Plane(byte* plane, Vector512<byte> code, Vector512<byte> isHigh) => Vector512.ConditionalSelect(isHigh,
            Avx512Vbmi.PermuteVar64x8x2(Vector512.Load(plane + 128), code, Vector512.Load(plane + 192)),
            Avx512Vbmi.PermuteVar64x8x2(Vector512.Load(plane), code, Vector512.Load(plane + 64)));
    }
}
