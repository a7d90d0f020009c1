using System.Numerics;
using System.Text.Json.Nodes;

namespace OptimSharp.Tests.Checkpoints;

/// <summary>Objects of any class, in files that PyTorch wrote (tools/fixtures/make_objects.py) and made here.</summary>
public class PythonObjectTests
{
    static string PathOf(string name) => Path.Combine(FixtureTests.Folder, "pytorch-2.14", name);

    [Fact]
    public void A_Namespace_has_its_attributes()
    {
        var args = Checkpoint.Load(PathOf("timm.pth")).GetObject("args");
        Assert.Equal("argparse.Namespace", args.Type);
        Assert.Equal(0.001, args["lr"]);
        Assert.Equal(128, args.Attributes.GetInt64("batch_size"));
        Assert.Equal("argparse.Namespace(lr=0.001, batch_size=128, model='vit_tiny', opt_betas=null, data_dir='/data', mean=[0.5, 0.5], amp=true)", args.ToString());
        Assert.Equal("State 'argparse.Namespace.none' is missing.", Assert.Throws<StateDictException>(() => args["none"]).Message);
        Assert.Equal("State 'argparse.Namespace.state.model' must be a number, but is 'vit_tiny'.", Assert.Throws<StateDictException>(() => args.Attributes.GetDouble("model")).Message);
    }

    [Fact]
    public void Dictionaries_and_lists_of_other_classes_are_read_as_such()
    {
        var saved = Checkpoint.Load(PathOf("lightning.ckpt"));
        Assert.Equal(0.01, saved.GetDict("hyper_parameters").GetDouble("lr"));
        Assert.Equal("pytorch_lightning.utilities.parsing.AttributeDict", saved.GetDict("hyper_parameters").PythonType);
        Assert.Equal(0.5, saved.GetDict("callbacks").GetDict("ModelCheckpoint{'monitor': 'val'}").GetDouble("best_model_score")); // a tensor of one element
        var objects = Checkpoint.Load(PathOf("objects.pt"));
        Assert.Equal([1L, 2L], objects.GetList("own_list"));
        Assert.Equal([3L], objects.GetList("frozenset"));
        Assert.Equal([1.0, 2.5], objects.GetDoubles("point"));
        Assert.Equal([1L, 2L], objects.GetList("deque"));
        Assert.Empty(objects.GetList("no_deque"));
        Assert.Empty(objects.GetDict("no_defaultdict"));
        Assert.Equal(1, objects.GetDict("own_dict").GetInt64("a"));
        Assert.Same(objects.GetObject("own_dict"), objects.GetObject("own_dict").State); // its attributes are its entries
        Assert.Equal(1L, objects.GetObject("slots")["a"]);
        Assert.Same(objects.GetList("twice")[0], objects.GetList("twice")[1]);
        Assert.Equal(PythonObjectKind.Reference, objects.GetObject("ellipsis").Kind);
        Assert.Equal(3.0, ((TensorData)objects.GetObject("storage").Arguments[0]!).ToDoubles().Sum());
        Assert.Throws<StateDictException>(() => objects.GetDict("path"));
        Assert.Throws<StateDictException>(() => objects.GetList("namespace"));
        var builtins = Checkpoint.Load(PathOf("builtins.pt"));
        Assert.Equal([1L, 2L], builtins.GetList("set"));
        Assert.Equal("xyz"u8.ToArray(), builtins.GetBytes("bytearray")[..3].ToArray());
        Assert.Equal(0, builtins.GetBytes("no_bytearray").Length);
        Assert.Equal(new BigInteger(ulong.MaxValue), builtins.GetBigInteger("seed"));
        Assert.Equal(new Complex(1, -2.5), builtins["complex"]);
    }

