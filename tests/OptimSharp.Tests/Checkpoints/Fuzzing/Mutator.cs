using System.Buffers.Binary;
using System.Text;
using OptimSharp.PyTorch;

namespace OptimSharp.Tests.Checkpoints.Fuzzing;

/// <summary>Changes real files as accidents and attackers do. The same random numbers give the same file.</summary>
internal sealed class Mutator(IReadOnlyList<Seed> seeds)
{
    static readonly byte[] Opcodes = [.. Enum.GetValues<Opcode>().Select(code => (byte)code)];

    static readonly long[] Telling = [0, 1, -1, 2, 7, 63, 64, 127, 128, 255, 256, 32767, 65535, 65536, int.MaxValue, int.MinValue, uint.MaxValue, 1L << 32, 1L << 40, 1L << 62, long.MaxValue, long.MinValue];

    static readonly string[] Globals =
    [
        "torch._utils\n_rebuild_tensor_v2\n", "torch._utils\n_rebuild_tensor_v3\n", "torch._utils\n_rebuild_parameter\n", "torch\nFloatStorage\n", "torch\nLongStorage\n", "torch.storage\nUntypedStorage\n",
        "torch\nuint16\n", "torch\nfloat32\n", "torch\nSize\n", "torch\ndevice\n", "collections\nOrderedDict\n", "collections\nCounter\n", "os\nsystem\n", "builtins\neval\n",
        "numpy._core.multiarray\n_reconstruct\n", "numpy.core.multiarray\nscalar\n", "numpy\nndarray\n", "numpy\ndtype\n", "_codecs\nencode\n", "builtins\nset\n", "builtins\ngetattr\n", "builtins\nbytearray\n",
        "collections\ndefaultdict\n", "collections\ndeque\n", "copy_reg\n_reconstructor\n", "torch._tensor\n_rebuild_from_type_v2\n", "torch._utils\n_rebuild_sparse_tensor\n", "argparse\nNamespace\n",
    ];

    /// <summary>Those with an optimizer's state, which come more often.</summary>
    readonly Seed[] states = [.. seeds.Where(s => s.Name.Contains("training", StringComparison.Ordinal))];

    /// <summary>Most often one change: of several, the first that is noticed hides the others.</summary>
    static int Changes(Random random) => random.Next(2) == 0 ? 1 : random.Next(1, 6);

    /// <summary>A file, and the seed that it came from.</summary>
    public (Seed Seed, byte[] File) Next(Random random)
    {
        var seed = random.Next(5) == 0 ? states[random.Next(states.Length)] : seeds[random.Next(seeds.Count)];
        var other = seeds[random.Next(seeds.Count)];
        for (; ; )
        {
            switch (random.Next(5))
            {
                case 0:
                    return (seed, Bytes(random, seed.Bytes, other.Bytes));
                case 1 when seed.Pickle is { } pickle:
                    return (seed, seed.WithPickle(Bytes(random, pickle, other.Pickle ?? other.Bytes)));
                case 2 when seed.Pickle is { } pickle:
                    return (seed, seed.WithPickle(Instructions(random, pickle)));
                case 3 when seed.Header is { } header:
                    return (seed, seed.WithHeader(random.Next(2) == 0 ? Bytes(random, header, other.Header ?? other.Bytes) : Letters(random, header)));
                case 4 when seed.Structure is { } structure:
                    return (seed, seed.WithStructure(Encoding.Latin1.GetString(Letters(random, Encoding.Latin1.GetBytes(structure)))));
            }
        }
    }

