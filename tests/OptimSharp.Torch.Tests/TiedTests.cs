using OptimSharp.Conformance;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace OptimSharp.Torch.Tests;

/// <summary>One native tensor is one parameter, whatever objects and names TorchSharp has for it.</summary>
public class TiedTests
{
    /// <summary>Two layers of each kind whose parameters can be set.</summary>
    static readonly Dictionary<Type, Func<Module>> Layers = new()
    {
        [typeof(BatchNorm1d)] = () => BatchNorm1d(3),
        [typeof(BatchNorm2d)] = () => BatchNorm2d(3),
        [typeof(BatchNorm3d)] = () => BatchNorm3d(3),
        [typeof(Bilinear)] = () => Bilinear(2, 3, 2),
        [typeof(Conv1d)] = () => Conv1d(2, 3, 2),
        [typeof(Conv2d)] = () => Conv2d(2, 3, 2),
        [typeof(Conv3d)] = () => Conv3d(2, 3, 2),
        [typeof(ConvTranspose1d)] = () => ConvTranspose1d(2, 3, 2),
        [typeof(ConvTranspose2d)] = () => ConvTranspose2d(2, 3, 2),
        [typeof(ConvTranspose3d)] = () => ConvTranspose3d(2, 3, 2),
        [typeof(Embedding)] = () => Embedding(4, 3),
        [typeof(EmbeddingBag)] = () => EmbeddingBag(4, 3),
        [typeof(GRUCell)] = () => GRUCell(2, 3),
        [typeof(GroupNorm)] = () => GroupNorm(1, 3),
        [typeof(InstanceNorm1d)] = () => InstanceNorm1d(3, affine: true),
        [typeof(InstanceNorm2d)] = () => InstanceNorm2d(3, affine: true),
        [typeof(InstanceNorm3d)] = () => InstanceNorm3d(3, affine: true),
        [typeof(LSTMCell)] = () => LSTMCell(2, 3),
        [typeof(LayerNorm)] = () => LayerNorm(3),
        [typeof(Linear)] = () => Linear(2, 3),
        [typeof(PReLU)] = () => PReLU(3),
        [typeof(RNNCell)] = () => RNNCell(2, 3),
    };

    public static TheoryData<string, string> Settable()
    {
        var data = new TheoryData<string, string>();
        foreach (var type in typeof(Linear).Assembly.GetExportedTypes().Where(t => t.IsAssignableTo(typeof(Module)) && !t.IsAbstract))
        {
            foreach (var property in type.GetProperties().Where(p => p is { CanWrite: true } && p.PropertyType == typeof(TorchSharp.Modules.Parameter) && p.GetIndexParameters().Length == 0))
                data.Add(type.Name, property.Name);
        }
        return data;
    }

    [Theory]
    [MemberData(nameof(Settable))]
    public void Every_layers_parameter_is_one_however_it_is_tied(string layer, string name)
    {
        var (type, make) = Layers.First(x => x.Key.Name == layer);
        var property = type.GetProperty(name)!;
        foreach (bool forwards in (bool[])[true, false])
        {
            using var first = make();
            using var second = make();
            if (forwards)
                property.SetValue(second, property.GetValue(first));
            else
                property.SetValue(first, property.GetValue(second));
            using var model = new Pair(first, second);

            string[] all = [.. first.named_parameters().Select(p => $"first.{p.name}"), .. second.named_parameters().Select(p => $"second.{p.name}")];
            var parameters = model.Parameters();
            Assert.Equal(all.Where(n => n != $"second.{name}"), parameters.Select(p => p.Name));
            Assert.Equal(all.Order(), model.StateDict().Keys.Select(k => k.Name!).Where(n => all.Contains(n)).Order());
            var tied = parameters.Single(p => p.Name == $"first.{name}");
            Assert.Equal(tied.Identity, ((Tensor)property.GetValue(second)!).AsParameter("another").Identity);

            using var optimizer = new SGD(parameters, new() { LearningRate = 1, Momentum = 0.9 });
            using (no_grad())
                tied.Tensor.fill_(0.5); // some layers have whatever was in the memory: of any size
            double before = tied.Tensor.sum().item<float>();
            tied.Tensor.grad = ones_like(tied.Tensor) * 2;
            Assert.Equal(2 * Math.Sqrt(tied.Count), Gradients.Norm(model.Parameters()), 1e-6);
            optimizer.Step();
            Assert.Equal(before - 2 * tied.Count, ((Tensor)property.GetValue(second)!).sum().item<float>(), 1e-4);
            Assert.NotNull(optimizer.StateOf(((Tensor)property.GetValue(second)!).AsParameter()));
        }
    }

