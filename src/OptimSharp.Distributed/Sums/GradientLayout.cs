using OptimSharp.Engine;

namespace OptimSharp.Distributed;

/// <summary>
/// All parameters' numbers in one row, in the order of the groups, cut into chunks that never reach over two parameters. Sums are laid out in the type
/// computed in, values and gradients in the parameters' own.
/// </summary>
sealed class GradientLayout
{
    const int Boundary = 64;

    readonly nint[] chunks; // the first of each parameter, and their number

    public GradientLayout(IEnumerable<Parameter> parameters)
    {
        Parameters = [.. parameters];
        chunks = new nint[Parameters.Length + 1];
        SumOffsets = new nint[Parameters.Length + 1];
        ValueOffsets = new nint[Parameters.Length + 1];
        for (int i = 0; i < Parameters.Length; i++)
        {
            var parameter = Parameters[i];
            chunks[i + 1] = chunks[i] + ParameterPart.ChunksOf(parameter.Numbers);
            SumOffsets[i + 1] = After(SumOffsets[i], parameter.Numbers * SumSize(i));
            ValueOffsets[i + 1] = After(ValueOffsets[i], parameter.Numbers * ValueSize(i));
        }

        static nint After(nint offset, long bytes) => checked((nint)(offset + (bytes + Boundary - 1) / Boundary * Boundary));
    }

    public Parameter[] Parameters { get; }

    /// <summary>How many chunks there are.</summary>
    public nint Chunks => chunks[^1];

    /// <summary>Where each parameter's sums begin; in the end, how many bytes they are.</summary>
    public nint[] SumOffsets { get; }

    /// <summary>Where each parameter's values or gradients begin; in the end, how many bytes they are.</summary>
    public nint[] ValueOffsets { get; }

    public nint FirstChunk(int parameter) => chunks[parameter];

    /// <summary>The bytes of a number in a sum.</summary>
    public int SumSize(int parameter) => SumType(parameter).Size();

    public ElementType SumType(int parameter) => Parameters[parameter].ElementType.Compute();

    /// <summary>The bytes of a number as the parameter has it.</summary>
    public int ValueSize(int parameter) => Parameters[parameter].ElementType.Real().Size();

    /// <summary>Where a chunk is.</summary>
    public ChunkPlace this[nint chunk]
    {
        get
        {
            int low = 0, high = Parameters.Length - 1;
            while (low < high)
            {
                int middle = (low + high + 1) / 2;
                if (chunks[middle] <= chunk)
                    low = middle;
                else
                    high = middle - 1;
            }
            long first = (long)(chunk - chunks[low]) * GradientChunk.Size;
            return new(low, first, (int)Math.Min(GradientChunk.Size, Parameters[low].Numbers - first));
        }
    }
}

/// <summary>A chunk of a parameter's numbers.</summary>
/// <param name="Parameter">Which parameter.</param>
/// <param name="First">Its first number.</param>
/// <param name="Count">How many numbers.</param>
readonly record struct ChunkPlace(int Parameter, long First, int Count);
