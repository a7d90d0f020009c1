using OptimSharp.Conformance;
using OptimSharp.Conformance.Workloads;
using TorchSharp;
using static TorchSharp.torch;

namespace OptimSharp.Torch.Tests;

/// <summary>Which tensors are parameters, which gradients they take, and what happens when they are replaced.</summary>
public class TorchParameterTests
{
    [Fact]
    public void A_modules_parameters_have_its_names_each_once()
    {
        using var shared = nn.Linear(3, 3);
        using var model = nn.Sequential(("a", shared), ("b", shared), ("c", nn.Linear(3, 1)));
        Assert.Equal(["a.weight", "a.bias", "c.weight", "c.bias"], model.Parameters().Select(p => p.Name));
        Assert.Equal([3, 3], model.Parameters()[0].Shape.ToArray());
        Assert.Same(shared.weight, model.Parameters()[0].Tensor);
    }

    [Fact]
    public void Two_parameters_over_one_tensor_are_the_same()
    {
        using var tensor = zeros(3).requires_grad_();
        var e = Assert.Throws<ArgumentException>(() => new SGD([tensor.AsParameter("a"), tensor.AsParameter("b")]));
        Assert.Contains("'b' [3] Float32 is in the group twice", e.Message, StringComparison.Ordinal);

        using var other = zeros(3).requires_grad_(); // the same elements, but another tensor
        using var _ = new SGD([tensor.AsParameter("a"), other.AsParameter("b")]);
    }