    [Theory]
    [InlineData("whole_module.pt", null)]
    [InlineData("own_module.pt", "net")]
    public void A_whole_module_gives_its_state_dict(string file, string? key)
    {
        object? value = Checkpoint.LoadValue(PathOf(file));
        var module = Assert.IsType<PythonObject>(key is null ? value : ((StateDict)value!)[key]);
        var expected = JsonNode.Parse(File.ReadAllText(Path.ChangeExtension(PathOf(file), ".state.json")));
        Assert.Equal(expected!.ToJsonString(), Contents.Of(module.ModuleStateDict())!.ToJsonString());
        Assert.Contains("is no nn.Module", Assert.Throws<StateDictException>(() => new PythonObject("a", "B").ModuleStateDict()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_no_dictionary_is_had_as_a_value()
    {
        Assert.Equal([0.0, 1, 2], Assert.IsType<TensorData>(Checkpoint.LoadValue(PathOf("bare_tensor.pt"))).ToDoubles());
        Assert.Equal(1L, Assert.IsType<object?[]>(Checkpoint.LoadValue(PathOf("bare_list.pt")))[0]);
        Assert.Equal(2.5, Checkpoint.LoadValue(PathOf("bare_number.pt")));
        Assert.EndsWith("holds no dictionary, but a tensor: Checkpoint.LoadValue gives what it is.", Assert.Throws<CheckpointException>(() => Checkpoint.Load(PathOf("bare_tensor.pt"))).Message, StringComparison.Ordinal);
        Assert.Contains("an object of 'torch.nn.modules.container.Sequential'", Assert.Throws<CheckpointException>(() => Checkpoint.Load(PathOf("whole_module.pt"))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void NumPys_numbers_are_numbers_in_an_optimizers_group()
    {
        var saved = Checkpoint.Load(PathOf("nnunet.pth"));
        var weights = saved.GetDict("network_weights");
        Parameter<float>[] parameters = [.. new[] { "0.weight", "0.bias", "1.weight", "1.bias", "2.weight", "2.bias" }.Select(name => Parameter.Of(name, weights.GetTensor(name).ToArray<float>(), weights.GetTensor(name).Shape))];
        using var optimizer = new AdamW(parameters);
        optimizer.LoadStateDict(saved.GetDict("optimizer_state"));
        Assert.Equal(0.0125, optimizer.ParameterGroups[0].LearningRate);
        Assert.Equal(2, optimizer.StateOf(parameters[0])!.Step);
        Assert.Equal(0.8125, saved.GetDouble("_best_ema"));
        Assert.Equal([0.5, 0.75], saved.GetDict("logging").GetDoubles("mean_fg_dice"));
        Assert.Equal([128L, 128L], saved.GetDict("init_args").GetDict("plans").GetTensor("patch_size").ToArray<long>());
    }

    [Fact]
    public void Writing_one_is_asked_for()
    {
        var state = new StateDict { { "run", new StateDict { { "list", new object?[] { 1, new PythonObject("argparse", "Namespace", state: new StateDict { { "lr", 0.1 } }) } } } } };
        string message = Assert.Throws<ArgumentException>(() => Checkpoint.Save(new MemoryStream(), state)).Message;
        Assert.Contains("'run.list[1]' is an object of Python's class or function 'argparse.Namespace'", message, StringComparison.Ordinal);
        Assert.Contains("CheckpointSaveOptions.AllowObjects", message, StringComparison.Ordinal);
        using var stream = new MemoryStream();
        Checkpoint.Save(stream, state, CheckpointFormat.PyTorch, new() { AllowObjects = true });
        stream.Position = 0;
        Assert.Equal("{run: {list: [1, argparse.Namespace(lr=0.1)]}}", Checkpoint.Load(stream).ToString());
        Assert.Throws<CheckpointException>(() => { stream.Position = 0; _ = Checkpoint.Load(stream, new() { Strict = true }); });
    }

    [Fact]
    public void A_clone_shares_no_object()
    {
        var thing = new PythonObject("a", "B", state: new StateDict { { "x", 1 } });
        var copy = new StateDict { { "one", thing }, { "two", thing }, { StateKey.Of(thing), 3 } }.Clone();
        Assert.Same(copy["one"], copy["two"]);
        Assert.NotSame(thing, copy["one"]);
        Assert.Equal(3L, copy[StateKey.Of(copy["one"])]);
        thing.Attributes["x"] = 2;
        Assert.Equal(1L, copy.GetObject("one")["x"]);
        thing.Attributes[StateKey.Of(thing)] = thing; // within itself, as a key too
        Assert.Equal("a.B(x=2, a.B(…)=a.B(…))", thing.ToString());
        Assert.Equal("{t: a.B(x=2, a.B(…)=a.B(…))}", new StateDict { { "t", thing } }.Clone().ToString());
        Assert.Throws<ArgumentException>(() => new PythonObject("a b\n", "C"));
        Assert.Throws<StateDictException>(() => new PythonObject("a", "B", arguments: [DateTime.UnixEpoch]));
    }

    [Fact]
    public void Keys_are_equal_by_value_and_kind()
    {
        StateKey Tuple(params object?[] items) => StateKey.Of(new StateTuple(items));
        object?[] values = [null, true, false, 0.5, 1.0, new BigInteger(1) << 70, new Complex(1, 2), ElementType.Float32, new StateDevice("cpu"), "1", 1L];
        var keys = values.Select(StateKey.Of).Append(Tuple(1L, "a")).Append(Tuple()).Append(Tuple(1L, new StateTuple(["a"]))).Append(StateKey.Of(new ReadOnlyMemory<byte>([1]))).ToArray();
        Assert.Equal(keys.Length, keys.Distinct().Count());
        Assert.Equal(Tuple(1L, "a").GetHashCode(), Tuple(1L, "a").GetHashCode());
        Assert.Equal(Tuple(1L, "a"), Tuple(1L, "a"));
        Assert.Equal(StateKey.Of(-0.0), StateKey.Of(0.0));
        Assert.Equal(StateKey.Of(-0.0).GetHashCode(), StateKey.Of(0.0).GetHashCode());
        Assert.Equal(StateKey.Of(new ReadOnlyMemory<byte>([1, 2])[..1]), StateKey.Of(new ReadOnlyMemory<byte>([1])));
        Assert.Equal((StateKey)5, StateKey.Of(new BigInteger(5)));
        Assert.Equal("(1, a)", Tuple(1L, "a").ToString());
        Assert.All(keys, key => Assert.Equal(key, StateKey.Of(key.Value)));
        Assert.True(StateKey.Of(1L).IsNumber);
        Assert.False(StateKey.Of(0.5).IsNumber);
        Assert.Throws<ArgumentException>(() => StateKey.Of(new object?[] { 1 }));
    }

    [Fact]
    public void One_element_tensors_are_numbers()
    {
        var state = new StateDict { { "lr", TensorData.Of([0.5f]) }, { "matrix", TensorData.Of([2.0], 1, 1) }, { "count", TensorData.Of([(1L << 53) + 1]) }, { "all", new object?[] { TensorData.Of([1.5]), 2 } }, { "two", TensorData.Of([1.0, 2], 2) }, { "complex", TensorData.Of([Complex.One]) } };
        Assert.Equal(0.5, state.GetDouble("lr"));
        Assert.Equal(2.0, state.GetDouble("matrix"));
        Assert.Equal(2, state.GetInt64("matrix"));
        Assert.Equal((1L << 53) + 1, state.GetInt64("count"));
        Assert.Equal([1.5, 2], state.GetDoubles("all"));
        Assert.Throws<StateDictException>(() => state.GetDouble("two"));
        Assert.Throws<StateDictException>(() => state.GetDouble("complex"));
        Assert.Throws<StateDictException>(() => state.GetInt64("lr"));
    }
}
