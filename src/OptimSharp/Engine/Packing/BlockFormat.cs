using OptimSharp.Rules;

namespace OptimSharp.Engine;

/// <summary>How numbers of a state are kept in few bits: as codes, and a scale for each block of them.</summary>
internal enum BlockFormat : byte
{
    /// <summary>Not in blocks: as numbers of an <see cref="ElementType"/>.</summary>
    None,

    /// <summary>A byte a number, blocks of 256, <see cref="DynamicMap.Signed"/>.</summary>
    Dynamic8Signed,

    /// <summary>A byte a number, blocks of 256, <see cref="DynamicMap.Unsigned"/>.</summary>
    Dynamic8Unsigned,

    /// <summary>Half a byte a number, blocks of 128, <see cref="Linear4"/>'s map with a sign.</summary>
    Linear4Signed,

    /// <summary>Half a byte a number, blocks of 128, sixteenths.</summary>
    Linear4Unsigned,

    /// <summary>A byte a number, blocks of 256, <see cref="ElementType.Float8E4M3FN"/>.</summary>
    Float8Signed,

    /// <summary>The same for numbers ≥ 0, none of which becomes zero.</summary>
    Float8Unsigned,
}

/// <summary>What is known of each format, and the ways to and from numbers.</summary>
internal static unsafe class BlockFormats
{
    /// <summary>Every format's blocks begin at multiples of it; and a block of numbers in single precision fits the first-level cache many times.</summary>
    public const int Longest = 256;

    /// <summary>Parameters with fewer numbers keep their state as it is computed: it saves nothing there.</summary>
    public const int Fewest = 4096;

    /// <summary>Whether it is a precision of blocks.</summary>
    public static bool IsInBlocks(this StatePrecision precision) => precision >= StatePrecision.Dynamic8;

    /// <summary>Why a parameter's state can't be kept so, as a sentence; null when it can.</summary>
    public static string? Refusal(Parameter parameter, StatePrecision precision) =>
        !Enum.IsDefined(precision) ? $"StatePrecision must be one of {string.Join(", ", Enum.GetNames<StatePrecision>())}, but is {precision}."
        : precision <= StatePrecision.Parameter || parameter.ElementType is ElementType.Float32 or ElementType.Float16 or ElementType.BFloat16 ? null
        : $"StatePrecision.{precision} is for parameters in Float32, Float16 or BFloat16, but parameter {parameter} is not.";

    /// <summary>The same for where the parameter is now.</summary>
    public static string? RefusalOfPlace(Parameter parameter, StatePrecision precision) => precision.IsInBlocks() && parameter.Count >= Fewest && !parameter.Backend.KeepsStateOnHost
        ? $"StatePrecision.{precision} is for state in host memory, but parameter {parameter} is elsewhere, or not contiguous. Give it a group of another precision, or keep its state in host memory (WithStateOnHost)." : null;

    /// <summary>The format that a parameter's state is kept in; <see cref="BlockFormat.None"/> for plain numbers.</summary>
    public static BlockFormat Of(StateEntry entry, Parameter parameter, StatePrecision precision) =>
        !precision.IsInBlocks() || entry.Range == StateRange.Exact || entry.Shape is not (StateShape.Parameter or StateShape.Flat) || parameter.Count < Fewest ? BlockFormat.None
        : Of(precision, entry.Range == StateRange.Any);

    /// <summary>The format of numbers in a precision of blocks.</summary>
    public static BlockFormat Of(StatePrecision precision, bool isSigned) => precision switch
    {
        StatePrecision.Dynamic8 => isSigned ? BlockFormat.Dynamic8Signed : BlockFormat.Dynamic8Unsigned,
        StatePrecision.Linear4 => isSigned ? BlockFormat.Linear4Signed : BlockFormat.Linear4Unsigned,
        _ => isSigned ? BlockFormat.Float8Signed : BlockFormat.Float8Unsigned,
    };

    /// <summary>The precision that has the format.</summary>
    public static StatePrecision PrecisionOf(BlockFormat format) => format switch
    {
        BlockFormat.Dynamic8Signed or BlockFormat.Dynamic8Unsigned => StatePrecision.Dynamic8,
        BlockFormat.Linear4Signed or BlockFormat.Linear4Unsigned => StatePrecision.Linear4,
        _ => StatePrecision.Float8,
    };

