namespace OptimSharp.Tests.Checkpoints;

public class OnDemandTests
{
    static readonly CheckpointLoadOptions onDemand = new() { OnDemand = true };

    public static TheoryData<string> Fixtures => [.. new[] { "pytorch-2.14", "pytorch-1.13", "safetensors-0.8", "sharded", "tool" }
        .SelectMany(folder => Directory.EnumerateFiles(Path.Combine(FixtureTests.Folder, folder))).Where(file => Path.GetExtension(file) != ".json" && !Path.GetFileName(file).StartsWith("refused", StringComparison.Ordinal))
        .Append(Path.Combine(FixtureTests.Folder, "sharded")).Append(Path.Combine(FixtureTests.Folder, "tool", "sharded")).Select(file => Path.GetRelativePath(FixtureTests.Folder, file)).Order(StringComparer.Ordinal)];

    /// <summary>Saved again, both ways of reading give the same bytes: every tensor, layout and sharing of memory.</summary>
    [Theory]
    [MemberData(nameof(Fixtures))]
    public void A_file_holds_the_same_as_when_it_is_read_whole(string name)
    {
        string path = Path.Combine(FixtureTests.Folder, name);
        if (Saved(path, new()) is var (whole, problem) && problem is not null)
            Assert.Equal(problem, Saved(path, onDemand).Problem);
        else
            Assert.Equal(whole, Saved(path, onDemand).Bytes);
    }

    [Fact]
    public void A_damaged_tensor_is_found_when_it_is_used_and_the_others_can_be()
    {
        var state = Checkpoint.Load(Path.Combine(FixtureTests.Folder, "tool", "changed.pt"), onDemand);
        Assert.Equal([16, 8], state.GetTensor("embed.weight").Shape.ToArray());
        for (int i = 0; i < 2; i++) // the second time as well
            Assert.Contains("checksum", Assert.Throws<CheckpointException>(() => state.GetTensor("embed.weight").ToDoubles()).Message, StringComparison.Ordinal);
        Assert.Equal(4, state.GetTensor("head.bias").ToArray<float>().Length);
    }

    [Fact]
    public void Averages_are_not_half_loaded_from_a_damaged_file()
    {
        var saved = Checkpoint.Load(Path.Combine(FixtureTests.Folder, "tool", "changed.pt"), onDemand);
        float[] bias = [1, 2, 3, 4], weight = [.. Enumerable.Repeat(5f, 128)];
        using var averages = new AveragedParameters([Parameter.Of("head.bias", bias), Parameter.Of("embed.weight", weight, 16, 8)], Averaging.Ema(0.9));
        averages.Update();
        var state = new StateDict { { "n_averaged", 7 }, { "module.head.bias", saved.GetTensor("head.bias") }, { "module.embed.weight", saved.GetTensor("embed.weight") } };
        Assert.Throws<CheckpointException>(() => averages.LoadStateDict(state));
        Assert.Equal(1, averages.Count);
        Assert.Equal(bias, averages.StateDict().GetTensor("module.head.bias").ToArray<float>());
    }

    [Fact]
    public void A_file_that_was_cut_off_meanwhile_is_an_error_that_names_it()
    {
        string path = Path.Combine(Path.GetTempPath(), $"{Guid.NewGuid():N}.safetensors");
        try
        {
            Checkpoint.Save(path, new() { { "x", TensorData.Of(new float[1000], 1000) } });
            var tensor = Checkpoint.Load(path, onDemand).GetTensor("x");
            using (var file = new FileStream(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete))
                file.SetLength(file.Length - 1);
            var error = Assert.Throws<CheckpointException>(() => tensor.ToDoubles());
            Assert.Equal((path, "tensor 'x'"), (error.File, error.Entry));
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void The_file_may_be_replaced_or_deleted_and_the_tensors_stay()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "A file that is open keeps its name there.");
        string path = Path.Combine(Path.GetTempPath(), $"{Guid.NewGuid():N}.pt");
        Checkpoint.Save(path, new() { { "x", TensorData.Of([1f, 2f], 2) } });
        var tensor = Checkpoint.Load(path, onDemand).GetTensor("x");
        Checkpoint.Save(path, new() { { "x", TensorData.Of([3f, 4f], 2) } });
        File.Delete(path);
        GC.Collect();
        GC.WaitForPendingFinalizers();
        Assert.Equal([1f, 2f], tensor.ToArray<float>());
    }

    [Fact]
    public void The_file_is_closed_when_its_tensors_are_gone()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Linux tells which files are open.");
        string path = Path.Combine(Path.GetTempPath(), $"{Guid.NewGuid():N}.pt");
        Checkpoint.Save(path, new() { { "x", TensorData.Of([1f, 2f], 2) } });
        Use(path);
        for (int i = 0; i < 10 && IsOpen(path); i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }
        Assert.False(IsOpen(path));
        File.Delete(path);

        [System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.NoInlining)]
        static void Use(string path)
        {
            var tensor = Checkpoint.Load(path, onDemand).GetTensor("x");
            Assert.True(IsOpen(path));
            Assert.Equal(2, tensor.ToDoubles()[1]);
        }

        static bool IsOpen(string path) => Directory.GetFileSystemEntries("/proc/self/fd").Any(fd => new FileInfo(fd).LinkTarget == path);
    }

    [Fact]
    public void An_index_of_parts_is_closed_at_once()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Linux tells which files are open.");
        string folder = Path.Combine(FixtureTests.Folder, "tool", "sharded"), index = Path.Combine(folder, "model.safetensors.index.json");
        var state = Checkpoint.Load(folder, onDemand);
        Assert.DoesNotContain(Directory.GetFileSystemEntries("/proc/self/fd"), fd => new FileInfo(fd).LinkTarget == index);
        Assert.Equal(16, state.GetTensor("embed.bias").ToDoubles().Length);
    }

    [Fact]
    public void A_file_that_can_not_be_read_is_closed_at_once()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Linux tells which files are open.");
        string path = Path.Combine(FixtureTests.Folder, "tool", "cut.pt");
        Assert.Throws<CheckpointException>(() => Checkpoint.Load(path, onDemand));
        Assert.DoesNotContain(Directory.GetFileSystemEntries("/proc/self/fd"), fd => new FileInfo(fd).LinkTarget == path);
    }

    [Fact]
    public void Threads_may_read_at_once()
    {
        string path = Path.Combine(Path.GetTempPath(), $"{Guid.NewGuid():N}.pt");
        float[] numbers = [.. Enumerable.Range(0, 300_000).Select(i => (float)i)];
        Checkpoint.Save(path, new() { { "x", TensorData.Of(numbers, 300, 1000) } });
        var tensor = Checkpoint.Load(path, onDemand).GetTensor("x");
        Parallel.For(0, 8, _ => Assert.Equal(numbers, tensor.ToArray<float>()));
        File.Delete(path);
    }

    static (byte[]? Bytes, string? Problem) Saved(string path, CheckpointLoadOptions options)
    {
        object? value;
        try
        {
            value = Checkpoint.LoadValue(path, options);
            var stream = new MemoryStream();
            Checkpoint.Save(stream, new() { { "value", value } }, CheckpointFormat.PyTorch, new() { AllowObjects = true });
            return (stream.ToArray(), null);
        }
        catch (Exception e) when (e is CheckpointException or ArgumentException or StateDictException)
        {
            return (null, e.Message);
        }
    }
}
