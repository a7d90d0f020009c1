using System.Globalization;
using System.IO.Compression;
using static TorchSharp.torch;

/// <summary>
/// The data. Put yours in its place. These are 1,797 handwritten digits of 8×8 pixels ("Optical Recognition of Handwritten Digits", E. Alpaydin and C. Kaynak, UCI Machine Learning Repository, CC BY 4.0): a line each, 64 pixels from 0 to 16 and
/// the digit.
/// </summary>
sealed class Examples(Tensor inputs, Tensor targets) : IDisposable
{
    /// <summary>[count, 1, 8, 8], from 0 to 1.</summary>
    public Tensor Inputs => inputs;

    /// <summary>[count], 64-bit: the digit.</summary>
    public Tensor Targets => targets;

    public int Count => (int)targets.shape[0];

    /// <summary>Every fourth line is held out, for testing.</summary>
    public static Examples Load(bool heldOut)
    {
        using var file = new StreamReader(new GZipStream(File.OpenRead(Path.Combine(AppContext.BaseDirectory, "Data", "digits.csv.gz")), CompressionMode.Decompress));
        var pixels = new List<float>();
        var digits = new List<long>();
        for (int i = 0; file.ReadLine() is { } line; i++)
        {
            if (i % 4 == 3 != heldOut)
                continue;
            float[] numbers = [.. line.Split(',').Select(number => float.Parse(number, CultureInfo.InvariantCulture))];
            pixels.AddRange(numbers[..64].Select(pixel => pixel / 16));
            digits.Add((long)numbers[64]);
        }
        return new(tensor(pixels.ToArray()).reshape(-1, 1, 8, 8), tensor(digits.ToArray()));
    }

    /// <summary>All examples in a random order, which depends on the seed alone.</summary>
    public IEnumerable<(Tensor Input, Tensor Target)> Batches(int size, int seed)
    {
        int[] order = [.. Enumerable.Range(0, Count)];
        new System.Random(seed).Shuffle(order);
        foreach (int[] batch in order.Chunk(size))
        {
            using var index = tensor(batch.Select(i => (long)i).ToArray());
            using var input = inputs[index];
            using var target = targets[index];
            yield return (input, target);
        }
    }

    public void Dispose()
    {
        inputs.Dispose();
        targets.Dispose();
    }
}
