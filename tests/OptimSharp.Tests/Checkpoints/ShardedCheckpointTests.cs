using System.Globalization;
using System.Numerics;
using System.Text.Json.Nodes;

namespace OptimSharp.Tests.Checkpoints;

/// <summary>A checkpoint in several files, as Hugging Face's libraries have it: parts and an index.</summary>
public sealed class ShardedCheckpointTests : IDisposable
{
    readonly string folder = Directory.CreateTempSubdirectory("optimsharp-").FullName;

    string At(string name) => Path.Combine(folder, name);

    string[] Names => [.. Directory.GetFiles(folder).Select(f => Path.GetFileName(f)!).Order(StringComparer.Ordinal)];

    public void Dispose() => Directory.Delete(folder, recursive: true);

    static TensorData Floats(int count, float first = 0) => TensorData.Of(Enumerable.Range(0, count).Select(i => first + i).ToArray(), count);

    /// <summary>Tensors of 40, 60, 400, 80 and 20 bytes.</summary>
    static StateDict Model() => new() { { "z", Floats(10) }, { "b", Floats(15, 100) }, { "large", Floats(100, 200) }, { "c", Floats(20, 300) }, { "a", Floats(5, 400) } };

    static string[] KeysIn(string path) => [.. Checkpoint.Load(path).Keys.Select(k => k.Name!)];

    static JsonNode Index(string path) => JsonNode.Parse(File.ReadAllText(path))!;

    static void Same(StateDict expected, StateDict found)
    {
        Assert.Equal(expected.Keys, found.Keys);
        foreach (var (key, value) in expected)
            Assert.True(JsonNode.DeepEquals(Contents.Of(value), Contents.Of(found[key])), key.ToString());
    }

    /// <summary>40 + 60 fill the first, 400 needs one of its own, 80 and 20 make another: 600 bytes in all.</summary>
    [Theory]
    [InlineData("model", ".safetensors")]
    [InlineData("pytorch_model", ".bin")]
    [InlineData("name with ümlaut.v2", ".pt")]
    public void Names_and_index_are_Hugging_Faces(string name, string extension)
    {
        Checkpoint.Save(At(name + extension), Model(), new() { MaxShardBytes = 100 });
        string[] parts = [.. Enumerable.Range(1, 3).Select(i => $"{name}-0000{i}-of-00003{extension}")];
        Assert.Equal([.. parts, $"{name}{extension}.index.json"], Names);
        Assert.Equal([["z", "b"], ["large"], ["c", "a"]], parts.Select(part => KeysIn(At(part))));
        var index = Index(At($"{name}{extension}.index.json"));
        Assert.Equal("""{"total_size":600}""", index["metadata"]!.ToJsonString());
        Assert.Equal([new("z", parts[0]), new("b", parts[0]), new("large", parts[1]), new("c", parts[2]), new("a", parts[2])], index["weight_map"]!.AsObject().Select(e => KeyValuePair.Create(e.Key, e.Value!.GetValue<string>())));
        foreach (string path in new[] { At($"{name}{extension}.index.json"), At(name + extension) })
            Same(Model(), Checkpoint.Load(path));
        Assert.Equal(extension == ".safetensors" ? [new("format", "pt")] : [], Checkpoint.LoadMetadata(At(name + extension)));
    }

    /// <summary>A model that PyTorch 2.14 saved in parts (tools/fixtures/make_sharded.py), two of its tensors tied, one transposed; its index counts 120 bytes.</summary>
    [Fact]
    public void What_PyTorch_saved_in_parts_is_read_and_written_as_it_is()
    {
        string fixture = Path.Combine(FixtureTests.Folder, "sharded");
        var expected = Directory.GetFiles(fixture, "*-of-*.json").SelectMany(f => JsonNode.Parse(File.ReadAllText(f))!["dict"]!.AsArray()).ToDictionary(p => p![0]!["str"]!.GetValue<string>(), p => p![1]);
        Check(Checkpoint.Load(fixture));
        Check(Checkpoint.Load(Path.Combine(fixture, "pytorch_model.bin.index.json")));
        foreach (string name in new[] { "m.bin", "m.safetensors" })
        {
            Checkpoint.Save(At(name), Checkpoint.Load(fixture), new() { MaxShardBytes = 60 });
            Check(Checkpoint.Load(At(name)));
        }
        Assert.Equal(120, Index(At("m.bin.index.json"))["metadata"]!["total_size"]!.GetValue<long>());

        void Check(StateDict state)
        {
            Assert.Equal(expected.Keys.Order(StringComparer.Ordinal), state.Keys.Select(k => k.Name));
            foreach (var (key, value) in state)
                Assert.True(JsonNode.DeepEquals(expected[key.Name!], Contents.Of(value)), key.Name);
            if (state.Attributes is null) // PyTorch's format
                Assert.Same(state.GetTensor("embed.weight").Storage, state.GetTensor("head.weight").Storage);
        }
    }

