using OptimSharp.Engine;

namespace OptimSharp.Cuda.Tests;

/// <summary>
/// Numbers that show the smallest difference: over 26 decades, or as many as the type has, and among them zeros of both signs, infinities, NaN, the smallest and
/// the largest numbers. The same ones for a stream always.
/// </summary>
static unsafe class HardNumbers
{
    const int Pool = 1 << 17;

    static readonly Dictionary<(ElementType, int), double[]> drawn = [];

    /// <summary>Fills memory with a stream's numbers from an offset on.</summary>
    /// <param name="to">The memory.</param>
    /// <param name="type">What it stores.</param>
    /// <param name="count">How many, at most 2¹⁶.</param>
    /// <param name="stream">Which numbers: 0 for parameters, 1 for gradients, from 2 on for states, of which seven in eight are positive.</param>
    /// <param name="offset">Where in the stream to begin.</param>
    public static void Fill(byte* to, ElementType type, int count, int stream, int offset)
    {
        double[] numbers;
        lock (drawn)
        {
            if (!drawn.TryGetValue((type, stream), out numbers!))
                drawn.Add((type, stream), numbers = Draw(type, stream));
        }
        fixed (double* from = &numbers[offset % (Pool / 2)])
        {
            if (type == ElementType.Float64)
                new Span<double>(from, count).CopyTo(new(to, count));
            else
                Storage.Save(from, to, type, (nint)count);
        }
    }

    static double[] Draw(ElementType type, int stream)
    {
        var (smallest, normal, largest, first, last) = type switch
        {
            ElementType.Float64 => (double.Epsilon, Math.ScaleB(1, -1022), double.MaxValue, -20, 6),
            ElementType.Float16 => (Math.ScaleB(1, -24), Math.ScaleB(1, -14), 65504.0, -8, 5),
            _ => (Math.ScaleB(1, type == ElementType.BFloat16 ? -133 : -149), Math.ScaleB(1, -126), type == ElementType.BFloat16 ? Math.ScaleB(255, 120) : float.MaxValue, -20, 6),
        };
        double[] special = [0, smallest, 3 * smallest, normal - smallest, normal, 1, largest, double.PositiveInfinity, double.NaN, Math.Sqrt(smallest)];
        var random = new Random(7 + stream);
        double[] numbers = new double[Pool];
        for (int i = 0; i < Pool; i++)
        {
            double size = random.Next(12) == 0 ? special[random.Next(special.Length)] : (1 + random.NextDouble()) * Math.Pow(10, first + random.NextDouble() * (last - first));
            numbers[i] = random.Next(stream < 2 ? 2 : 8) == 0 ? -size : size;
        }
        return numbers;
    }
}
