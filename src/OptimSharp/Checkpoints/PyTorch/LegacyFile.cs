using System.Buffers.Binary;
using System.Numerics;

namespace OptimSharp.PyTorch;

/// <summary>
/// PyTorch's format before 1.6: five pickles one after the other (a number that tells the format, its version, the machine, the object, the names of the storages), then
/// the storages, each behind the count of its elements.
/// </summary>
internal sealed unsafe class LegacyFile : IStorageSource
{
    /// <summary>What such a file begins with: the first pickle, of the number that tells the format.</summary>
    public static ReadOnlySpan<byte> Start => [0x8A, 10, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19];

    const int Version = 1001, FirstPiece = 1 << 16;

    readonly CheckpointSource source;
    readonly Dictionary<string, (TensorStorage Storage, long Bytes, int ElementSize)> storages = [];
    long fetched, room;

    LegacyFile(CheckpointSource source) => (this.source, room) = (source, source.Length);

    /// <summary>Whether a file's first bytes are those of this format.</summary>
    public static bool Begins(ReadOnlySpan<byte> start) => start is [0x80, <= 5, .. var rest] && (rest.StartsWith(Start) || rest is [0x95, _, _, _, _, _, _, _, _, .. var framed] && framed.StartsWith(Start[..Math.Min(Start.Length, framed.Length)]));

    /// <summary>What the file holds, most often a dictionary.</summary>
    public static object? Read(CheckpointSource source, bool isStrict) => new LegacyFile(source).Read(isStrict);

    object? Read(bool isStrict)
    {
        var input = new PickleInput([], More);
        object? format = Next("the number of the format", isStrict: true), version = Next("version", isStrict: true), machine = Next("machine", isStrict: true);
        if (format is not BigInteger)
            throw source.Error(null, "does not begin with the number of its format");
        if (version is not (long)Version)
            throw source.Error("version", $"is {(version is long number ? number : "no number")}; the only one is {Version}");
        if (machine is PythonDict { Items: var about } && about.TryGetValue("little_endian", out object? isLittle) && isLittle is false)
            throw source.Error("machine", "says that the numbers are not little-endian, as on this machine");
        int start = input.At;
        object? root = Next("object", isStrict);
        int end = input.At;
        if (Next("names of the storages", isStrict: true) is not PythonList names)
            throw source.Error("names of the storages", "are no list");
        ReadStorages(input.At, names.Items);
        CheckpointException Error(string reason) => source.Error("object", reason);
        return new PythonToState(end - start + TorchArchive.MostRepetitions, Error).Of(root);

        object? Next(string entry, bool isStrict)
        {
            CheckpointException Error(string reason) => source.Error(entry, reason);
            return new PickleReader(input, new(this, isStrict, Error), Error).Read(isAll: false);
        }
    }

    /// <summary>Memory that is filled when all storages are known: where they are is behind the pickles.</summary>
    public TensorStorage Storage(string key, long bytes, int elementSize)
    {
        if (bytes > room)
            throw source.Error($"storage '{key}'", $"has {bytes} bytes, but the file has {source.Length}");
        room -= bytes;
        var storage = new TensorStorage(bytes);
        return storages.TryAdd(key, (storage, bytes, elementSize)) ? storage : throw source.Error($"storage '{key}'", "is named by two pickles");
    }

    void ReadStorages(long position, List<object?> names)
    {
        var left = new HashSet<string>(storages.Keys);
        Span<byte> number = stackalloc byte[8];
        foreach (object? name in names)
        {
            if (name is not string key || !left.Remove(key))
                throw source.Error("names of the storages", name is string ? $"have '{name}', which no tensor has, or twice" : "are no texts");
            var (storage, bytes, size) = storages[key];
            string entry = $"storage '{key}'";
            source.Read(position, number, entry);
            long count = BinaryPrimitives.ReadInt64LittleEndian(number);
            if (count != bytes / size)
                throw source.Error(entry, $"has {count} elements, but its tensors say {bytes / size}");
            source.Read(position + 8, storage.Start, bytes, entry);
            GC.KeepAlive(storage);
            position += 8 + bytes;
        }
        if (left.Count > 0)
            throw source.Error("names of the storages", $"lack '{left.First()}'");
        if (position != source.Length)
            throw source.Error(null, $"goes on after its last storage, at byte {position}");
    }

    /// <summary>The file's next bytes: as many as asked for, and as many again as there were.</summary>
    byte[] More(int count)
    {
        long next = Math.Min(Math.Max(count, Math.Max(fetched, FirstPiece)), source.Length - fetched);
        if (fetched + next > TorchArchive.LargestPickle && fetched + count > TorchArchive.LargestPickle)
            throw source.Error(null, $"has pickles of more than {TorchArchive.LargestPickle} bytes");
        next = Math.Min(next, TorchArchive.LargestPickle - fetched);
        byte[] bytes = new byte[next];
        source.Read(fetched, bytes, "pickle");
        fetched += next;
        return bytes;
    }
}
