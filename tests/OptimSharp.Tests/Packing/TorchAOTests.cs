namespace OptimSharp.Tests.Packing;

/// <summary>Files of torchao's optimizers, made by torchao itself (tools/fixtures/make_torchao.py).</summary>
public class TorchAOTests
{
    public static TheoryData<string, StatePrecision> Kinds => new() { { "AdamW8bit", StatePrecision.Dynamic8 }, { "AdamW4bit", StatePrecision.Linear4 }, { "AdamWFp8", StatePrecision.Float8 } };

    /// <summary>A run goes from torchao to us: state to the bit, and then the steps that torchao takes, but for rounding.</summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_run_of_torchao_is_gone_on_with(string kind, StatePrecision precision)
    {
        var saved = LibraryRun.Load("torchao", kind);
        var after = LibraryRun.Load("torchao", $"{kind}.after");
        var parameters = LibraryRun.Parameters(saved.GetDict("parameters"));
        using var optimizer = new AdamW(parameters, new() { StatePrecision = precision });
        Assert.True(optimizer.LoadStateDict(saved.GetDict("optimizer")).IsComplete);
        Assert.Equal(((double)1e-2f, 0.1), (optimizer.ParameterGroups[0].LearningRate, optimizer.ParameterGroups[0].Options.WeightDecay));
        foreach (var (i, parameter) in parameters.Index())
        {
            var state = optimizer.StateOf(parameter)!;
            Assert.Equal(3, state.Step);
            foreach (var (name, numbers) in after.GetDict("numbers").GetDict(i))
                Assert.Equal(((TensorData)numbers!).ToDoubles(), state.Tensor(name.Name!));
            Assert.Equal(parameter.Count >= 4096 ? ElementType.UInt8 : ElementType.Float32, state.TypeOf("exp_avg"));
        }
        using var single = new AdamW(parameters, new()); // in floats they are the same numbers
        single.LoadStateDict(saved.GetDict("optimizer"));
        Assert.Equal(optimizer.StateOf(parameters[0])!.Tensor("exp_avg"), single.StateOf(parameters[0])!.Tensor("exp_avg"));

        foreach (var gradients in LibraryRun.Start.GetDicts("gradients").Skip(3))
            LibraryRun.Step(optimizer, gradients);
        LibraryRun.Compare(after.GetDict("parameters"), optimizer);
    }

    /// <summary>What we write is what torchao wrote: the same objects, with the same numbers.</summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public void Objects_are_written_as_torchao_writes_them(string kind, StatePrecision precision)
    {
        var saved = LibraryRun.Load("torchao", kind).GetDict("optimizer");
        using var optimizer = new AdamW(LibraryRun.Parameters(LibraryRun.Start.GetDict("start")), new() { StatePrecision = precision });
        optimizer.LoadStateDict(saved);
        var written = TorchAO.ToStateDict(optimizer.StateDict());
        using var file = new MemoryStream();
        Checkpoint.Save(file, written, options: new() { AllowObjects = true });
        file.Position = 0;
        written = Checkpoint.Load(file);
        foreach (string name in (string[])["step", "exp_avg", "exp_avg_sq"])
            Same(saved.GetDict("state").GetDict(0)[name], written.GetDict("state").GetDict(0)[name], name);
        Assert.Equal(1e-2f, Assert.Single(((TensorData)written.GetDicts("param_groups")[0]["lr"]!).ToArray<float>()));
        Assert.IsType<TensorData>(written.GetDict("state").GetDict(1)["exp_avg"]); // a small parameter's

        using var again = new AdamW(LibraryRun.Parameters(LibraryRun.Start.GetDict("start")), new() { StatePrecision = precision });
        again.LoadStateDict(written);
        for (int i = 0; i < 3; i++)
        {
            foreach (string name in (string[])["exp_avg", "exp_avg_sq"])
                Assert.Equal(optimizer.StateOf(optimizer.ParameterGroups[0].Parameters[i])!.Tensor(name), again.StateOf(again.ParameterGroups[0].Parameters[i])!.Tensor(name));
        }
    }

    /// <summary>A run goes from us to torchao, where there is one.</summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public async Task Torchao_goes_on_with_a_run_of_ours(string kind, StatePrecision precision)
    {
        using var optimizer = new AdamW(LibraryRun.Parameters(LibraryRun.Start.GetDict("start")), new() { LearningRate = 1e-2, WeightDecay = 0.1, StatePrecision = precision });
        var theirs = await LibraryRun.GoOn("torchao", kind, optimizer, TorchAO.ToStateDict);
        optimizer.LoadStateDict(theirs); // and back
        Assert.Equal(5, optimizer.StateOf(optimizer.ParameterGroups[0].Parameters[0])!.Step);
    }

