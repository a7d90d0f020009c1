using System.Diagnostics;
using System.Globalization;
using System.Numerics;
using OptimSharp.Engine;
using OptimSharp.PyTorch;

namespace OptimSharp.Tests.Checkpoints.Fuzzing;

/// <summary>
/// Mutated real files: loading one either gives data or throws <see cref="CheckpointException"/>, soon and with little memory, and what it gives can be saved;
/// an optimizer that is given it either takes it or is as it was. OPTIMSHARP_FUZZ says how many files, OPTIMSHARP_FUZZ_SEED from which number on.
/// </summary>
public class FuzzTests(ITestOutputHelper output)
{
    const int InContinuousIntegration = 20_000;
    const long MostMemory = 256 << 20;
    static readonly TimeSpan MostTime = TimeSpan.FromSeconds(2);

    static int Setting(string name, int standard) =>
        Environment.GetEnvironmentVariable(name) is { Length: > 0 } text ? int.Parse(text, CultureInfo.InvariantCulture) : standard;

    [Fact]
    public void Mutated_files_do_no_harm()
    {
        int count = Setting("OPTIMSHARP_FUZZ", InContinuousIntegration), first = Setting("OPTIMSHARP_FUZZ_SEED", 0);
        var seeds = Seeds();
        var mutator = new Mutator(seeds);
        int read = 0, taken = 0, refusedByOptimizer = 0;
        long slowest = 0, largest = 0;
        int slow = 0;
        Parallel.For(first, first + count, () => new Victim(), (number, _, victim) =>
        {
            var (seed, file) = mutator.Next(new Random(number));
            try
            {
                long memory = GC.GetAllocatedBytesForCurrentThread(), start = Stopwatch.GetTimestamp();
                var state = TryLoad(file);
                var time = Stopwatch.GetElapsedTime(start);
                memory = GC.GetAllocatedBytesForCurrentThread() - memory + (state is null ? 0 : NativeMemory(state));
                Assert.True(time < MostTime, $"took {time}");
                Assert.True(memory < MostMemory, $"took {memory} bytes");
                if (time.Ticks > slowest)
                    slow = number; // about: others may come in between
                Largest(ref slowest, time.Ticks);
                Largest(ref largest, memory);
                if (state is not null)
                {
                    Interlocked.Increment(ref read);
                    Assert.True(NativeMemory(state) <= file.Length + 64, "gave more bytes of tensors than the file has");
                    Assert.True(Tensors(state).All(IsInItsMemory), "gave a tensor that goes past its memory");
                    SaveAgain(state, mayHaveAnyObject: !file.AsSpan().StartsWith("PK"u8) && !LegacyFile.Begins(file));
                    if (victim.Take(state) is { } took)
                        Interlocked.Increment(ref took ? ref taken : ref refusedByOptimizer);
                }
            }
            catch (Exception e)
            {
                string kept = Path.Combine(Path.GetTempPath(), $"optimsharp-fuzz-{number}");
                File.WriteAllBytes(kept, file);
                throw new InvalidOperationException($"Number {number}, made of {seed.Name} and kept as {kept}: {e.Message}", e);
            }
            return victim;
        }, victim => victim.Dispose());
        output.WriteLine($"{count} files of {seeds.Count} real ones: {read} still read ({taken} taken by an optimizer, {refusedByOptimizer} refused by it), {count - read} refused; "
            + $"slowest {new TimeSpan(slowest).TotalMilliseconds:f0} ms (number {slow}), largest {largest >> 20} MiB");
        Assert.True(count < 10_000 || read > count / 20 && read < count && taken > 0 && refusedByOptimizer > 0, "The mutations are too wild or too tame.");
    }

    static StateDict? TryLoad(byte[] file)
    {
        try
        {
            return Checkpoint.Load(new MemoryStream(file));
        }
        catch (CheckpointException)
        {
            return null;
        }
    }

    /// <param name="state">What was read.</param>
    /// <param name="mayHaveAnyObject">
    /// Whether it is from a safetensors file, which may say of any object how Python would make it: as a pickle that can be a dictionary or a tensor, or one that is damaged.
    /// </param>
    static void SaveAgain(StateDict state, bool mayHaveAnyObject)
    {
        if (Tensors(state).Sum(t => (double)t.Count) > 1 << 20)
            return; // views that repeat their elements
        foreach (var format in Enum.GetValues<CheckpointFormat>())
        {
            using var stream = new MemoryStream();
            try
            {
                Checkpoint.Save(stream, state, format, new() { AllowObjects = true });
            }
            catch (ArgumentException e) when (e.Message.Contains("levels within each other", StringComparison.Ordinal))
            {
                continue; // objects may lead to each other further than a file can have it
            }
            stream.Position = 0;
            if (mayHaveAnyObject && format == CheckpointFormat.PyTorch && Objects(state))
            {
                _ = TryLoad(stream.ToArray());
                continue;
            }
            Assert.Equal(Contents.Of(state)!.ToJsonString(new() { MaxDepth = 1000 }), Contents.Of(Checkpoint.Load(stream))!.ToJsonString(new() { MaxDepth = 1000 }));
        }
    }

