using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace OptimSharp.Tests.Checkpoints.Fuzzing;

/// <summary>
/// Mutated indexes with mutated parts: loading them either gives data or throws <see cref="CheckpointException"/>, soon, and opens no file but those in the folder.
/// OPTIMSHARP_FUZZ says how many, OPTIMSHARP_FUZZ_SEED from which number on.
/// </summary>
public sealed class ShardFuzzTests(ITestOutputHelper output)
{
    const int InContinuousIntegration = 3_000;
    static readonly TimeSpan MostTime = TimeSpan.FromSeconds(2);

    static readonly string[] Names = ["m.index.json", "../m.index.json", "/etc/passwd", "", ".", "..", "m-00001-of-00002.bin", "m-00002-of-00003.safetensors", "a", "a\\u0000", "\\ud800"];

    static int Setting(string name, int standard) =>
        Environment.GetEnvironmentVariable(name) is { Length: > 0 } text ? int.Parse(text, CultureInfo.InvariantCulture) : standard;

    [Fact]
    public void Mutated_indexes_and_parts_do_no_harm()
    {
        int count = Setting("OPTIMSHARP_FUZZ", InContinuousIntegration), first = Setting("OPTIMSHARP_FUZZ_SEED", 0);
        var root = Directory.CreateTempSubdirectory("optimsharp-shards-");
        try
        {
            var seeds = Seeds(root.CreateSubdirectory("seeds").FullName);
            int read = 0;
            Parallel.For(first, first + count, () => root.CreateSubdirectory(Guid.NewGuid().ToString()).FullName, (number, _, folder) =>
            {
                var random = new Random(number);
                var files = seeds[random.Next(seeds.Count)].ToDictionary();
                Mutate(random, files, seeds);
                foreach (string old in Directory.GetFiles(folder))
                    File.Delete(old);
                foreach (var (name, bytes) in files)
                    File.WriteAllBytes(Path.Combine(folder, name), bytes);
                try
                {
                    long start = Stopwatch.GetTimestamp();
                    if (Checkpoint.Load(folder).Count > 0)
                        Interlocked.Increment(ref read);
                    Assert.True(Stopwatch.GetElapsedTime(start) < MostTime);
                }
                catch (CheckpointException)
                {
                }
                catch (Exception e)
                {
                    string kept = Path.Combine(Path.GetTempPath(), $"optimsharp-shards-{number}");
                    Directory.Move(folder, kept);
                    throw new InvalidOperationException($"Number {number}, kept as {kept}: {e.Message}", e);
                }
                return folder;
            }, _ => { });
            output.WriteLine($"{count} mutated checkpoints in parts: {read} still read");
            Assert.True(count < 1000 || read > count / 20 && read < count, "The mutations are too wild or too tame.");
        }
        finally
        {
            root.Delete(recursive: true);
        }
    }

    static void Mutate(Random random, Dictionary<string, byte[]> files, List<Dictionary<string, byte[]>> seeds)
    {
        string index = files.Keys.First(name => name.EndsWith(".json", StringComparison.Ordinal)), part = files.Keys.ElementAt(random.Next(files.Count));
        for (int i = random.Next(1, 4); i > 0; i--)
        {
            switch (random.Next(7))
            {
                case 0 or 1:
                    files[index] = random.Next(2) == 0 ? Mutator.Letters(random, files[index]) : Mutator.Bytes(random, files[index], files[part]);
                    break;
                case 2:
                    files[part] = Mutator.Bytes(random, files[part], files[index]);
                    break;
                case 3: // a part lost, or another's
                    if (random.Next(2) == 0 && part != index)
                        files.Remove(part);
                    else
                        files[part] = files.Values.ElementAt(random.Next(files.Count));
                    part = index;
                    break;
                case 4: // a name in the index's place of another
                    string text = Encoding.Latin1.GetString(files[index]), old = files.Keys.ElementAt(random.Next(files.Count));
                    files[index] = Encoding.Latin1.GetBytes(text.Replace($"\"{old}\"", $"\"{(random.Next(2) == 0 ? Names[random.Next(Names.Length)] : part)}\"", StringComparison.Ordinal));
                    break;
                case 5: // a file of another checkpoint
                    var (name, bytes) = seeds[random.Next(seeds.Count)].ElementAt(random.Next(2));
                    files[name] = bytes;
                    break;
                case 6: // what a clone without LFS leaves
                    if (random.Next(4) == 0)
                        files[part] = Encoding.ASCII.GetBytes(UnknownFileTests.Pointer);
                    break;
            }
        }
    }

    /// <summary>Flat and nested ones in both formats, as our own writer writes them.</summary>
    static List<Dictionary<string, byte[]>> Seeds(string folder)
    {
        var seeds = new List<Dictionary<string, byte[]>>();
        var shared = TensorData.Of(new[] { 1f, 2, 3, 4 }, 4);
        var flat = new StateDict { { "a", shared }, { "b", TensorData.Of(new[] { 1L, 2 }, 2, 1) }, { "c", TensorData.Of([true], []) } };
        var nested = new StateDict { { "model", flat }, { "tied", shared }, { "list", new object?[] { 1, "text", null, TensorData.Of(new[] { new System.Numerics.Complex(1, 2) }, 1) } } };
        foreach (var state in new[] { flat, nested })
        {
            foreach (string name in new[] { "m.safetensors", "m.bin" })
            {
                string of = Directory.CreateDirectory(Path.Combine(folder, $"{seeds.Count}")).FullName;
                Checkpoint.Save(Path.Combine(of, name), state, new() { MaxShardBytes = 16 });
                seeds.Add(Directory.GetFiles(of).ToDictionary(f => Path.GetFileName(f)!, File.ReadAllBytes));
            }
        }
        return seeds;
    }
}
