using System.Security.Cryptography;
using System.Text;
using static TorchSharp.torch;

namespace OptimSharp.Samples;

/// <summary>The documentation as one text: its pages one after the other, by their paths. The last tenth is held out.</summary>
sealed class Corpus : IDisposable
{
    readonly char[] characters;
    readonly int[] numbers; // of each character of the text
    readonly Tensor windows; // of the part to train on, one from each place

    /// <param name="context">How many characters the network sees.</param>
    /// <exception cref="DirectoryNotFoundException">The documentation was not built with the program.</exception>
    public Corpus(int context)
    {
        string folder = Path.Combine(AppContext.BaseDirectory, "Text");
        var pages = Directory.EnumerateFiles(folder, "*.md", SearchOption.AllDirectories)
            .OrderBy(path => Path.GetRelativePath(folder, path).Replace('\\', '/'), StringComparer.Ordinal);
        string text = string.Concat(pages.Select(page => File.ReadAllText(page).ReplaceLineEndings("\n")));
        characters = [.. text.Distinct().Order()];
        numbers = [.. text.Select(c => Array.BinarySearch(characters, c))];
        Hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)))[..16];

        int training = numbers.Length - numbers.Length / 10;
        windows = Windows(0, training, context, step: 1);
        HeldOut = Windows(training, numbers.Length - training, context, step: context / 2);
    }

    /// <summary>How many characters the text has.</summary>
    public int Length => numbers.Length;

    /// <summary>How many different ones.</summary>
    public int Characters => characters.Length;

    /// <summary>What tells this text from another.</summary>
    public string Hash { get; }

    /// <summary>Windows of the part that is held out, [number, context + 1]. Each begins in the middle of the one before.</summary>
    public Tensor HeldOut { get; }

    /// <summary>Windows from random places of the part to train on, [size, context + 1]. They depend on nothing but seed and step.</summary>
    public Tensor Batch(int size, int seed, int step)
    {
        var random = new System.Random(unchecked(seed * 1_000_003 + step));
        using var places = tensor([.. Enumerable.Range(0, size).Select(_ => random.NextInt64(windows.shape[0]))]);
        return windows.index_select(0, places);
    }

    /// <summary>The numbers of a text's characters.</summary>
    public IEnumerable<int> Numbers(string text) => text.Select(c => Array.IndexOf(characters, c));

    /// <summary>The characters of numbers.</summary>
    public string Text(IEnumerable<int> text) => string.Concat(text.Select(number => characters[number]));

    public void Dispose()
    {
        windows.Dispose();
        HeldOut.Dispose();
    }

    Tensor Windows(int from, int count, int context, int step)
    {
        using var scope = NewDisposeScope();
        return tensor([.. numbers.AsSpan(from, count)]).to_type(ScalarType.Int64).unfold(0, context + 1, step).MoveToOuterDisposeScope();
    }
}
