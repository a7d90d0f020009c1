using System.Globalization;
using System.Text;

namespace OptimSharp.PyTorch;

/// <summary>PyTorch's file format since 1.6: a zip file with a pickle, and an entry for each storage.</summary>
internal sealed unsafe class TorchArchive : IStorageSource
{
    public const int LargestPickle = 1 << 28, MostRepetitions = 1 << 16;

    const int LargestVersion = 10;

    readonly ZipReader zip;
    readonly CheckpointSource source;
    readonly string folder;

    TorchArchive(CheckpointSource source)
    {
        this.source = source;
        zip = new(source);
        string[] pickles = [.. zip.Names.Where(n => n.EndsWith("/data.pkl", StringComparison.Ordinal) && n.IndexOf('/') == n.Length - 9)];
        folder = pickles.Length == 1 ? pickles[0][..^8] : throw source.Error(null, "is a zip file, but none of PyTorch's: it has no data.pkl in its folder");
        if (zip.Contains(folder + "constants.pkl"))
            throw source.Error(null, "is a TorchScript program (torch.jit.save). Save model.state_dict() instead");
    }

    public static void Write(Stream stream, StateDict state, bool allowObjects)
    {
        if (!allowObjects)
            ForeignObjects.Refuse(state);
        var (pickle, storages) = PickleWriter.Write(state, allowObjects);
        if (pickle.Length > LargestPickle)
            throw new ArgumentException($"What is no tensor would take {pickle.Length} bytes; a file may have {LargestPickle}.", nameof(state));
        var zip = new ZipWriter(stream);
        zip.Add("archive/data.pkl", pickle);
        zip.Add("archive/.format_version", "1"u8);
        zip.Add("archive/.storage_alignment", "64"u8);
        zip.Add("archive/byteorder", "little"u8);
        foreach (var (number, storage) in storages.Index())
        {
            zip.Add(string.Create(CultureInfo.InvariantCulture, $"archive/data/{number}"), storage.Bytes, entry =>
            {
                const int Piece = 1 << 18; // stays in the cache between the checksum and the copy
                for (long at = 0; at < storage.Bytes; at += Piece)
                    entry.Append(storage.Read(at, (int)Math.Min(Piece, storage.Bytes - at)));
                GC.KeepAlive(storage);
            });
        }
        zip.Add("archive/version", "3\n"u8);
        zip.Finish();
    }

    /// <summary>What the file holds, most often a dictionary.</summary>
    public static object? Read(CheckpointSource source, bool isStrict)
    {
        var archive = new TorchArchive(source);
        archive.CheckVersions();
        string name = archive.folder + "data.pkl";
        byte[] pickle = archive.zip.Read(name, LargestPickle);
        CheckpointException Error(string reason) => source.Error($"entry '{name}'", reason);
        object? root = new PickleReader(new(pickle), new(archive, isStrict, Error), Error).Read();
        return new PythonToState(pickle.Length + MostRepetitions, Error).Of(root);
    }

    /// <summary>A storage's memory, with the bytes of its entry.</summary>
    public TensorStorage Storage(string key, long bytes, int elementSize)
    {
        string name = $"{folder}data/{key}";
        long size = zip.SizeOf(name); // within the file: that is checked
        if (size < bytes || size - bytes >= 16)
            throw source.Error($"entry '{name}'", $"has {size} bytes, but its storage has {bytes}");
        if (source.OnDemand is { } file)
            return new FileStorage(file, source, zip.PlaceOf(name), size, $"entry '{name}'", zip.HasChecksums ? zip.ChecksumOf(name) : null);
        var storage = new TensorStorage(size);
        zip.Read(name, storage.Start);
        GC.KeepAlive(storage);
        return storage;
    }

    void CheckVersions()
    {
        string name = folder + "version";
        zip.HasChecksums = zip.ChecksumOf(name) != 0; // no honest version has it: then all are 0 (torch.serialization.set_crc32_options(False))
        string version = Encoding.ASCII.GetString(zip.Read(name, 100)).Trim();
        if (!int.TryParse(version, NumberStyles.None, CultureInfo.InvariantCulture, out int number) || number is < 1 or > LargestVersion)
            throw source.Error($"entry '{name}'", $"says that the file's version is '{version}'; known are 1 to {LargestVersion}");
        if (zip.Contains(folder + "byteorder") && !zip.Read(folder + "byteorder", 100).AsSpan().SequenceEqual("little"u8))
            throw source.Error($"entry '{folder}byteorder'", "says that the numbers are not little-endian, as on this machine");
    }
}
