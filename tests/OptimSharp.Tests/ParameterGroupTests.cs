namespace OptimSharp.Tests;

/// <summary>Construction and groups, as torch-optim's: the same cases are refused, and some more.</summary>
public class ParameterGroupTests
{
    [Fact]
    public void A_list_of_parameters_is_one_group()
    {
        Parameter[] parameters = [Parameter.Of("a", new float[1]), Parameter.Of("b", new float[1])];
        using var optimizer = new SGD(parameters);
        var group = Assert.Single(optimizer.ParameterGroups);
        Assert.Equal(parameters, group.Parameters);
        Assert.Equal(optimizer.Defaults, group.Options);
        Assert.Same(group, ((Optimizer)optimizer).ParameterGroups[0]);
    }

    [Fact]
    public void What_a_group_does_not_override_is_the_optimizers()
    {
        using var optimizer = new SGD(
            [
                new([Parameter.Of("a", new float[1])]),
                new([Parameter.Of("b", new float[1])], o => o with { LearningRate = 1e-3 }),
            ],
            new() { LearningRate = 1e-2, Momentum = 0.9 });
        Assert.Equal([(1e-2, 0.9), (1e-3, 0.9)], optimizer.ParameterGroups.Select(g => (g.Options.LearningRate, g.Options.Momentum)));
    }

    [Fact]
    public void Parameters_are_taken_from_any_sequence_once()
    {
        int asked = 0;
        IEnumerable<Parameter> Sequence()
        {
            asked++;
            yield return Parameter.Of("a", new float[1]);
        }
        using var optimizer = new SGD(Sequence());
        Assert.Equal(1, asked);
        Assert.Single(optimizer.ParameterGroups[0].Parameters);
    }