    sealed class Pair : Module
    {
#pragma warning disable IDE0052 // registered
        readonly Module first, second;
#pragma warning restore IDE0052

        public Pair(Module first, Module second) : base(nameof(Pair))
        {
            (this.first, this.second) = (first, second);
            RegisterComponents();
        }
    }

    public static TheoryData<string> WithParametersInside() =>
        [nameof(RNN), nameof(LSTM), nameof(GRU), nameof(MultiheadAttention), nameof(TransformerEncoderLayer), nameof(TransformerDecoderLayer), nameof(Transformer)];

    [Theory]
    [MemberData(nameof(WithParametersInside))]
    public void A_layer_that_is_there_twice_has_each_parameter_once_and_both_names_in_its_state(string layer)
    {
        using Module inner = layer switch
        {
            nameof(RNN) => RNN(2, 3),
            nameof(LSTM) => LSTM(2, 3),
            nameof(GRU) => GRU(2, 3),
            nameof(MultiheadAttention) => MultiheadAttention(4, 2),
            nameof(TransformerEncoderLayer) => TransformerEncoderLayer(4, 2, 8),
            nameof(TransformerDecoderLayer) => TransformerDecoderLayer(4, 2, 8),
            _ => Transformer(4, 2, 1, 1, 8),
        };
        using var model = new Pair(inner, inner);
        string[] names = [.. inner.named_parameters().Select(p => p.name)];
        Assert.NotEmpty(names);
        Assert.Equal(names.Select(n => $"first.{n}"), model.Parameters().Select(p => p.Name));
        var state = model.StateDict();
        Assert.Equal(2 * names.Length, state.Count);
        Assert.All(names, n => Assert.Same(state.GetTensor($"first.{n}").Storage, state.GetTensor($"second.{n}").Storage));
        using var optimizer = new SGD(model.Parameters(), new() { LearningRate = 1 });
        foreach (var parameter in model.parameters())
            parameter.grad = ones_like(parameter);
        optimizer.Step();
        Assert.All(model.Parameters(), p => Assert.All(Models.Values(p.Tensor).Zip(state.GetTensor(p.Name).ToDoubles()), x => Assert.Equal(x.Second - 1, x.First, 1e-6)));
    }

    [Fact]
    public void Lists_and_dictionaries_of_parameters_are_tied_as_layers_are()
    {
        using var embedding = Embedding(4, 3);
        using var list = ParameterList(embedding.weight!, new TorchSharp.Modules.Parameter(zeros(2)));
        using var dictionary = ParameterDict(("a", embedding.weight!));
        using var lists = new Pair(list, dictionary);
        using var model = new Pair(embedding, lists);
        Assert.Equal(["first.weight", "second.first.1"], model.Parameters().Select(p => p.Name));
        Assert.Equal(["first.weight", "second.first.0", "second.first.1", "second.second.a"], model.StateDict().Keys.Select(k => k.Name));
    }

    [Fact]
    public void Two_names_of_one_tensor_in_one_optimizer_are_refused_by_both_names()
    {
        using var embedding = Embedding(4, 3);
        using var head = Linear(3, 4, hasBias: false);
        head.weight = embedding.weight!;
        var (a, b) = (embedding.weight!.AsParameter("embedding.weight"), head.weight!.AsParameter("head.weight"));
        Assert.NotSame(a.Tensor, b.Tensor);
        Refused("Parameter 'head.weight' [4, 3] Float32 is in the group twice, also as 'embedding.weight' [4, 3] Float32", () => new SGD([a, b]).Dispose());
        Refused("Parameter 'head.weight' [4, 3] Float32 is in parameter group 0 already, also as 'embedding.weight' [4, 3] Float32", () => new SGD([new([a]), new([b])]).Dispose());
        using var optimizer = new SGD([a]);
        Refused("is in parameter group 0 already", () => optimizer.AddParameterGroup(new([b])));
        Assert.Single(optimizer.ParameterGroups);
        Refused("is there twice", () => Gradients.Norm(WithGradient(a, b)));
        Refused("is there 2 times", () => new AveragedParameters([a, b]).Dispose());

        static void Refused(string message, Action action) => Assert.Contains(message, Assert.Throws<ArgumentException>(action).Message, StringComparison.Ordinal);

        static Parameter[] WithGradient(TorchParameter a, TorchParameter b)
        {
            a.Tensor.grad = ones(4, 3);
            return [a, b];
        }
    }