    [Fact]
    public void Tensors_that_are_no_parameters_are_refused()
    {
        using var leaf = ones(2).requires_grad_();
        using var computed = leaf.mul(2);
        Refused(computed, "'w' was computed from other tensors");
        using var whole = ones(2, dtype: int64);
        Refused(whole, "'w' has elements of type Int64; optimizers change Float32");
        using var sparse = eye(3).to_sparse();
        Refused(sparse, "'w' is a sparse tensor");
        var gone = ones(2);
        gone.Dispose();
        Refused(gone, "The tensor of parameter 'w' was disposed");
        Assert.Throws<ArgumentNullException>(() => TorchExtensions.AsParameter(null!, "w"));

        static void Refused(Tensor tensor, string message) => Assert.Contains(message,
            Assert.Throws<ArgumentException>(() => tensor.AsParameter("w")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Of_many_gradients_that_do_not_fit_the_first_is_named_and_nothing_changes()
    {
        var tensors = Enumerable.Range(0, 1000).Select(_ => ones(2).requires_grad_()).ToArray();
        using var optimizer = new SGD(tensors.Select((t, i) => t.AsParameter($"w{i}")), new() { LearningRate = 0.5 });
        foreach (var tensor in tensors)
            tensor.grad = ones(2);
        tensors[700].grad = tensors[321].grad = ones(3);
        for (int i = 0; i < 20; i++)
            Assert.Contains("'w321'", Assert.Throws<InvalidOperationException>(optimizer.Step).Message, StringComparison.Ordinal);
        Assert.All(tensors, t => Assert.Equal(2, t.sum().item<float>()));

        tensors[700].grad = tensors[321].grad = ones(2);
        optimizer.Step();
        Assert.All(tensors, t => Assert.Equal(1, t.sum().item<float>()));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_gradient_that_does_not_fit_is_refused_and_nothing_changes(bool byPointer)
    {
        using var first = ones(2).requires_grad_();
        using var second = ones(3).requires_grad_();
        using var optimizer = new Adam([new TorchParameter(first, "first", byPointer), new TorchParameter(second, "second", byPointer)]);
        first.grad = ones(2);
        Refused(ones(3, 1), "The gradient of parameter 'second' [3] Float32 has another shape, [3, 1].");
        Refused(ones(2), "has another shape, [2].");
        Refused(ones(3, dtype: float64), "has elements of another type, Float64.");
        second.grad = ones(3);
        optimizer.Step();
        Assert.All(Models.Values(second), x => Assert.NotEqual(1, x));

        void Refused(Tensor gradient, string message)
        {
            LibTorchSharp.SetGrad(second.Handle, gradient.Handle); // TorchSharp's own property checks nothing either
            Assert.Contains(message, Assert.Throws<InvalidOperationException>(optimizer.Step).Message, StringComparison.Ordinal);
            Assert.Equal([1, 1], Models.Values(first));
            Assert.Null(optimizer.StateOf(optimizer.ParameterGroups[0].Parameters[0]));
            gradient.Dispose();
        }
    }

    [Fact]
    public void A_gradient_in_another_order_of_memory_is_read_by_its_indices()
    {
        using var tensor = zeros(2, 3).requires_grad_();
        using var gradient = arange(6, dtype: float32).reshape(3, 2).t();
        tensor.grad = gradient;
        using var optimizer = new SGD([tensor.AsParameter()], new() { LearningRate = 1 });
        optimizer.Step();
        Assert.Equal([0, -2, -4, -1, -3, -5], Models.Values(tensor));
    }

    [Fact]
    public void A_parameter_that_is_not_contiguous_is_stepped_where_its_indices_say()
    {
        using var memory = zeros(3, 2);
        using var tensor = memory.t().requires_grad_();
        tensor.grad = arange(6, dtype: float32).reshape(2, 3);
        var parameter = tensor.AsParameter();
        Assert.IsType<TorchBackend>(parameter.Backend, exactMatch: false);
        using var optimizer = new SGD([parameter], new() { LearningRate = 1, Momentum = 0.9 });
        optimizer.Step();
        Assert.Equal([0, -3, -1, -4, -2, -5], Models.Values(memory));
        Assert.Equal([0, 1, 2, 3, 4, 5], optimizer.StateOf(parameter)!.Tensor("momentum_buffer"));
    }

    [Fact]
    public void A_tensor_inside_a_larger_one_is_stepped_in_its_place()
    {
        using var memory = zeros(10);
        using var tensor = memory[TensorIndex.Slice(4, 7)].requires_grad_();
        tensor.grad = ones(3);
        using var optimizer = new SGD([tensor.AsParameter()], new() { LearningRate = 1 });
        optimizer.Step();
        Assert.Equal([0, 0, 0, 0, -1, -1, -1, 0, 0, 0], Models.Values(memory));
    }

    // Both run the same rule. Not to the bit: libtorch's square root is MKL's, whose last bit is not always the right one.
    [Fact]
    public void The_torch_backend_gives_what_the_host_backend_gives()
    {
        foreach (var optimizerType in OptimizerDriver.PublicOptimizers)
        {
            if (!OptimizerSamples.IsElementwise(optimizerType) || !OptimizerSamples.TakesDenseGradients(optimizerType))
                continue;
            foreach (var type in new[] { float32, float64, bfloat16, float16 })
            {
                double tolerance = type == float64 ? 1e-14 : type == float32 ? 1e-6 : 0.01;
                Assert.All(Run(optimizerType, type, byPointer: true).Zip(Run(optimizerType, type, byPointer: false)),
                    p => Assert.Equal(p.First, p.Second, tolerance));
            }
        }

        static double[] Run(Type optimizerType, ScalarType type, bool byPointer)
        {
            using var scope = NewDisposeScope();
            var tensor = Models.Random(0, 37).to_type(type).requires_grad_();
            using var optimizer = OptimizerDriver.For(optimizerType).Create([new TorchParameter(tensor, "w", byPointer)], []);
            for (int i = 0; i < 8; i++)
            {
                tensor.grad = Models.Random(1 + i, 37).to_type(type);
                optimizer.Step();
            }
            return Models.Values(tensor);
        }
    }

    [Theory]
    [InlineData(true, true)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(false, false)]
    public void State_is_saved_and_loaded_by_either_backend(bool savedByPointer, bool loadedByPointer)
    {
        using var weight = ones(2, 3).requires_grad_();
        using var numbers = arange(4, dtype: float64).reshape(2, 2).to_type(complex64).requires_grad_();
        using var saved = Make(savedByPointer);
        using var loaded = Make(loadedByPointer);
        weight.grad = arange(6, dtype: float32).reshape(2, 3);
        numbers.grad = ones(2, 2, dtype: complex64);
        saved.Step();
        saved.Step();
        var state = saved.StateDict();
        loaded.LoadStateDict(state);
        var again = loaded.StateDict();
        Assert.Equal(state.ToString(), again.ToString());
        Assert.Equal(2, again.GetDict("state").Count);
        foreach (var key in again.GetDict("state").Keys)
        {
            foreach (string name in (string[])["exp_avg", "exp_avg_sq"])
                Assert.Equal(state.GetDict("state").GetDict(key).GetTensor(name).ToDoubles(), again.GetDict("state").GetDict(key).GetTensor(name).ToDoubles());
        }
        loaded.Step();
        Assert.Equal(3, loaded.StateDict().GetDict("state").GetDict(0).GetInt64("step"));

        AdamW Make(bool byPointer) => new([new TorchParameter(weight, "w", byPointer), new TorchParameter(numbers, "c", byPointer)]);
    }

    [Fact]
    public void After_module_to_the_step_says_what_to_do_and_Rebind_goes_on_with_the_state()
    {
        using var model = Models.Small();
        using var reference = Models.Small();
        reference.to(float64);
        var (input, target) = Models.Data();
        using var wideInput = input.to_type(float64);
        using var wideTarget = target.to_type(float64);
        using var optimizer = new Adam(model.Parameters(), new() { LearningRate = 0.05 });
        using var referenceOptimizer = new Adam(reference.Parameters(), new() { LearningRate = 0.05 });
        for (int i = 0; i < 3; i++)
        {
            Step(optimizer, model, input, target);
            Step(referenceOptimizer, reference, wideInput, wideTarget);
        }

        model.to(float64);
        foreach (Action use in new Action[] { optimizer.Step, () => optimizer.ZeroGrad() })
        {
            var e = Assert.Throws<InvalidOperationException>(use);
            Assert.Contains("Parameter 'first.weight' [5, 6] Float32 was disposed.", e.Message, StringComparison.Ordinal);
            Assert.Contains("optimizer.Rebind(model.Parameters())", e.Message, StringComparison.Ordinal);
        }
        optimizer.Rebind(model.Parameters());
        Assert.Equal(3, optimizer.StateOf(optimizer.ParameterGroups[0].Parameters[0])!.Step);
        for (int i = 0; i < 3; i++)
        {
            Step(optimizer, model, wideInput, wideTarget);
            Step(referenceOptimizer, reference, wideInput, wideTarget);
        }
        Assert.All(Models.Values(model).Zip(Models.Values(reference)), p => Assert.Equal(p.Second, p.First, 1e-5));

        static void Step(Optimizer optimizer, nn.Module<Tensor, Tensor> model, Tensor input, Tensor target)
        {
            optimizer.ZeroGrad();
            Models.Backward(model, input, target);
            optimizer.Step();
        }
    }

    [Fact]
    public void Conjugate_gradients_are_read_as_the_numbers_they_are()
    {
        foreach (bool byPointer in new[] { true, false })
        {
            using var scope = NewDisposeScope();
            var tensor = zeros(2, dtype: complex64).requires_grad_();
            tensor.grad = complex(tensor1(1, 2), tensor1(3, 4)).conj();
            using var optimizer = new SGD([new TorchParameter(tensor, "z", byPointer)], new() { LearningRate = 1 });
            optimizer.Step();
            Assert.Equal([-1, 3, -2, 4], Models.Values(view_as_real(tensor.detach())));
        }

        static Tensor tensor1(params float[] values) => torch.tensor(values);
    }

    [Fact]
    public void An_embeddings_sparse_gradient_moves_its_rows_only()
    {
        foreach (bool byPointer in new[] { true, false })
        {
            using var embedding = nn.Embedding(10, 3, sparse: true);
            double[] before = Models.Values(embedding.weight!);
            using var optimizer = new SGD([new TorchParameter(embedding.weight!, "weight", byPointer)], new() { LearningRate = 1 });
            using (NewDisposeScope())
                embedding.forward(torch.tensor(new long[] { 7, 2, 7 })).sum().backward();
            optimizer.Step();
            double[] moved = [.. before.Zip(Models.Values(embedding.weight!), (a, b) => Math.Round(a - b, 5))];
            Assert.Equal(Enumerable.Range(0, 30).Select(i => (i / 3) switch { 2 => 1.0, 7 => 2.0, _ => 0.0 }), moved);

            using var adam = new Adam([new TorchParameter(embedding.weight!, "weight", byPointer)]);
            Assert.Contains("SparseAdam", Assert.Throws<InvalidOperationException>(adam.Step).Message, StringComparison.Ordinal);
        }
    }
}