    [Fact]
    public void No_parameters_and_no_groups_are_refused()
    {
        var error = Assert.Throws<ArgumentException>("parameters", () => new SGD(Array.Empty<Parameter>()));
        Assert.StartsWith("The optimizer got no parameters. (An IEnumerable that was used up? Give a list.)", error.Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>("groups", () => new SGD(Array.Empty<ParameterGroup<SGDOptions>>()));
    }

    [Fact]
    public void A_group_may_be_empty()
    {
        using var optimizer = new SGD([new ParameterGroup<SGDOptions>([])]);
        optimizer.Step();
        Assert.Empty(optimizer.ParameterGroups[0].Parameters);
    }

    [Fact]
    public void Nulls_are_refused_and_named()
    {
        Assert.Throws<ArgumentNullException>("parameters", () => new SGD((IEnumerable<Parameter>)null!));
        Assert.Throws<ArgumentNullException>("groups", () => new SGD((IEnumerable<ParameterGroup<SGDOptions>>)null!));
        Assert.Throws<ArgumentNullException>("parameters", () => new ParameterGroup<SGDOptions>(null!));
        var error = Assert.Throws<ArgumentNullException>("parameters", () => new SGD([Parameter.Of("a", new float[1]), null!]));
        Assert.StartsWith("Parameter 1 of the group is null.", error.Message, StringComparison.Ordinal);
        error = Assert.Throws<ArgumentNullException>("groups", () => new SGD([new ParameterGroup<SGDOptions>([]), null!]));
        Assert.StartsWith("Parameter group 1 is null.", error.Message, StringComparison.Ordinal);
        using var optimizer = new SGD([Parameter.Of("a", new float[1])]);
        Assert.Throws<ArgumentNullException>("group", () => optimizer.AddParameterGroup(null!));
        Assert.Throws<ArgumentNullException>("value", () => optimizer.ParameterGroups[0].Options = null!);
    }

    // Upstream: test_duplicate_params_in_param_group, where PyTorch warns and then steps twice.
    [Fact]
    public void A_parameter_twice_in_a_group_is_refused_by_name()
    {
        var parameter = Parameter.Of("w", new float[2]);
        var error = Assert.Throws<ArgumentException>("parameters", () => new SGD([parameter, Parameter.Of("b", new float[1]), parameter]));
        Assert.StartsWith("Parameter 'w' [2] Float32 is in the group twice: it would be stepped twice.", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_parameter_in_two_groups_is_refused_by_name()
    {
        var parameter = Parameter.Of("w", new float[2]);
        var error = Assert.Throws<ArgumentException>(() => new SGD([new([parameter]), new([Parameter.Of("b", new float[1]), parameter])]));
        Assert.StartsWith("Parameter 'w' [2] Float32 is in parameter group 0 already: it would be stepped twice.", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Two_parameters_of_equal_content_are_two()
    {
        using var optimizer = new SGD([Parameter.Of("w", new float[2]), Parameter.Of("w", new float[2])]);
        Assert.Equal(2, optimizer.ParameterGroups[0].Parameters.Count);
    }

    [Fact]
    public void A_group_can_be_added_later_and_is_stepped()
    {
        var (first, late) = (WithGradient("a"), WithGradient("b"));
        using var optimizer = new SGD([first], new() { LearningRate = 1, Momentum = 0.5 });
        optimizer.Step();
        optimizer.AddParameterGroup(new([late], o => o with { LearningRate = 0.1 }));
        optimizer.Step();
        Assert.Equal([1 - 1 - 1.5f], first.Values.ToArray());
        Assert.Equal([1 - 0.1f], late.Values.ToArray());
    }

    [Fact]
    public void A_group_that_can_not_be_added_changes_nothing()
    {
        var (first, other) = (Parameter.Of("a", new float[1]), Parameter.Of("b", new float[1]));
        using var optimizer = new SGD([first]);
        Assert.Throws<ArgumentException>("group", () => optimizer.AddParameterGroup(new([other, first])));
        var bad = new ParameterGroup<SGDOptions>([other], o => o with { Momentum = -1 });
        var error = Assert.Throws<ArgumentOutOfRangeException>(() => optimizer.AddParameterGroup(bad));
        Assert.StartsWith("Momentum must be ≥ 0, but is -1 (parameter group 1).", error.Message, StringComparison.Ordinal);
        Assert.Single(optimizer.ParameterGroups);
        Assert.Throws<InvalidOperationException>(() => bad.Options);
        optimizer.AddParameterGroup(new([other]));
        Assert.Equal(2, optimizer.ParameterGroups.Count);
    }

    [Fact]
    public void A_group_belongs_to_one_optimizer()
    {
        var group = new ParameterGroup<SGDOptions>([Parameter.Of("a", new float[1])]);
        using var optimizer = new SGD([group]);
        var error = Assert.Throws<ArgumentException>("group", () => new SGD([group]));
        Assert.StartsWith("The group belongs to an optimizer already; make a new one of its parameters.", error.Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>("group", () => optimizer.AddParameterGroup(group));
    }

    [Fact]
    public void A_group_is_free_again_when_its_optimizer_could_not_be_made()
    {
        var good = new ParameterGroup<SGDOptions>([Parameter.Of("a", new float[1])]);
        Assert.ThrowsAny<ArgumentException>(() => new SGD([good, new([Parameter.Of("b", new float[1])], o => o with { LearningRate = -1 })]));
        using var optimizer = new SGD([good], new() { LearningRate = 7 });
        Assert.Equal(7, good.LearningRate);
    }

    [Fact]
    public void Options_of_a_group_without_optimizer_say_where_they_come_from()
    {
        var group = new ParameterGroup<SGDOptions>([]);
        Assert.Contains("come from the optimizer", Assert.Throws<InvalidOperationException>(() => group.LearningRate).Message, StringComparison.Ordinal);
        Assert.Contains("null", Assert.Throws<InvalidOperationException>(() => new SGD([new ParameterGroup<SGDOptions>([], o => null!)])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_rate_is_in_one_place()
    {
        using var optimizer = new SGD([Parameter.Of("a", new float[1])], new() { LearningRate = 0.1 });
        var group = optimizer.ParameterGroups[0];
        group.LearningRate = 0.2;
        Assert.Equal((0.2, 0.2), (group.Options.LearningRate, group["lr"]));
        group.Options = group.Options with { LearningRate = 0.3 };
        Assert.Equal((0.3, 0.3), (group.LearningRate, group["lr"]));
        group["lr"] = 0.4;
        Assert.Equal((0.4, 0.4), (group.LearningRate, group.Options.LearningRate));
        Assert.Equal(0.1, optimizer.Defaults.LearningRate);
    }

    static Parameter<float> WithGradient(string name)
    {
        var parameter = Parameter.Of(name, new float[] { 1 });
        parameter.Gradient = new float[] { 1 };
        return parameter;
    }
}
