using System.Buffers.Binary;
using System.IO.Compression;

namespace OptimSharp.Samples;

/// <summary>
/// Fashion-MNIST: 70,000 pictures of clothes, 28 × 28 pixels, ten classes. Xiao, Rasul, Vollgraf: Fashion-MNIST: a novel image dataset for benchmarking machine
/// learning algorithms, 2017; MIT licence. Gzipped IDX files: a number that tells type and dimensions, the sizes, then the bytes.
/// </summary>
static class FashionMnist
{
    /// <summary>Where Debian's package dataset-fashion-mnist puts it.</summary>
    public const string DebianFolder = "/usr/share/datasets/fashion-mnist";

    static readonly string[] Parts = ["train", "t10k"];

    /// <summary>What is missing in a folder, in words; null when all is there.</summary>
    public static string? Missing(DirectoryInfo folder)
    {
        var missing = Parts.SelectMany(part => new[] { ImagesOf(folder, part), LabelsOf(folder, part) }).FirstOrDefault(file => !File.Exists(file));
        return missing is null ? null : $"Fashion-MNIST is not there: {missing} is missing. On Debian, apt-get install dataset-fashion-mnist puts it into {DebianFolder}.";
    }

    /// <param name="folder">The folder of the files.</param>
    /// <param name="part">"train" (60,000 pictures) or "t10k" (10,000).</param>
    /// <exception cref="InvalidDataException">A file is not what it should be.</exception>
    public static Images Read(DirectoryInfo folder, string part)
    {
        var (sizes, pixels) = ReadIdx(ImagesOf(folder, part), dimensions: 3);
        var (counts, labels) = ReadIdx(LabelsOf(folder, part), dimensions: 1);
        if (counts[0] != sizes[0] || sizes[1] != sizes[2])
            throw new InvalidDataException($"{ImagesOf(folder, part)} has {sizes[0]} pictures of {sizes[1]} × {sizes[2]}, but there are {counts[0]} labels.");
        return Images.Of(Array.ConvertAll(pixels, x => x / 255f), Array.ConvertAll(labels, x => (long)x));
    }

    static string ImagesOf(DirectoryInfo folder, string part) => Path.Combine(folder.FullName, $"{part}-images-idx3-ubyte.gz");

    static string LabelsOf(DirectoryInfo folder, string part) => Path.Combine(folder.FullName, $"{part}-labels-idx1-ubyte.gz");

    static (int[] Sizes, byte[] Bytes) ReadIdx(string path, int dimensions)
    {
        using var stream = new GZipStream(File.OpenRead(path), CompressionMode.Decompress);
        byte[] head = new byte[4 * (1 + dimensions)];
        stream.ReadExactly(head);
        if (BinaryPrimitives.ReadInt32BigEndian(head) != 0x800 + dimensions) // bytes
            throw new InvalidDataException($"{path} is no IDX file of bytes in {dimensions} dimensions.");
        int[] sizes = [.. Enumerable.Range(1, dimensions).Select(i => BinaryPrimitives.ReadInt32BigEndian(head.AsSpan(4 * i)))];
        long count = sizes.Aggregate(1L, (a, b) => a * b);
        if (sizes.Any(size => size <= 0) || count > 100_000_000)
            throw new InvalidDataException($"{path} says that it has {string.Join(" × ", sizes)} bytes.");
        byte[] bytes = new byte[count];
        stream.ReadExactly(bytes);
        return (sizes, bytes);
    }
}