    [Fact]
    public void All_in_one_part_is_a_file_without_an_index()
    {
        Checkpoint.Save(At("model.safetensors"), Model(), new() { MaxShardBytes = 600 });
        Assert.Equal(["model.safetensors"], Names);
        Same(Model(), Checkpoint.Load(folder));
        Checkpoint.Save(At("model.safetensors"), [], new() { MaxShardBytes = 1 });
        Assert.Equal(["model.safetensors"], Names);
        Assert.Empty(Checkpoint.Load(folder));
    }

    [Fact]
    public void What_shares_memory_stays_together()
    {
        // z and its second half, written once in PyTorch's format; 40 + 60 bytes are one part
        var z = Floats(10);
        var state = new StateDict { { "z", z }, { "b", Floats(15) }, { "c", Floats(20) }, { "half", new TensorData(z.Storage, ElementType.Float32, 5, [5], [1]) }, { "tied", z } };
        Checkpoint.Save(At("m.bin"), state, new() { MaxShardBytes = 100 });
        Assert.Equal([["z", "b", "half", "tied"], ["c"]], Names.Take(2).Select(n => KeysIn(At(n))));
        Assert.Equal(180, Index(At("m.bin.index.json"))["metadata"]!["total_size"]!.GetValue<long>());
        var loaded = Checkpoint.Load(At("m.bin.index.json"));
        Same(state, loaded);
        Assert.Same(loaded.GetTensor("z").Storage, loaded.GetTensor("half").Storage);
        Assert.Same(loaded.GetTensor("z").Storage, loaded.GetTensor("tied").Storage);

        // safetensors has no shared memory: each name has a tensor of its own
        Checkpoint.Save(At("m.safetensors"), state, new() { MaxShardBytes = 100 });
        var index = Index(At("m.safetensors.index.json"));
        Assert.Equal(["z", "b", "c", "half", "tied"], index["weight_map"]!.AsObject().Select(e => e.Key));
        Assert.Equal(40 + 60 + 80 + 20 + 40, index["metadata"]!["total_size"]!.GetValue<long>());
        loaded = Checkpoint.Load(At("m.safetensors"));
        Same(state, loaded);
    }

    static StateDict Nested() => new()
    {
        { "model", new StateDict { { "w", Floats(6) }, { "z", TensorData.Of([new Complex(1, -2)], 1) }, { "half", TensorData.Of([(Half)1, (Half)2], 2, 1) } } },
        { "optimizer", new StateDict { { "state", new StateDict { { 0, new StateDict { { "step", 3 }, { "exp_avg", Floats(6, 7) } } } } }, { "betas", (0.9, 0.999) } } },
        { "list", new object?[] { Floats(3), null, double.NaN } }, { "dtype", ElementType.BFloat16 },
    };

    [Theory]
    [InlineData("a.safetensors")]
    [InlineData("a.bin")]
    public void A_nested_state_comes_back_as_it_was(string name)
    {
        var ordered = new StateDict { PythonType = "collections.OrderedDict", Attributes = new() { { "_metadata", new StateDict { { "", new StateDict { { "version", 1 } } } } }, { "__metadata__", new StateDict { { "license", "mit" } } } } };
        foreach (var (key, value) in Model())
            ordered.Add(key, value);
        foreach (var state in new[] { Nested(), ordered })
        {
            Checkpoint.Save(At(name), state, new() { MaxShardBytes = 24 });
            Assert.True(Names.Length > 4);
            Assert.True(JsonNode.DeepEquals(Contents.Of(state), Contents.Of(Checkpoint.Load(At(name)))));
        }
    }

    [Fact]
    public void Every_safetensors_part_has_the_texts()
    {
        Checkpoint.Save(At("model.safetensors"), Model(), new() { MaxShardBytes = 100, Metadata = new Dictionary<string, string> { ["license"] = "mit" } });
        Assert.All(Names.Take(3), name => Assert.Equal("""{"license":"mit","format":"pt"}""", SafetensorsMetadataTests.HeaderOf(At(name))["__metadata__"]!.ToJsonString()));
        Assert.Equal([new("license", "mit"), new("format", "pt")], Checkpoint.LoadMetadata(folder));
        var loaded = Checkpoint.Load(folder);
        Assert.Equal("{__metadata__: {license: 'mit', format: 'pt'}}", loaded.Attributes!.ToString());
        Checkpoint.Save(At("model.safetensors"), loaded, new() { MaxShardBytes = 400 }); // and once more
        Assert.Equal([new("license", "mit"), new("format", "pt")], Checkpoint.LoadMetadata(folder));
        Same(Model(), Checkpoint.Load(folder));
    }