    /// <summary>Changes to bytes: bits, values, lengths; parts lost, doubled, moved, or from another file.</summary>
    public static byte[] Bytes(Random random, byte[] original, byte[] other)
    {
        byte[] bytes = [.. original];
        for (int i = Changes(random); i > 0 && bytes.Length > 0; i--)
        {
            int at = random.Next(bytes.Length);
            switch (random.Next(8))
            {
                case 0:
                    bytes[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 1:
                    bytes[at] = (byte)random.Next(256);
                    break;
                case 2:
                    bytes = bytes[..at];
                    break;
                case 3: // a number where one may be: also near the file's size
                    long number = random.Next(3) == 0 ? bytes.Length + random.Next(-70, 70) : Telling[random.Next(Telling.Length)];
                    int width = 1 << random.Next(4);
                    BitConverter.GetBytes(number).AsSpan(0, Math.Min(width, bytes.Length - at)).CopyTo(bytes.AsSpan(at));
                    break;
                case 4:
                    bytes = [.. bytes[..at], .. bytes[Math.Min(at + random.Next(1, 40), bytes.Length)..]];
                    break;
                case 5:
                    int end = Math.Min(at + random.Next(1, 100), bytes.Length);
                    bytes = [.. bytes[..end], .. bytes[at..]];
                    break;
                case 6 when other.Length > 0:
                    int from = random.Next(other.Length), to = Math.Min(from + random.Next(1, 200), other.Length);
                    bytes = random.Next(2) == 0 ? [.. bytes[..at], .. other[from..to], .. bytes[at..]] : [.. bytes[..at], .. other[from..to], .. bytes[Math.Min(at + to - from, bytes.Length)..]];
                    break;
                case 7:
                    int second = random.Next(bytes.Length);
                    (bytes[at], bytes[second]) = (bytes[second], bytes[at]);
                    break;
            }
        }
        return bytes;
    }

    /// <summary>Changes a pickle by whole instructions: shuffled, dropped, doubled, put in, their numbers and names exchanged.</summary>
    static byte[] Instructions(Random random, byte[] pickle)
    {
        var parts = Split(pickle);
        for (int i = Changes(random); i > 0 && parts.Count > 2; i--)
        {
            int at = random.Next(1, parts.Count), second = random.Next(1, parts.Count);
            switch (random.Next(7))
            {
                case 0:
                    (parts[at], parts[second]) = (parts[second], parts[at]);
                    break;
                case 1:
                    parts.RemoveAt(at);
                    break;
                case 2:
                    parts.Insert(at, parts[second]);
                    break;
                case 3:
                    parts.Insert(at, [Opcodes[random.Next(Opcodes.Length)], .. random.Next(2) == 0 ? Array.Empty<byte>() : [(byte)random.Next(40)]]);
                    break;
                case 4:
                    parts[at] = random.Next(3) == 0 ? [(byte)Opcode.Global, .. Encoding.ASCII.GetBytes(Globals[random.Next(Globals.Length)])] : [(byte)Opcode.BinGet, (byte)random.Next(40)];
                    break;
                case 5:
                    long number = Telling[random.Next(Telling.Length)];
                    byte[] little = BitConverter.GetBytes(number);
                    parts[at] = random.Next(2) == 0 ? [(byte)Opcode.Long1, 8, .. little] : [(byte)Opcode.BinInt, .. little[..4]];
                    break;
                case 6:
                    int count = Math.Min(random.Next(1, 12), parts.Count - at);
                    var moved = parts.GetRange(at, count);
                    if (random.Next(2) == 0)
                        parts.RemoveRange(at, count);
                    parts.InsertRange(random.Next(1, parts.Count + 1), moved);
                    break;
            }
        }
        return [.. parts.SelectMany(p => p)];
    }

    static List<byte[]> Split(byte[] pickle)
    {
        var parts = new List<byte[]>();
        for (int at = 0; at < pickle.Length;)
        {
            int length = 1 + (Opcode)pickle[at] switch
            {
                Opcode.Proto or Opcode.BinInt1 or Opcode.BinGet or Opcode.BinPut => 1,
                Opcode.BinInt2 => 2,
                Opcode.BinInt or Opcode.LongBinGet or Opcode.LongBinPut => 4,
                Opcode.BinFloat or Opcode.Frame => 8,
                Opcode.Long1 or Opcode.ShortBinBytes or Opcode.ShortBinString or Opcode.ShortBinUnicode when at + 1 < pickle.Length => 1 + pickle[at + 1],
                Opcode.BinUnicode or Opcode.BinBytes or Opcode.BinString or Opcode.Long4 when at + 5 <= pickle.Length => 4 + BinaryPrimitives.ReadInt32LittleEndian(pickle.AsSpan(at + 1)),
                Opcode.Global or Opcode.Inst => NextLine(NextLine(at + 1)) - at - 1,
                Opcode.Int or Opcode.Long or Opcode.Float or Opcode.String or Opcode.Unicode or Opcode.Get or Opcode.Put => NextLine(at + 1) - at - 1,
                _ => 0,
            };
            length = length <= 0 || length > pickle.Length - at ? 1 : length;
            parts.Add(pickle[at..(at + length)]);
            at += length;
        }
        return parts;

        int NextLine(int from) => Array.IndexOf(pickle, (byte)'\n', Math.Min(from, pickle.Length)) is >= 0 and var end ? end + 1 : pickle.Length;
    }

    /// <summary>Changes JSON so that it often still is JSON: digits, quotes, brackets, parts doubled.</summary>
    public static byte[] Letters(Random random, byte[] json)
    {
        var bytes = new List<byte>(json);
        for (int i = Changes(random); i > 0 && bytes.Count > 2; i--)
        {
            int at = random.Next(bytes.Count);
            switch (random.Next(6))
            {
                case 0:
                    int digit = bytes.FindIndex(at, b => b is >= (byte)'0' and <= (byte)'9');
                    if (digit >= 0)
                        bytes[digit] = (byte)('0' + random.Next(10));
                    break;
                case 1:
                    digit = bytes.FindIndex(at, b => b is >= (byte)'0' and <= (byte)'9');
                    if (digit >= 0)
                        bytes.InsertRange(digit, Encoding.ASCII.GetBytes(Telling[random.Next(Telling.Length)].ToString(System.Globalization.CultureInfo.InvariantCulture)));
                    break;
                case 2:
                    bytes.Insert(at, "[]{}\":,.-0e\\"u8[random.Next(12)]);
                    break;
                case 3:
                    bytes.RemoveRange(at, Math.Min(random.Next(1, 20), bytes.Count - at));
                    break;
                case 4: // an element once more
                    int start = bytes.FindIndex(at, b => b is (byte)'{' or (byte)'[' or (byte)'"');
                    int end = start < 0 ? -1 : bytes.FindIndex(start, b => b is (byte)'}' or (byte)']' or (byte)',');
                    if (end > start)
                        bytes.InsertRange(start, [.. bytes.GetRange(start, end - start + 1), (byte)',']);
                    break;
                case 5:
                    byte[][] words = ["\"dict\""u8.ToArray(), "\"tuple\""u8.ToArray(), "\"tensor\""u8.ToArray(), "\"as\":\"complex128\","u8.ToArray(), "\"F64\""u8.ToArray(), "null"u8.ToArray(), "[[["u8.ToArray()];
                    bytes.InsertRange(at, words[random.Next(words.Length)]);
                    break;
            }
        }
        return [.. bytes];
    }
}