    [Fact]
    public void Views_that_share_elements_are_refused_by_both_names()
    {
        using var memory = zeros(4, 6);
        using var left = memory.narrow(1, 0, 3).requires_grad_();
        using var right = memory.narrow(1, 3, 3).requires_grad_();
        using var middle = memory.narrow(1, 2, 2).requires_grad_();
        using var all = memory.detach().requires_grad_();
        using (new SGD([left.AsParameter("left"), right.AsParameter("right")])) // columns interleave, and share nothing
        {
        }
        Refused(right, middle);
        Refused(left, middle);
        Refused(all, right);
        using var alias = all.detach().requires_grad_(); // all the same elements, but a tensor with a gradient of its own
        Refused(all, alias);

        static void Refused(Tensor one, Tensor other)
        {
            var (a, b) = (one.AsParameter("a"), other.AsParameter("b"));
            var e = Assert.Throws<ArgumentException>(() => new SGD([new([a]), new([b])]));
            Assert.StartsWith($"Parameters {a} and {b} share memory, but are not the same tensor", e.Message, StringComparison.Ordinal);
            using var optimizer = new SGD([a]);
            Assert.Throws<ArgumentException>(() => optimizer.AddParameterGroup(new([b])));
        }
    }

    [Fact]
    public void A_tensor_over_an_array_shares_memory_with_a_parameter_of_that_array()
    {
        float[] array = new float[8];
        using var tensor = frombuffer(array, float32, 4, 2);
        var e = Assert.Throws<ArgumentException>(() => new SGD([tensor.AsParameter("tensor"), Parameter.Of("array", array)]));
        Assert.Contains("'tensor' [4] Float32 and 'array' [8] Float32 share memory", e.Message, StringComparison.Ordinal);
        using var _ = new SGD([tensor.AsParameter("tensor"), Parameter.Of("array", array.AsMemory(0, 2))]);
    }

    [Fact]
    public void Handles_lead_to_native_tensors()
    {
        using var tensor = zeros(3);
        using Tensor same = tensor.alias(), view = tensor.detach();
        Assert.NotEqual(tensor.Handle, same.Handle);
        Assert.NotNull(LibTorchSharp.Implementation(tensor.Handle));
        Assert.Equal(LibTorchSharp.Implementation(tensor.Handle), LibTorchSharp.Implementation(same.Handle));
        Assert.NotEqual(LibTorchSharp.Implementation(tensor.Handle), LibTorchSharp.Implementation(view.Handle));
    }

    [Fact]
    public void Where_implementations_cannot_be_had_the_same_elements_are_the_same_tensor()
    {
        using var embedding = Embedding(4, 3);
        using var head = Linear(3, 4, hasBias: false);
        head.weight = embedding.weight!;
        var one = new TensorIdentity(embedding.weight!, byImplementation: false);
        Assert.Equal(one, new TensorIdentity(head.weight!, byImplementation: false));
        using var part = embedding.weight!.detach().narrow(0, 0, 3);
        using var turned = embedding.weight!.detach().t();
        using var other = zeros(4, 3);
        Assert.All([part, turned, other], tensor => Assert.NotEqual(one, new TensorIdentity(tensor, byImplementation: false)));
        using Tensor nothing = zeros(0), nothingElse = zeros(0);
        Assert.NotEqual(new TensorIdentity(nothing, byImplementation: false), new TensorIdentity(nothingElse, byImplementation: false));
    }