    /// <summary>Whether its numbers have a sign.</summary>
    public static bool IsSigned(this BlockFormat format) => format is BlockFormat.Dynamic8Signed or BlockFormat.Linear4Signed or BlockFormat.Float8Signed;

    /// <summary>Whether codes are the bits of an 8-bit floating-point type.</summary>
    public static bool IsFloat8(this BlockFormat format) => format is BlockFormat.Float8Signed or BlockFormat.Float8Unsigned;

    /// <summary>Whether codes of both stand for the same.</summary>
    public static bool HasCodesOf(this BlockFormat format, BlockFormat other) => format == other || format.IsFloat8() && other.IsFloat8();

    /// <summary>How many numbers have one scale; the last block may have fewer.</summary>
    public static int BlockSize(this BlockFormat format) => format is BlockFormat.Linear4Signed or BlockFormat.Linear4Unsigned ? 128 : 256;

    /// <summary>A byte of zeros' codes.</summary>
    public static byte ZeroCodes(this BlockFormat format) => format switch { BlockFormat.Dynamic8Signed => 127, BlockFormat.Linear4Signed => 0x77, _ => 0 };

    /// <summary>The bytes of the codes of so many numbers.</summary>
    public static long CodeBytes(this BlockFormat format, long count) => format.BlockSize() == 128 ? (count + 1) / 2 : count;

    /// <summary>The blocks of so many numbers.</summary>
    public static long Blocks(this BlockFormat format, long count) => (count + format.BlockSize() - 1) / format.BlockSize();

    /// <summary>The bytes of so many numbers: codes and scales.</summary>
    public static long Bytes(this BlockFormat format, long count) => format.CodeBytes(count) + format.Blocks(count) * sizeof(float);

    /// <summary>The part of a parameter whose blocks begin in a part of it: parts that follow each other have none twice.</summary>
    public static (nint First, nint Last) Whole(nint first, nint last, nint count) =>
        ((first + Longest - 1) / Longest * Longest, Math.Min((last + Longest - 1) / Longest * Longest, count));

    /// <summary>Decodes numbers from <paramref name="first"/> on, which begins a block.</summary>
    public static void Decode(this BlockFormat format, byte* codes, float* scales, nint first, float* to, int count)
    {
        int size = format.BlockSize();
        codes += format.CodeBytes(first);
        scales += first / size;
        for (; count > 0; count -= size, to += size, codes += format.CodeBytes(size), scales++)
        {
            int n = Math.Min(size, count);
            switch (format)
            {
                case BlockFormat.Dynamic8Signed:
                    Dynamic8.Decode(DynamicMap.Signed, codes, *scales, to, n);
                    break;
                case BlockFormat.Dynamic8Unsigned:
                    Dynamic8.Decode(DynamicMap.Unsigned, codes, *scales, to, n);
                    break;
                case BlockFormat.Linear4Signed or BlockFormat.Linear4Unsigned:
                    Linear4.Decode(format == BlockFormat.Linear4Signed, codes, *scales, to, n);
                    break;
                default:
                    ScaledFloat8.Decode(codes, *scales, to, n);
                    break;
            }
        }
    }

    /// <summary>Encodes numbers from <paramref name="first"/> on, which begins a block. A block with a number that is not finite becomes NaN.</summary>
    public static void Encode(this BlockFormat format, float* from, int count, byte* codes, float* scales, nint first)
    {
        int size = format.BlockSize();
        codes += format.CodeBytes(first);
        scales += first / size;
        for (; count > 0; count -= size, from += size, codes += format.CodeBytes(size), scales++)
        {
            int n = Math.Min(size, count);
            *scales = format switch
            {
                BlockFormat.Dynamic8Signed => Dynamic8.Encode(DynamicMap.Signed, from, codes, n),
                BlockFormat.Dynamic8Unsigned => Dynamic8.Encode(DynamicMap.Unsigned, from, codes, n),
                BlockFormat.Linear4Signed or BlockFormat.Linear4Unsigned => Linear4.Encode(format == BlockFormat.Linear4Signed, from, codes, n),
                _ => ScaledFloat8.Encode(format == BlockFormat.Float8Signed, from, codes, n),
            };
        }
    }
}