    static bool Objects(StateDict state) => Contents.Of(state)!.ToJsonString(new() { MaxDepth = 1000 }).Contains("\"kind\":", StringComparison.Ordinal);

    static long NativeMemory(StateDict state) => Tensors(state).Select(t => t.Storage).Distinct().Sum(s => s.Bytes);

    static bool IsInItsMemory(TensorData tensor)
    {
        BigInteger last = tensor.Offset;
        for (int i = 0; i < tensor.Shape.Length; i++)
            last += (BigInteger)(tensor.Shape[i] - 1) * tensor.Strides[i];
        return tensor.Offset >= 0 && (tensor.Count == 0 || last < tensor.Storage.Bytes / tensor.ElementType.Size()) && tensor.Strides.IndexOfAnyInRange(long.MinValue, -1) < 0
            && tensor.Shape.IndexOfAnyInRange(long.MinValue, -1) < 0;
    }

    static IEnumerable<TensorData> Tensors(object? value)
    {
        var seen = new HashSet<PythonObject>();
        var waiting = new Stack<object?>([value]);
        while (waiting.TryPop(out object? next))
        {
            switch (next)
            {
                case TensorData tensor:
                    yield return tensor;
                    break;
                case SparseTensorData sparse:
                    foreach (var part in new[] { sparse.Indices, sparse.Values, sparse.Pointers })
                        waiting.Push(part);
                    break;
                case StateDict dict:
                    foreach (var (key, item) in dict)
                    {
                        waiting.Push(item);
                        waiting.Push(key.Value);
                    }
                    waiting.Push(dict.Attributes);
                    break;
                case PythonObject thing when seen.Add(thing):
                    waiting.Push(thing.Content);
                    break;
                case IReadOnlyList<object?> list:
                    foreach (object? item in list)
                        waiting.Push(item);
                    break;
            }
        }
    }

    static void Largest(ref long most, long value)
    {
        for (long seen = most; value > seen && Interlocked.CompareExchange(ref most, value, seen) != seen; seen = most)
        {
        }
    }

    /// <summary>The fixtures, and each that can be read as our own writers write it.</summary>
    static List<Seed> Seeds()
    {
        var seeds = new List<Seed>();
        foreach (string name in FixtureTests.Files(refused: false).Concat(FixtureTests.Files(refused: true)))
        {
            byte[] bytes = File.ReadAllBytes(Path.Combine(FixtureTests.Folder, name));
            seeds.Add(new(name, bytes));
            if (TryLoad(bytes) is not { } state)
                continue;
            foreach (var format in Enum.GetValues<CheckpointFormat>())
            {
                using var stream = new MemoryStream();
                Checkpoint.Save(stream, state, format, new() { AllowObjects = true });
                seeds.Add(new($"{name} as {format}", stream.ToArray()));
            }
        }
        return seeds;
    }

    /// <summary>An optimizer like that of the fixture "training", which states are loaded into.</summary>
    sealed class Victim : IDisposable
    {
        readonly AdamW optimizer;
        string before;

        public Victim()
        {
            Parameter<float>[] parameters = [Parameter.Of("a", new float[18], 2, 1, 3, 3), Parameter.Of("b", new float[2]), Parameter.Of("c", new float[24], 3, 8), Parameter.Of("d", new float[3])];
            optimizer = new([new(parameters[..2]), new(parameters[2..])], new() { AMSGrad = true });
            foreach (var parameter in parameters)
                parameter.Gradient = Enumerable.Repeat(1f, (int)parameter.Count).ToArray();
            optimizer.Step();
            before = Text();
        }

        /// <summary>Whether it took the state; null when there is none for an optimizer.</summary>
        public bool? Take(StateDict state)
        {
            if (state.TryGetValue("optimizer", out object? value) && value is StateDict inner)
                state = inner;
            if (!state.ContainsKey("param_groups"))
                return null;
            try
            {
                optimizer.LoadStateDict(state);
            }
            catch (StateDictException)
            {
                Assert.Equal(before, Text());
                return false;
            }
            before = Text();
            return true;
        }

        string Text() => Contents.Of(optimizer.StateDict())!.ToJsonString();

        public void Dispose() => optimizer.Dispose();
    }
}