    /// <summary>The old parts are there until the new index is: so they have other names. Nothing of other files is touched.</summary>
    [Fact]
    public void Saving_again_replaces_all_of_it()
    {
        string[] others = ["model-00001-of-00003.bin", "model-00001-of-00009.safetensors", "model-1-of-2.safetensors", "model.safetensors.bak", "model2-00001-of-00003.safetensors", "other.safetensors"];
        foreach (string name in others)
            File.WriteAllText(At(name), "");
        for (int i = 0; i < 4; i++)
        {
            var state = new StateDict { { "a", Floats(10, i) }, { "b", Floats(10, i) } };
            Checkpoint.Save(At("model.safetensors"), state, new() { MaxShardBytes = 40 });
            string series = i % 2 == 0 ? "" : "-2";
            Assert.Equal(others.Concat([$"model{series}-00001-of-00002.safetensors", $"model{series}-00002-of-00002.safetensors", "model.safetensors.index.json"]).Order(StringComparer.Ordinal), Names);
            Same(state, Checkpoint.Load(folder));
        }
        Checkpoint.Save(At("model.safetensors"), Model(), new() { MaxShardBytes = 1 << 20 });
        Assert.Equal(others.Append("model.safetensors").Order(StringComparer.Ordinal), Names);
        Checkpoint.Save(At("model.safetensors"), Model(), new() { MaxShardBytes = 300 });
        Assert.DoesNotContain("model.safetensors", Names);
        Same(Model(), Checkpoint.Load(At("model.safetensors")));
        File.WriteAllText(At("model.safetensors.index.json"), "damaged");
        Checkpoint.Save(At("model.safetensors"), Model(), new() { MaxShardBytes = 300 });
        Same(Model(), Checkpoint.Load(At("model.safetensors")));
    }

    [Fact]
    public void A_hostile_index_makes_saving_delete_nothing_outside()
    {
        string outside = Path.Combine(Path.GetDirectoryName(folder)!, Path.GetRandomFileName());
        File.WriteAllText(outside, "");
        File.WriteAllText(At("precious.txt"), "");
        try
        {
            foreach (string name in new[] { $"../{Path.GetFileName(outside)}", outside, "precious.txt" })
            {
                File.WriteAllText(At("m.safetensors.index.json"), $$$"""{"weight_map":{"a":"{{{name}}}"}}""");
                Checkpoint.Save(At("m.safetensors"), Model(), new() { MaxShardBytes = 100 });
                Assert.True(File.Exists(outside) && File.Exists(At("precious.txt")));
            }
        }
        finally
        {
            File.Delete(outside);
        }
    }

    [Fact]
    public void A_save_that_fails_leaves_the_old_one()
    {
        var options = new CheckpointSaveOptions { MaxShardBytes = 100 };
        Checkpoint.Save(At("m.bin"), Model(), options);
        string[] before = Names;
        var bad = Model();
        bad.Add("half a pair: \uD800", Floats(100)); // in the last part
        Assert.Throws<ArgumentException>(() => Checkpoint.Save(At("m.bin"), bad, options));
        bad = Model();
        bad.Add("x", new StateDict { PythonType = "other.Class" });
        Assert.Throws<ArgumentException>(() => Checkpoint.Save(At("m.bin"), bad, options));
        Assert.Equal(before, Names);
        Same(Model(), Checkpoint.Load(At("m.bin")));
        Directory.CreateDirectory(At("n.bin.index.json"));
        Assert.Throws<IOException>(() => Checkpoint.Save(At("n.bin"), Model(), options)); // the index comes last
        Assert.Equal(before, Names);
    }

    [Fact]
    public void Options_are_checked()
    {
        Assert.StartsWith("MaxShardBytes must be ≥ 1, but is 0.", Assert.Throws<ArgumentOutOfRangeException>(() => Checkpoint.Save(At("a.bin"), [], new() { MaxShardBytes = 0 })).Message, StringComparison.Ordinal);
        Assert.StartsWith("MaxShardBytes makes several files", Assert.Throws<ArgumentException>(() => Checkpoint.Save(Stream.Null, [], options: new() { MaxShardBytes = 1 })).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => Checkpoint.Save(At("model.safetensors.index.json"), Model(), new() { MaxShardBytes = 100 }));
        Assert.Empty(Names);
    }

