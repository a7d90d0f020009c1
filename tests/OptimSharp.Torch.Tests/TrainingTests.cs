using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace OptimSharp.Torch.Tests;

/// <summary>Training TorchSharp models: scopes, grad modes, closures, frozen layers, leaks.</summary>
public class TrainingTests
{
    [Fact]
    public void In_a_file_that_imports_TorchSharp_Modules_the_optimizers_are_ours()
    {
        using Linear model = nn.Linear(2, 2);
        using var sgd = new SGD(model.Parameters(), new() { LearningRate = 0.01, Momentum = 0.9 });
        using var adam = new Adam(model.Parameters());
        using var adamW = new AdamW(model.Parameters());
        Assert.Equal(typeof(OptimSharp.SGD), sgd.GetType());
        Assert.Equal(typeof(OptimSharp.Adam), adam.GetType());
        Assert.Equal(typeof(OptimSharp.AdamW), adamW.GetType());
    }

    [Fact]
    public void Every_name_that_TorchSharp_has_too_is_aliased()
    {
        string props = Path.Combine(FindRepository(), "src", "OptimSharp.Torch", "build", "OptimSharp.Torch.props");
        var aliased = System.Xml.Linq.XDocument.Load(props).Descendants("Using")
            .Select(u => ((string)u.Attribute("Include")!, (string)u.Attribute("Alias")!)).ToHashSet();
        var theirs = typeof(torch).Assembly.GetExportedTypes().Where(t => t.Namespace is "TorchSharp" or "TorchSharp.Modules" && !t.IsNested).ToDictionary(t => t.Name);
        var ours = typeof(Optimizer).Assembly.GetExportedTypes().Concat(typeof(TorchParameter).Assembly.GetExportedTypes()).Where(t => !t.IsNested && theirs.ContainsKey(t.Name));
        Type[] parts = [typeof(TorchSharp.Modules.Parameter), typeof(TorchSharp.BFloat16)]; // what a model is made of is TorchSharp's, what trains is ours
        Assert.Equal(ours.Select(t => (parts.FirstOrDefault(p => p.Name == t.Name) ?? t)).Select(t => (t.FullName!, t.Name)).ToHashSet(), aliased);
    }

    [Fact]
    public void Parameters_over_plain_memory_are_made_by_the_same_words_where_Parameter_is_TorchSharps()
    {
        float[] w = [1, 2];
        Assert.Equal(Parameter.Of("w", w).Identity, TorchSharp.Modules.Parameter.Of("w", w).Identity);
        Assert.Equal([2, 1], TorchSharp.Modules.Parameter.Of("w", w.AsMemory(), 2, 1).Shape.ToArray());
        unsafe
        {
            double number = 3;
            Assert.Equal("'n' [] Float64", TorchSharp.Modules.Parameter.Of("n", &number).ToString());
        }
    }

    [Theory]
    [InlineData("sgd")]
    [InlineData("adam")]
    public void Agrees_with_TorchSharps_own_optimizer(string kind)
    {
        using var ours = Models.Small();
        using var theirs = Models.Small();
        var (input, target) = Models.Data();
        using Optimizer optimizer = kind == "sgd"
            ? new SGD(ours.Parameters(), new() { LearningRate = 0.05, Momentum = 0.9, WeightDecay = 0.01 })
            : new Adam(ours.Parameters(), new() { LearningRate = 0.05, WeightDecay = 0.01 });
        using torch.optim.Optimizer peer = kind == "sgd"
            ? torch.optim.SGD(theirs.parameters(), 0.05, momentum: 0.9, weight_decay: 0.01)
            : torch.optim.Adam(theirs.parameters(), 0.05, weight_decay: 0.01);
        for (int step = 0; step < 20; step++)
        {
            optimizer.ZeroGrad();
            peer.zero_grad();
            Models.Backward(ours, input, target);
            Models.Backward(theirs, input, target);
            optimizer.Step();
            using var _ = peer.step();
        }
        Assert.All(Models.Values(ours).Zip(Models.Values(theirs)), p => Assert.Equal(p.Second, p.First, 1e-5));
    }

    [Fact]
    public void State_outlives_the_dispose_scope_that_a_step_was_taken_in()
    {
        foreach (bool byPointer in new[] { true, false })
        {
            using var tensor = zeros(3).requires_grad_();
            using var optimizer = new Adam([new TorchParameter(tensor, "w", byPointer)], new() { LearningRate = 0.1 });
            using (NewDisposeScope())
            {
                tensor.grad = ones(3);
                optimizer.Step();
            }
            using (NewDisposeScope())
                optimizer.Step();
            Assert.Equal(2, optimizer.StateOf(optimizer.ParameterGroups[0].Parameters[0])!.Step);
            Assert.All(Models.Values(tensor), x => Assert.Equal(-0.2, x, 1e-6));
        }
    }

