namespace OptimSharp.Tests;

/// <summary>Other parameters take the place of those with the same names, with their state.</summary>
public class RebindTests
{
    [Fact]
    public void State_options_and_counts_go_with_the_name()
    {
        var (a, b) = (Of<double>("a", 1), Of<double>("b", 2));
        using var optimizer = new Adam([new([a]), new([b], o => o with { LearningRate = 0.5 })]);
        Give(a, 1);
        Give(b, 2);
        optimizer.Step();
        double[] ofA = optimizer.StateOf(a)!.Tensor("exp_avg"), ofB = optimizer.StateOf(b)!.Tensor("exp_avg");

        var (newA, newB) = (Of<double>("a", 10), Of<double>("b", 20));
        optimizer.Rebind([newB, newA, Of<double>("not the optimizer's", 0)]);

        Assert.Equal([newA], optimizer.ParameterGroups[0].Parameters);
        Assert.Equal([newB], optimizer.ParameterGroups[1].Parameters);
        Assert.Equal(ofA, optimizer.StateOf(newA)!.Tensor("exp_avg"));
        Assert.Equal(ofB, optimizer.StateOf(newB)!.Tensor("exp_avg"));
        Assert.Null(optimizer.StateOf(a));
        Assert.Equal(0.5, optimizer.ParameterGroups[1].LearningRate);
        Give(newA, 1);
        optimizer.Step();
        Assert.Equal(2, optimizer.StateOf(newA)!.Step);
        Assert.Equal(1, optimizer.StateOf(newB)!.Step);
        Assert.NotEqual(10, newA.Values.Span[0]);
        Assert.Equal(20, newB.Values.Span[0]);
    }

    [Fact]
    public void State_is_converted_to_the_new_type()
    {
        var old = Of<double>("w", 1);
        using var optimizer = new Adam([old]);
        Give(old, 1.0 / 3);
        optimizer.Step();
        double average = optimizer.StateOf(old)!.Tensor("exp_avg")[0];

        var single = Of<float>("w", 1);
        optimizer.Rebind([single]);
        Assert.Equal((float)average, optimizer.StateOf(single)!.Tensor("exp_avg")[0]);
        Assert.Equal(ElementType.Float32, optimizer.StateOf(single)!.Find("exp_avg")!.Type);
        Give(single, 1);
        optimizer.Step();
        Assert.Equal(2, optimizer.StateOf(single)!.Step);

        var half = Of<BFloat16>("w", (BFloat16)1);
        optimizer.Rebind([half]);
        Assert.Equal(ElementType.Float32, optimizer.StateOf(half)!.Find("exp_avg")!.Type); // StatePrecision.Compute
        Give(half, (BFloat16)1);
        optimizer.Step();
        Assert.Equal(3, optimizer.StateOf(half)!.Step);
    }

    [Fact]
    public void Parameters_may_stay()
    {
        var parameter = Of<double>("w", 1);
        using var optimizer = new Adam([parameter]);
        Give(parameter, 1);
        optimizer.Step();
        optimizer.Rebind([parameter]);
        optimizer.Step();
        Assert.Equal(2, optimizer.StateOf(parameter)!.Step);
    }

    [Fact]
    public void What_does_not_match_is_refused_by_name_and_nothing_changes()
    {
        var (a, b) = (Of<double>("a", 1), Of<double>("b", 2));
        using var optimizer = new Adam([a, b]);
        Give(a, 1);
        optimizer.Step();
        var (newA, newB) = (Of<double>("a", 1), Of<double>("b", 1));

        Refused("The optimizer's parameter 'b' [] Float64 has no match of its name.", newA);
        Refused("Parameter 'b' [] Float64 can't be replaced by 'b' [2] Float64: the shape differs.", newA, Parameter.Of("b", new double[2]));
        Refused("Parameters are matched by name, but 'a' [] Float64 has none, or one that came before.", newA, newB, Of<double>("a", 3));
        Refused("Parameters are matched by name, but unnamed [] Float64 has none, or one that came before.", newA, newB, Of<double>("", 3));
        Refused("A parameter is null.", newA, null!, newB);
        Assert.Throws<ArgumentNullException>("parameters", () => optimizer.Rebind(null!));

        void Refused(string message, params Parameter[] parameters)
        {
            var error = Assert.ThrowsAny<ArgumentException>(() => optimizer.Rebind(parameters));
            Assert.StartsWith(message, error.Message, StringComparison.Ordinal);
            Assert.Equal([a, b], optimizer.ParameterGroups[0].Parameters);
            Assert.Equal(1, optimizer.StateOf(a)!.Step);
        }
    }

    [Fact]
    public void The_optimizers_own_names_must_be_unique()
    {
        using var optimizer = new SGD([Of<double>("w", 1), Of<double>("w", 2)]);
        var error = Assert.Throws<ArgumentException>(() => optimizer.Rebind([Of<double>("w", 1)]));
        Assert.StartsWith("Parameters are matched by name, but the optimizer has 2 with the name 'w'.", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_parameter_that_the_optimizer_can_not_have_is_refused()
    {
        var old = Of<double>("w", 1);
        using var optimizer = new SparseAdam([old]);
        Assert.ThrowsAny<ArgumentException>(() => optimizer.Rebind([Parameter.Of("w", new System.Numerics.Complex[1], [])]));
        Assert.Equal([old], optimizer.ParameterGroups[0].Parameters);
    }

    [Fact]
    public void Parameters_that_the_optimizer_does_not_have_are_named_by_a_warning()
    {
        using var optimizer = new SGD([Of<double>("w", 1)]);
        var raised = new List<string>();
        void Keep(object? sender, WarningEventArgs e)
        {
            if (sender == optimizer)
                raised.Add(e.Message);
        }
        Warnings.Raised += Keep;
        optimizer.Rebind([Of<double>("w", 1)]);
        Assert.Empty(raised);
        optimizer.Rebind([Of<double>("w", 1), Of<double>("head", 1)]);
        Warnings.Raised -= Keep;
        Assert.Contains("does not have and does not train: head.", Assert.Single(raised), StringComparison.Ordinal);
    }

    static Parameter<T> Of<T>(string name, T value) where T : unmanaged => Parameter.Of(name, new[] { value });

    static void Give<T>(Parameter<T> parameter, T gradient) where T : unmanaged => parameter.Gradient = new[] { gradient };
}