    /// <summary>As transformers looks for a model in a folder.</summary>
    [Fact]
    public void In_a_folder_there_is_an_order()
    {
        var options = new CheckpointSaveOptions { MaxShardBytes = 100 };
        int i = 0;
        StateDict Next() => new() { { "a", Floats(20, ++i) }, { "b", Floats(20, i) } };
        void Is(int expected) => Assert.Equal(expected, Checkpoint.Load(folder).GetTensor("b").ToArray<float>()[0]);
        Assert.Contains("is a folder, and none with a model", Assert.Throws<CheckpointException>(() => Checkpoint.Load(folder)).Message, StringComparison.Ordinal);
        Checkpoint.Save(At("training_args.bin"), new() { { "x", 1 } });
        Checkpoint.Save(At("pytorch_model.bin"), Next(), options);
        Is(1);
        Checkpoint.Save(At("x.bin"), Next());
        File.Move(At("x.bin"), At("pytorch_model.bin"));
        Is(2);
        Checkpoint.Save(At("diffusion.safetensors"), Next(), options);
        Is(3);
        Checkpoint.Save(At("x.safetensors"), Next());
        File.Move(At("x.safetensors"), At("model.safetensors"));
        Is(4);
        File.Delete(At("model.safetensors"));
        Checkpoint.Save(At("diffusion.fp16.safetensors"), Next(), options);
        Assert.EndsWith("is a folder with several indexes of parts: diffusion.fp16.safetensors.index.json, diffusion.safetensors.index.json. Give the path of one.",
            Assert.Throws<CheckpointException>(() => Checkpoint.Load(folder)).Message, StringComparison.Ordinal);
    }

    /// <summary>A training program that saves parts over and over (tests/OptimSharp.Resume), killed at random moments: what is there is always one whole save, and none is lost.</summary>
    [Fact]
    public async Task Killed_while_it_saves_it_leaves_one_whole_checkpoint()
    {
        const int Kills = 40;
        var random = new Random(1);
        string path = At("model.safetensors");
        long last = -1;
        int unfinished = 0, several = 0;
        for (int i = 0; i < Kills; i++)
        {
            using var process = ResumeProgram.Start("shards", path, (last + 1).ToString(CultureInfo.InvariantCulture));
            long said = long.Parse((await process.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken))!, CultureInfo.InvariantCulture);
            await Task.Delay(random.Next(60), TestContext.Current.CancellationToken);
            process.Kill();
            foreach (string line in (await process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken)).Split('\n', StringSplitOptions.RemoveEmptyEntries)[..^0])
                said = long.TryParse(line, CultureInfo.InvariantCulture, out long number) ? Math.Max(said, number) : said;
            await process.WaitForExitAsync(TestContext.Current.CancellationToken);
            var state = Checkpoint.Load(path);
            last = (long)state.GetTensor("layer.0").ToArray<float>()[0];
            Assert.InRange(last, said, said + 1);
            Assert.Equal(4 + last % 3, state.Count);
            Assert.All(state, e => Assert.All(((TensorData)e.Value!).ToArray<float>(), x => Assert.Equal(last, x)));
            unfinished += Names.Any(n => n.EndsWith(".unfinished", StringComparison.Ordinal)) ? 1 : 0;
            several += File.Exists(path + ".index.json") ? 1 : 0;
        }
        TestContext.Current.TestOutputHelper?.WriteLine($"{Kills} kills at up to save {last}, {unfinished} left an unfinished file, {several} parts with an index");
    }

    [Theory]
    [InlineData("weights.safetensors")]
    [InlineData("weights.bin")]
    public void A_single_file_takes_the_place_of_several(string name)
    {
        string own = Directory.CreateTempSubdirectory("optimsharp-whole-").FullName, path = Path.Combine(own, name);
        Checkpoint.Save(path, State(1), new() { MaxShardBytes = 8 });
        Assert.True(Directory.GetFiles(own).Length > 2);
        Checkpoint.Save(path, State(2));
        Assert.Equal([path], Directory.GetFiles(own));
        Assert.Equal([2, 2], Checkpoint.Load(path).GetTensor("a").ToDoubles());
        Directory.Delete(own, recursive: true);

        static StateDict State(float value) => new() { { "a", TensorData.Of([value, value], 2) }, { "b", TensorData.Of([value, value], 2) } };
    }
}