    [Fact]
    public void Steps_do_not_depend_on_the_grad_mode_and_leave_it_as_it_was()
    {
        foreach (bool byPointer in new[] { true, false })
        {
            foreach (bool enabled in new[] { true, false })
            {
                using var tensor = ones(2).requires_grad_();
                tensor.grad = ones(2);
                using var optimizer = new SGD([new TorchParameter(tensor, "w", byPointer)], new() { LearningRate = 0.5 });
                using (set_grad_enabled(enabled))
                {
                    optimizer.Step();
                    Assert.Equal(enabled, is_grad_enabled());
                }
                Assert.Equal([0.5, 0.5], Models.Values(tensor));
                Assert.True(tensor.is_leaf && tensor.requires_grad);
            }
        }
    }

    [Fact]
    public void A_closure_computes_gradients_even_inside_no_grad_and_its_tensor_is_returned()
    {
        using var model = Models.Small();
        var (input, target) = Models.Data();
        using var optimizer = new SGD(model.Parameters(), new() { LearningRate = 0.1 });
        double[] before = Models.Values(model);
        int calls = 0;
        using (no_grad())
        {
            using Tensor loss = optimizer.Step(() =>
            {
                calls++;
                optimizer.ZeroGrad();
                var loss = nn.functional.mse_loss(model.forward(input), target);
                loss.backward();
                return loss;
            });
            Assert.Equal(1, calls);
            Assert.True(loss.ToDouble() > 0);
            Assert.False(is_grad_enabled());
        }
        Assert.NotEqual(before, Models.Values(model));
    }

    [Fact]
    public void A_closure_may_return_a_number()
    {
        using var model = Models.Small();
        var (input, target) = Models.Data();
        using var optimizer = new SGD(model.Parameters(), new() { LearningRate = 0.1 });
        double first = optimizer.Step(Closure), second = optimizer.Step(Closure);
        Assert.True(second < first);

        double Closure()
        {
            optimizer.ZeroGrad();
            return Models.Backward(model, input, target);
        }
    }

    [Fact]
    public void Frozen_layers_rest_and_thawed_ones_move()
    {
        using var model = Models.Small();
        var (input, target) = Models.Data();
        var frozen = model.named_parameters().Single(p => p.name == "first.weight").parameter;
        using var optimizer = new AdamW(model.Parameters(), new() { LearningRate = 0.1, WeightDecay = 0.5 });
        frozen.requires_grad = false;
        double[] start = Models.Values(frozen);
        Train();
        Assert.Equal(start, Models.Values(frozen));
        Assert.Null(optimizer.StateOf(optimizer.ParameterGroups[0].Parameters[0]));

        frozen.requires_grad = true;
        Train();
        Assert.NotEqual(start, Models.Values(frozen));
        Assert.Equal(1, optimizer.StateOf(optimizer.ParameterGroups[0].Parameters[0])!.Step);
        Assert.Equal(2, optimizer.StateOf(optimizer.ParameterGroups[0].Parameters[1])!.Step);

        void Train()
        {
            optimizer.ZeroGrad();
            Models.Backward(model, input, target);
            optimizer.Step();
        }
    }

    // TorchSharp's zero_grad leaves gradients of zeros, so that a step without backward still decays the weights.
    [Fact]
    public void After_ZeroGrad_a_step_without_backward_changes_nothing()
    {
        using var model = Models.Small();
        var (input, target) = Models.Data();
        using var optimizer = new AdamW(model.Parameters(), new() { LearningRate = 0.1, WeightDecay = 0.5 });
        Models.Backward(model, input, target);
        optimizer.Step();
        double[] before = Models.Values(model);
        optimizer.ZeroGrad();
        Assert.All(model.parameters(), p => Assert.Null(p.grad));
        optimizer.Step();
        Assert.Equal(before, Models.Values(model));
    }

    [Fact]
    public void ZeroGrad_to_zeros_keeps_gradients_of_zeros()
    {
        using var model = Models.Small();
        var (input, target) = Models.Data();
        using var optimizer = new SGD(model.Parameters());
        Models.Backward(model, input, target);
        optimizer.ZeroGrad(setToNull: false);
        Assert.All(model.parameters(), p => Assert.All(Models.Values(p.grad!), x => Assert.Equal(0, x)));
    }

    // TorchSharp's ParamGroup overrides what the optimizer was told.
    [Fact]
    public void A_group_keeps_the_optimizers_options_where_it_overrides_none()
    {
        using var model = Models.Small();
        using var optimizer = new Adam(
            [
                new(((nn.Module)model[0]).Parameters()),
                new(((nn.Module)model[2]).Parameters(), o => o with { LearningRate = 1e-3 }),
            ],
            new() { LearningRate = 0.5, WeightDecay = 0.3 });
        Assert.Equal([0.5, 1e-3], optimizer.ParameterGroups.Select(g => g.LearningRate));
        Assert.All(optimizer.ParameterGroups, g => Assert.Equal(0.3, g.Options.WeightDecay));
    }

    internal static string FindRepository()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "OptimSharp.slnx")))
                return folder.FullName;
        }
        throw new DirectoryNotFoundException("The tests run inside the repository.");
    }
}