    [Fact]
    public void A_tensor_in_the_place_of_one_that_is_gone_is_another()
    {
        for (int i = 0; i < 100; i++) // the allocator gives the same place again soon
        {
            var gone = zeros(3).requires_grad_();
            using var optimizer = new SGD([gone.AsParameter("gone")], new() { Momentum = 0.9 });
            gone.grad = ones(3);
            optimizer.Step();
            gone.Dispose();
            using var fresh = zeros(3).requires_grad_();
            Assert.Null(optimizer.StateOf(fresh.AsParameter("fresh")));
            optimizer.AddParameterGroup(new([fresh.AsParameter("fresh")]));
        }
    }

    [Fact]
    public void State_moves_with_a_tied_parameter_that_is_rebound()
    {
        using var model = new TiedGPT();
        using var optimizer = new SGD(model.Parameters(), new() { LearningRate = 0.1, Momentum = 0.9 });
        foreach (var parameter in model.parameters())
            parameter.grad = ones_like(parameter);
        optimizer.Step();
        using var other = new TiedGPT();
        optimizer.Rebind(other.Parameters());
        var head = other.named_parameters().Single(p => p.name == "head.weight").parameter;
        Assert.All(optimizer.StateOf(head.AsParameter())!.Tensor("momentum_buffer"), x => Assert.Equal(1, x));

        using var untied = Linear(2, 2, hasBias: false);
        using var second = Linear(2, 2, hasBias: false);
        using var pair = new Pair(untied, second);
        using var both = new SGD(pair.Parameters());
        second.weight = untied.weight!;
        var e = Assert.Throws<ArgumentException>(() => both.Rebind([untied.weight!.AsParameter("first.weight"), second.weight!.AsParameter("second.weight")]));
        Assert.Contains("'first.weight' [2, 2] Float32 and 'second.weight' [2, 2] Float32 are the same tensor", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_modules_state_has_every_name_over_one_memory_and_comes_back()
    {
        using var model = new TiedGPT();
        var state = model.StateDict();
        var (tokens, head) = (state.GetTensor("tokens.weight"), state.GetTensor("head.weight"));
        Assert.Same(tokens.Storage, head.Storage);
        Assert.NotSame(tokens, head);

        using var stream = new MemoryStream();
        Checkpoint.Save(stream, state);
        stream.Position = 0;
        var loaded = Checkpoint.Load(stream);
        Assert.Same(loaded.GetTensor("tokens.weight").Storage, loaded.GetTensor("head.weight").Storage);
        using var other = new TiedGPT();
        other.LoadStateDict(loaded);
        Assert.Equal(state.Keys, other.StateDict().Keys);
        Assert.Equal(tokens.ToDoubles(), Models.Values(other.named_parameters().Single(p => p.name == "head.weight").parameter));
    }

    [Fact]
    public void A_file_may_have_a_shared_tensor_under_one_name_only()
    {
        using var model = new TiedGPT();
        foreach (string absent in (string[])["head.weight", "tokens.weight"])
        {
            var state = model.StateDict();
            string present = absent == "head.weight" ? "tokens.weight" : "head.weight";
            state.Remove(absent);
            using var other = new TiedGPT();
            var report = other.LoadStateDict(state);
            Assert.Equal((LoadOutcome.Loaded, present), report.Entries.Where(e => e.Name == absent).Select(e => (e.Outcome, e.From)).Single());
            Assert.Equal(Models.Values(model), Models.Values(other));

            state[present] = TensorData.Of([1.0]);
            Assert.Equal(LoadOutcome.Kept, other.LoadStateDict(state, strict: false).Entries.Single(e => e.Name == absent).Outcome);
            Assert.Equal(Models.Values(model), Models.Values(other));
        }
    }

    [Fact]
    public void A_module_that_is_there_twice_has_both_names_in_its_state_as_in_PyTorch()
    {
        using var shared = BatchNorm1d(3);
        using var model = Sequential(("a", shared), ("b", shared));
        Assert.Equal(
            ["a.weight", "a.bias", "a.running_mean", "a.running_var", "a.num_batches_tracked", "b.weight", "b.bias", "b.running_mean", "b.running_var", "b.num_batches_tracked"],
            model.StateDict().Keys.Select(k => k.Name));
        using var averages = new AveragedModel<Sequential>(model);
        Assert.Equal(["a.weight", "a.bias", "a.running_mean", "a.running_var", "a.num_batches_tracked"], averages.Averages.Names);
        averages.Update();
        Assert.Equal(11, averages.StateDict().Count); // and how many were averaged
        averages.LoadStateDict(averages.StateDict());
    }

    [Fact]
    public void An_average_of_a_tied_model_is_one_with_several_names()
    {
        using var model = new TiedGPT();
        using var averaged = new AveragedModel<TiedGPT>(model, () => new(), OptimSharp.Averaging.Ema(0.5));
        averaged.Update();
        var weight = model.named_parameters().Single(p => p.name == "head.weight").parameter;
        double[] first = Models.Values(weight);
        using (no_grad())
            weight.add_(2);
        averaged.Update();
        var state = averaged.StateDict();
        Assert.Same(state["module.tokens.weight"], state["module.head.weight"]);
        Assert.All(first.Zip(state.GetTensor("module.tokens.weight").ToDoubles()), x => Assert.Equal(x.First + 1, x.Second, 1e-12));
        Assert.Equal(state.GetTensor("module.head.weight").ToDoubles(), Models.Values(averaged.Module.named_parameters().Single(p => p.name == "head.weight").parameter));
        using (averaged.SwapIn())
            Assert.Equal(state.GetTensor("module.head.weight").ToDoubles(), Models.Values(weight));
        Assert.All(first.Zip(Models.Values(weight)), x => Assert.Equal(x.First + 2, x.Second, 1e-12));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_tied_GPT_trains_as_in_PyTorch(bool inOnePass)
    {
        var golden = Checkpoint.Load(Path.Combine(GoldenFiles.RepositoryRoot(), "tests", "OptimSharp.Torch.Tests", "Goldens", "tied_gpt.pt"));
        using var model = new TiedGPT();
        Assert.Equal(golden.GetDict("before").Keys, model.StateDict().Keys);
        model.LoadStateDict(golden.GetDict("before"));
        using var optimizer = new AdamW(model.Parameters(), new() { LearningRate = 0.02, WeightDecay = 0.1 });
        var step = new TrainingStep(optimizer, new() { MaxNorm = 0.5 });
        using var data = golden.GetTensor("data").ToTensor();
        double[] losses = golden.GetDoubles("losses"), norms = golden.GetDoubles("norms");
        for (int i = 0; i < losses.Length; i++)
        {
            using var scope = NewDisposeScope();
            var batch = data[i];
            var loss = functional.cross_entropy(model.forward(batch[.., ..^1]).flatten(0, 1), batch[.., 1..].flatten());
            loss.backward();
            Assert.Equal(losses[i], loss.item<double>(), 1e-10);
            if (inOnePass)
            {
                Assert.Equal(norms[i], step.Step().Norm, 1e-10);
                continue;
            }
            Assert.Equal(norms[i], Gradients.ClipNorm(model.Parameters(), 0.5), 1e-10);
            optimizer.Step();
            optimizer.ZeroGrad();
        }
        Close(golden.GetDict("after"), model.StateDict());
        var (theirs, ours) = (golden.GetDict("optimizer"), optimizer.StateDict());
        Assert.Equal(theirs.GetDicts("param_groups")[0].GetList("param_names"), ours.GetDicts("param_groups")[0].GetList("param_names"));
        Assert.Equal(theirs.GetDict("state").Keys, ours.GetDict("state").Keys);
        foreach (var key in ours.GetDict("state").Keys)
        {
            Close(theirs.GetDict("state").GetDict(key), ours.GetDict("state").GetDict(key), "exp_avg", "exp_avg_sq");
        }

        static void Close(StateDict expected, StateDict actual, params string[] keys)
        {
            foreach (var key in keys.Length > 0 ? keys.Select(k => new StateKey(k)) : expected.Keys)
            {
                double[] wanted = expected.GetTensor(key).ToDoubles();
                double largest = wanted.Max(Math.Abs);
                Assert.All(wanted.Zip(actual.GetTensor(key).ToDoubles()), x => Assert.Equal(x.First, x.Second, 1e-9 * largest));
            }
        }
    }
}
