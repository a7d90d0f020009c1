namespace OptimSharp;

/// <summary>How the library uses the machine.</summary>
public static class Execution
{
    static int threads = Environment.ProcessorCount;

    /// <summary>
    /// How many threads a step may use, ≥ 1. At first, the processors of this process. Results do not depend on it, to the bit.
    /// With OptimSharp.Torch on Linux, steps run on libtorch's threads, and on no more than <c>torch.get_num_threads()</c>.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The number is below 1.</exception>
    public static int ThreadCount
    {
        get => threads;
        set
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(value, 1);
            threads = value;
        }
    }

    /// <summary>
    /// Whether rules run over SIMD registers where the processor has any. Default true; false, and they run over single numbers, several times slower. Off
    /// is for tests of a rule, which compare: results do not depend on it either, to the bit.
    /// </summary>
    public static bool UsesWideLanes { get; set; } = true;
}
