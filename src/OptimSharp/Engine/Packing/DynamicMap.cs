namespace OptimSharp.Engine;

/// <summary>
/// The 256 numbers in [−1, 1], or [0, 1], that the codes of 8-bit dynamic state stand for: seven decades, each cut into twice as many equal parts as the one below (Dettmers et al.,
/// <see href="https://arxiv.org/abs/2110.02861">8-bit Optimizers via Block-wise Quantization</see>).
/// </summary>
/// <remarks>
/// A code is a linear function of |y| in each decade, without its fraction: its value is the nearest one, unless rounding of that function decides, within 2e-4 of the distance between two values around their middle.
/// It is computed in single precision, in one order; so every processor gives the same codes. Zero and the one number above the highest decade, 1, count as decades of one code.
/// </remarks>
internal sealed unsafe partial class DynamicMap
{
    /// <summary>The decades, with zero's and 1's.</summary>
    public const int Pieces = 9;

    /// <summary>Smaller numbers are as this one: zeros, and in the map without a sign the smallest above it.</summary>
    public const float Smallest = 1f / (1 << 30);

    /// <summary>For numbers with a sign, and for numbers ≥ 0.</summary>
    public static DynamicMap Signed { get; } = new(true);

    /// <inheritdoc cref="Signed"/>
    public static DynamicMap Unsigned { get; } = new(false);

    DynamicMap(bool isSigned)
    {
        IsSigned = isSigned;
        int zero = isSigned ? 127 : 0;
        Span<float> values = stackalloc float[256];
        for (int code = 0; code < 256; code++)
            values[code] = BitConverter.UInt32BitsToSingle(!isSigned ? UnsignedBits[code] : code >= zero ? SignedBits[code - zero] : SignedBits[zero - code] | 0x8000_0000);
        Table = new(values);

        Slopes = CodeTable.Memory<float>(16);
        Offsets = CodeTable.Memory<float>(16);
        Lasts = CodeTable.Memory<float>(16);
        Edges = CodeTable.Memory<int>(16);
        EdgeOfExponent = CodeTable.Memory<int>(32);
        DecadeOfExponent = CodeTable.Memory<byte>(32);
        for (int k = 0; k < Pieces; k++)
        {
            int parts = isSigned ? 1 << (k - 1) : 1 << k, first = isSigned ? parts : parts - 1; // the decade's first code, counted from zero's
            if (k is > 0 and < Pieces - 1)
            {
                Slopes[k] = (float)(Math.Pow(10, 7 - k) / 0.9 * parts);
                Offsets[k] = (float)(first - parts / 9.0);
                Lasts[k] = first + parts - 1;
            }
            else
            {
                Offsets[k] = Lasts[k] = k > 0 ? 255 - zero : isSigned ? 0 : 1; // an average of squares that became zero would make a long step
            }
            // The edge is next to the middle between this decade's last value and the next's first: its lowest four bits are the decade's number.
            int last = zero + (int)Lasts[k];
            Edges[k] = CodeTable.Numbered(last < 255 ? (values[last] + values[last + 1]) / 2 : null, k);
        }
        for (int exponent = 97; exponent <= 127; exponent++)
        {
            int k = 0; // the decade that numbers with this exponent begin in; none of them are in more than two
            while (Edges[k] < exponent << 23)
                k++;
            EdgeOfExponent[exponent & 31] = Edges[k];
            DecadeOfExponent[exponent & 31] = (byte)k;
        }
    }

    /// <summary>Whether it has values below zero.</summary>
    public bool IsSigned { get; }

    /// <summary>What each code stands for.</summary>
    public CodeTable Table { get; }

    /// <summary>For each decade: its codes, counted from zero's, are slope · |y| + offset without its fraction, and no higher than the last.</summary>
    public float* Slopes { get; }

    /// <inheritdoc cref="Slopes"/>
    public float* Offsets { get; }

    /// <inheritdoc cref="Slopes"/>
    public float* Lasts { get; }

    /// <summary>The bits of the largest |y| of each decade; the lowest four are the decade's number instead.</summary>
    public int* Edges { get; }

    /// <summary>The edge of the decade that numbers with an exponent begin in, by the exponent's lowest five bits: for numbers from <see cref="Smallest"/> to 1.</summary>
    public int* EdgeOfExponent { get; }

    /// <summary>The decade with that edge.</summary>
    public byte* DecadeOfExponent { get; }

    /// <summary>The code of a number.</summary>
    public byte Code(float y)
    {
        float size = MathF.Max(IsSigned ? MathF.Abs(y) : y, Smallest);
        int k = 0;
        while (BitConverter.SingleToInt32Bits(size) > Edges[k])
            k++;
        int place = (int)MathF.Min(Slopes[k] * size + Offsets[k], Lasts[k]);
        return (byte)(!IsSigned ? place : float.IsNegative(y) ? Math.Max(127 - place, 0) : 127 + place);
    }
}
