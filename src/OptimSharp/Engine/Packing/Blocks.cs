using System.Runtime.Intrinsics;

namespace OptimSharp.Engine;

/// <summary>What all codecs of blocks need.</summary>
internal static unsafe class Blocks
{
    /// <summary>The largest |x|; not finite when a number is not.</summary>
    public static float Largest(float* from, int count)
    {
        // Bits of numbers ≥ 0 are in the order of the numbers, infinity and NaN above all.
        int largest = 0, i = 0;
        if (Vector512.IsHardwareAccelerated)
        {
            Vector512<int> mask = Vector512.Create(int.MaxValue), x = default, y = default;
            for (; i <= count - 32; i += 32)
            {
                x = Vector512.Max(x, Vector512.Load((int*)from + i) & mask);
                y = Vector512.Max(y, Vector512.Load((int*)from + i + 16) & mask);
            }
            largest = Largest(Vector512.Max(x, y));
        }
        else
        {
            Vector256<int> mask = Vector256.Create(int.MaxValue), x = default, y = default;
            for (; i <= count - 16; i += 16)
            {
                x = Vector256.Max(x, Vector256.Load((int*)from + i) & mask);
                y = Vector256.Max(y, Vector256.Load((int*)from + i + 8) & mask);
            }
            x = Vector256.Max(x, y);
            for (int k = 0; k < 8; k++)
                largest = Math.Max(largest, x[k]);
        }
        for (; i < count; i++)
            largest = Math.Max(largest, BitConverter.SingleToInt32Bits(from[i]) & int.MaxValue);
        return BitConverter.Int32BitsToSingle(largest);

        static int Largest(Vector512<int> x)
        {
            var y = Vector256.Max(x.GetLower(), x.GetUpper());
            var z = Vector128.Max(y.GetLower(), y.GetUpper());
            z = Vector128.Max(z, Vector128.Shuffle(z, Vector128.Create(2, 3, 0, 1)));
            return Math.Max(z[0], z[1]);
        }
    }
}