    [Fact]
    public void Blocks_of_another_size_become_numbers_and_broken_ones_are_refused()
    {
        var w = Parameter.Of("w", new float[512]);
        using var optimizer = new AdamW([w], new() { StatePrecision = StatePrecision.Dynamic8 });
        float[] map = [.. Enumerable.Range(0, 256).Select(i => i / 255f)];
        byte[] codes = [.. Enumerable.Range(0, 512).Select(i => (byte)i)];
        optimizer.LoadStateDict(State("OptimState8bit", new() { { "codes", TensorData.Of(codes, 512) }, { "scale", TensorData.Of([2f, 3f], 2) }, { "qmap", TensorData.Of(map, 256) } }));
        Assert.Equal(codes.Select((code, i) => (double)(map[code] * (i < 256 ? 2f : 3f))), optimizer.StateOf(w)!.Tensor("exp_avg"));
        optimizer.LoadStateDict(State("OptimState4bit", new() { { "codes", TensorData.Of(codes[..256], 256) }, { "scale", TensorData.Of([2f], 1) }, { "qmap", TensorData.Of(map[..16], 16) }, { "_shape", new long[] { 512 } } }));
        Assert.Equal(Enumerable.Range(0, 512).Select(i => (double)(map[i % 2 == 0 ? i / 2 >> 4 : i / 2 & 15] * 2f)), optimizer.StateOf(w)!.Tensor("exp_avg"));

        Refused("'state.0.exp_avg.scale' is missing", new() { { "codes", TensorData.Of(codes, 512) } });
        Refused("'state.0.exp_avg.scale' must have a number for each block of the 512 codes, but has 3", new() { { "codes", TensorData.Of(codes, 512) }, { "scale", TensorData.Of(new float[3], 3) } });
        Refused("'state.0.exp_avg.codes' must be a tensor in UInt8", new() { { "codes", TensorData.Of(new float[512], 512) } });
        Refused("'state.0.exp_avg.codes' must be a tensor in UInt8", new() { { "codes", new TensorData(TensorData.Of(codes, 512).Storage, ElementType.UInt8, 0, [1L << 50, 512], [0, 1]) } }); // as small as a file may be
        Refused("'state.0.exp_avg.qmap' must have a number for each code, but has 16", new() { { "codes", TensorData.Of(codes, 512) }, { "scale", TensorData.Of(new float[2], 2) }, { "qmap", TensorData.Of(map[..16], 16) } });
        Refused("'state.0.exp_avg._shape' is [7], but there are 1024 codes", new() { { "codes", TensorData.Of(codes, 512) }, { "scale", TensorData.Of(new float[8], 8) }, { "qmap", TensorData.Of(map[..16], 16) }, { "_shape", new long[] { 7 } } }, "OptimState4bit");
        Refused("'state.0.exp_avg' must be [512] and real for parameter 'w' [512] Float32", new() { { "codes", TensorData.Of(codes, 2, 256) }, { "scale", TensorData.Of(new float[4], 4) }, { "qmap", TensorData.Of(map, 256) } });

        void Refused(string message, StateDict parts, string name = "OptimState8bit") =>
            Assert.Contains(message, Assert.Throws<StateDictException>(() => optimizer.LoadStateDict(State(name, parts))).Message, StringComparison.Ordinal);

        StateDict State(string name, StateDict parts)
        {
            w.UseGradient();
            using var made = new AdamW([w]);
            made.Step();
            var state = made.StateDict();
            object?[] arguments = [null, new PythonObject("torchao.optim.subclass_8bit", name, PythonObjectKind.Reference), null, parts];
            state.GetDict("state").GetDict(0)["exp_avg"] = new PythonObject("torch._tensor", "_rebuild_from_type_v2", PythonObjectKind.Call, new StateTuple(arguments));
            return state;
        }
    }

    [Fact]
    public void What_torchao_keeps_in_floats_is_written_in_floats()
    {
        var odd = Parameter.Of("odd", new float[4097]);
        odd.UseGradient().Fill(1);
        using var optimizer = new AdamW([odd], new() { StatePrecision = StatePrecision.Linear4 });
        optimizer.Step();
        var tensor = Assert.IsType<TensorData>(TorchAO.ToStateDict(optimizer.StateDict()).GetDict("state").GetDict(0)["exp_avg"]);
        Assert.Equal(optimizer.StateOf(odd)!.Tensor("exp_avg"), tensor.ToDoubles());
    }

    static void Same(object? expected, object? actual, string path)
    {
        switch (expected)
        {
            case PythonObject thing:
                var other = Assert.IsType<PythonObject>(actual);
                Assert.Equal((thing.Type, thing.Kind), (other.Type, other.Kind));
                Same(thing.Arguments, other.Arguments, $"{path}.arguments");
                break;
            case StateDict dict:
                var entries = Assert.IsType<StateDict>(actual);
                Assert.Equal(dict.Keys.Select(key => key.Name).Order(), entries.Keys.Select(key => key.Name).Order());
                foreach (var (key, value) in dict)
                    Same(value, entries[key], $"{path}.{key}");
                break;
            case IReadOnlyList<object?> list:
                var items = Assert.IsAssignableFrom<IReadOnlyList<object?>>(actual);
                Assert.Equal(list.Count, items.Count);
                for (int i = 0; i < list.Count; i++)
                    Same(list[i], items[i], $"{path}[{i}]");
                break;
            case TensorData tensor:
                var data = Assert.IsType<TensorData>(actual);
                Assert.Equal((tensor.ElementType, string.Join(' ', tensor.Shape.ToArray())), (data.ElementType, string.Join(' ', data.Shape.ToArray())));
                Assert.Equal(tensor.ToDoubles(), data.ToDoubles());
                break;
            default:
                Assert.True(Equals(expected, actual), $"{path}: {expected} is {actual}");
                break;
        }
    }
}
