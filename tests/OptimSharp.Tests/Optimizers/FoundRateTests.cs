using System.Numerics;

namespace OptimSharp.Tests.Optimizers;

/// <summary>
/// Prodigy and D-Adapt Adam: their estimate against the formulas, the optimizers that they become when it does not move, and bugs of their authors' code and of others' that are not repeated here.
/// </summary>
public partial class FoundRateTests
{
    const int Count = 33;

    static readonly string[] Both = ["Prodigy", "DAdaptAdam"];

    public static TheoryData<string> Names => [.. Both];

    static double[] Start(int seed) => Numbers.Tame(Count, (ulong)(100 + seed));

    static double[] Gradient(int step, int seed = 0) => Numbers.Tame(Count, (ulong)(10 * step + seed));

    [Theory]
    [MemberData(nameof(Names))]
    public void Groups_and_types_share_the_estimate_also_those_without_a_gradient(string name)
    {
        double[] a = Start(0), b = Start(0);
        Parameter<double> alone = Parameter.Of("alone", a), beside = Parameter.Of("beside", b);
        Parameter<float> idle = Parameter.Of("idle", new float[2]);
        using var one = Make(name, [alone]);
        using var two = Make(name, [idle], [beside]);
        for (int i = 0; i < 6; i++)
        {
            alone.Gradient = beside.Gradient = Gradient(i);
            one.Step();
            two.Step();
        }
        Assert.Equal(a, b);
        foreach (string key in new[] { "d", "k" })
            Assert.Equal([NumberOf(one, key), NumberOf(one, key)], [NumberOf(two, key, 0), NumberOf(two, key, 1)]);
        Assert.Equal(6, NumberOf(one, "k"));
        idle.Gradient = new float[] { 1, -1 };
        double before = NumberOf(two, "k");
        two.Step();
        Assert.Equal(before + 1, NumberOf(two, "k", 0));
    }

    // In an implementation that many use, such a parameter has no 'p0': it ends there.
    [Fact]
    public void Prodigys_late_parameter_is_measured_from_where_it_was_at_its_first_gradient()
    {
        double[] late = Start(1);
        Parameter<double> a = Parameter.Of("a", Start(0)), b = Parameter.Of("b", late);
        using var optimizer = new Prodigy([a, b], new() { D0 = 0.1 });
        for (int i = 0; i < 6; i++)
        {
            a.Gradient = Gradient(i);
            if (i == 2)
                late[0] = 5; // by somebody else
            b.Gradient = i < 3 ? null : Gradient(i, 1);
            optimizer.Step();
        }
        double[] expected = Start(1);
        expected[0] = 5;
        Assert.Equal(expected, optimizer.StateOf(b)!.Tensor("p0"));
        Assert.Equal(3, optimizer.StateOf(b)!.Step);
        Assert.NotEqual(expected, late);
    }

    // There, a step counts three times.
    [Theory]
    [MemberData(nameof(Names))]
    public void A_step_counts_once(string name)
    {
        var p = Parameter.Of("p", Start(0));
        using var optimizer = Make(name, [p]);
        p.Gradient = Gradient(0);
        optimizer.Step();
        Assert.Equal(1, NumberOf(optimizer, "k"));
        Assert.Equal(1, optimizer.StateOf(p)!.Step);
    }

    // The authors' code decays such a group, and moves it on by its averages as they are.
    [Theory]
    [MemberData(nameof(Names))]
    public void A_group_with_the_rate_0_stays_and_has_no_part_in_the_estimate(string name)
    {
        double[] a = Start(0), b = Start(1), c = Start(0);
        Parameter<double> p = Parameter.Of("p", a), q = Parameter.Of("q", b), r = Parameter.Of("r", c);
        using var both = Make(name, [p], [q]);
        using var alone = Make(name, [r]);
        both.ParameterGroups[1].LearningRate = 0;
        for (int i = 0; i < 4; i++)
        {
            p.Gradient = r.Gradient = Gradient(i);
            q.Gradient = Gradient(i, 1);
            both.Step();
            alone.Step();
        }
        Assert.Equal(Start(1), b);
        Assert.Equal(c, a);
        both.ParameterGroups[1].LearningRate = both.ParameterGroups[0].LearningRate;
        both.Step();
        double[] moved = [.. b];
        Assert.NotEqual(Start(1), moved);
        both.ParameterGroups[1].LearningRate = 0;
        both.Step();
        Assert.Equal(moved, b);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void With_no_rate_at_all_nothing_changes_and_no_step_counts(string name)
    {
        var p = Parameter.Of("p", Start(0));
        using var optimizer = Make(name, [p]);
        optimizer.ParameterGroups[0].LearningRate = 0;
        p.Gradient = Gradient(0);
        optimizer.Step();
        Assert.Equal(Start(0), p.Values.ToArray());
        Assert.False(optimizer.StateDict().GetDicts("param_groups")[0].ContainsKey("k"));
    }

    // ‖s‖₁ = 0: no estimate can be made, and none is counted. The decay waits, too.
    [Theory]
    [MemberData(nameof(Names))]
    public void Gradients_of_zero_change_nothing_before_there_was_another(string name)
    {
        var p = Parameter.Of("p", Start(0));
        using var optimizer = Make(name, [p]);
        p.Gradient = new double[Count];
        optimizer.Step();
        Assert.Equal(Start(0), p.Values.ToArray());
        Assert.False(optimizer.StateDict().GetDicts("param_groups")[0].ContainsKey("k"));
        p.Gradient = Gradient(1);
        optimizer.Step();
        Assert.NotEqual(Start(0), p.Values.ToArray());
        Assert.Equal(1, NumberOf(optimizer, "k"));
    }

    // A hat that is no number is not taken over; the authors' code does the same.
    [Theory]
    [MemberData(nameof(Names))]
    public void An_estimate_stays_when_a_gradient_is_no_number(string name)
    {
        var p = Parameter.Of("p", Start(0));
        using var optimizer = Make(name, [p]);
        for (int i = 0; i < 4; i++)
        {
            p.Gradient = Gradient(i);
            optimizer.Step();
        }
        double d = NumberOf(optimizer, "d");
        p.Gradient = new double[Count].Select(_ => double.NaN).ToArray();
        optimizer.Step();
        Assert.Equal(d, NumberOf(optimizer, "d"));
    }

    [Theory]
    [InlineData("Prodigy", "lr", "All groups of Prodigy share one estimate, so their rates must be the same, or 0, but that of group 1 differs from those before it.")]
    [InlineData("Prodigy", "d0", "All groups of Prodigy share one estimate, so Betas, Beta3, UseBiasCorrection, D0, DCoefficient and GrowthRate must be the same in all, but they differ in groups 0 and 1.")]
    [InlineData("Prodigy", "d_coef", "All groups of Prodigy share one estimate,")]
    [InlineData("Prodigy", "growth_rate", "All groups of Prodigy share one estimate,")]
    [InlineData("Prodigy", "beta3", "All groups of Prodigy share one estimate,")]
    [InlineData("DAdaptAdam", "lr", "All groups of DAdaptAdam share one estimate, so their rates must be the same, or 0, but that of group 1 differs from those before it. LayerScale gives a group a rate of its own.")]
    [InlineData("DAdaptAdam", "d0", "All groups of DAdaptAdam share one estimate, so Betas, UseBiasCorrection, D0 and GrowthRate must be the same in all, but they differ in groups 0 and 1.")]
    [InlineData("DAdaptAdam", "growth_rate", "All groups of DAdaptAdam share one estimate,")]
    public void What_excludes_one_estimate_is_refused_before_anything_changes(string name, string key, string message)
    {
        Parameter<double> p = Parameter.Of("p", Start(0)), q = Parameter.Of("q", Start(1));
        using var optimizer = Make(name, [p], [q]);
        (p.Gradient, q.Gradient) = (Gradient(0), Gradient(1));
        optimizer.ParameterGroups[1][key] = 0.5;
        string before = optimizer.StateDict().ToString();
        Assert.StartsWith(message, Assert.Throws<InvalidOperationException>(optimizer.Step).Message, StringComparison.Ordinal);
        Assert.Equal(Start(0), p.Values.ToArray());
        Assert.Equal(Start(1), q.Values.ToArray());
        Assert.Equal(before, optimizer.StateDict().ToString());
    }

    [Fact]
    public void Rules_that_give_groups_rates_of_their_own_are_refused_when_the_optimizer_is_made()
    {
        Parameter[] parameters = [Parameter.Of("p", Start(0)), Parameter.Of("q", Start(1))];
        var error = Assert.Throws<ArgumentException>("groups", () => new Prodigy(new GroupRules<ProdigyOptions>().For("q", o => o with { LearningRate = 0.5 }).Of(parameters)));
        Assert.StartsWith("All groups of Prodigy share one estimate, so their rates must be the same, or 0, but that of group 1 differs", error.Message, StringComparison.Ordinal);
        ParameterGroup<DAdaptAdamOptions>[] groups = [new(parameters[..1]), new(parameters[1..], o => o with { D0 = 0.5 })];
        for (int attempt = 0; attempt < 2; attempt++) // the first leaves the groups free for another
            Assert.Contains("D0", Assert.Throws<ArgumentException>("groups", () => new DAdaptAdam(groups)).Message, StringComparison.Ordinal);
        using var still = new Prodigy(new GroupRules<ProdigyOptions>().For("q", o => o with { LearningRate = 0 }).Of(parameters));
        Assert.Equal(2, still.ParameterGroups.Count);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void A_group_that_is_added_later_shares_the_estimate(string name)
    {
        Parameter<double> p = Parameter.Of("p", Start(0)), q = Parameter.Of("q", Start(1));
        using var optimizer = Make(name, [p]);
        for (int i = 0; i < 4; i++)
        {
            p.Gradient = Gradient(i);
            optimizer.Step();
        }
        if (optimizer is Prodigy prodigy)
            prodigy.AddParameterGroup(new([q]));
        else
            ((DAdaptAdam)optimizer).AddParameterGroup(new([q]));
        q.Gradient = Gradient(4);
        optimizer.Step();
        Assert.Equal(5, NumberOf(optimizer, "k", 1));
        Assert.Equal(NumberOf(optimizer, "d", 0), NumberOf(optimizer, "d", 1));
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Complex_elements_are_pairs_of_real_ones(string name)
    {
        double[] pairs = Numbers.Tame(2 * Count, 7);
        Complex[] numbers = [.. Enumerable.Range(0, Count).Select(i => new Complex(pairs[2 * i], pairs[2 * i + 1]))];
        var p = Parameter.Of("pairs", pairs);
        var q = Parameter.Of("numbers", numbers);
        using var real = Make(name, [p]);
        using var complex = Make(name, [q]);
        for (int i = 0; i < 4; i++)
        {
            double[] g = Numbers.Tame(2 * Count, (ulong)i);
            (p.Gradient, q.Gradient) = (g, Enumerable.Range(0, Count).Select(k => new Complex(g[2 * k], g[2 * k + 1])).ToArray());
            real.Step();
            complex.Step();
        }
        Assert.Equal(pairs, numbers.SelectMany(z => new[] { z.Real, z.Imaginary }));
    }

    // The authors' state of a matrix: s and p0 have one dimension, and of weights of zero p0 is one number.
    [Fact]
    public void Prodigys_checkpoints_are_those_of_its_authors()
    {
        double[] a = new double[6], b = new double[6];
        Parameter<double> p = Parameter.Of("p", a, 2, 3), q = Parameter.Of("p", b, 2, 3);
        ProdigyOptions options = new() { D0 = 0.1, SafeguardWarmup = true };
        using var before = new Prodigy([p], options);
        using var after = new Prodigy([q], options);
        for (int i = 0; i < 3; i++)
        {
            p.Gradient = Numbers.Tame(6, (ulong)i);
            before.Step();
        }
        var state = before.StateDict();
        var entry = state.GetDict("state").GetDict(0);
        Assert.Equal(["step", "s", "p0", "exp_avg", "exp_avg_sq"], entry.Keys.Select(key => key.Name));
        Assert.Equal([6L], ((TensorData)entry["s"]!).Shape.ToArray());
        Assert.Equal([6L], ((TensorData)entry["p0"]!).Shape.ToArray());
        entry["p0"] = TensorData.Of(new double[] { 0 });
        state.GetDicts("param_groups")[0]["fsdp_in_use"] = false;
        state.GetDicts("param_groups")[0]["slice_p"] = 1;
        a.CopyTo(b, 0);
        after.LoadStateDict(state);
        for (int i = 3; i < 6; i++)
        {
            p.Gradient = q.Gradient = Numbers.Tame(6, (ulong)i);
            before.Step();
            after.Step();
        }
        Assert.Equal(a, b);
        Assert.Equal(NumberOf(before, "d"), NumberOf(after, "d"));
        Assert.Equal(new double[6], after.StateOf(q)!.Tensor("p0"));
        entry["p0"] = TensorData.Of(new double[] { 1, 2 }, 2);
        Assert.Throws<StateDictException>(() => after.LoadStateDict(state));
    }

    // The authors keep d₀ out of groups.
    [Fact]
    public void DAdaptAdams_checkpoints_need_no_d0()
    {
        Parameter<double> p = Parameter.Of("p", Start(0)), q = Parameter.Of("p", Start(0));
        using var before = new DAdaptAdam([p], new() { D0 = 0.1 });
        using var after = new DAdaptAdam([q]);
        p.Gradient = q.Gradient = Gradient(0);
        before.Step();
        var state = before.StateDict();
        state.GetDicts("param_groups")[0].Remove("d0");
        p.Values.CopyTo(q.Values);
        after.LoadStateDict(state);
        before.Step();
        after.Step();
        Assert.Equal(p.Values.ToArray(), q.Values.ToArray());
    }

    static Optimizer Make(string name, params Parameter[][] groups) => name == "Prodigy"
        ? new Prodigy(groups.Select(g => new ParameterGroup<ProdigyOptions>(g)), new() { D0 = 0.01, WeightDecay = 0.1 })
        : new DAdaptAdam(groups.Select(g => new ParameterGroup<DAdaptAdamOptions>(g)), new() { D0 = 0.01, WeightDecay = 0.1, Decouple = true });

    static double NumberOf(Optimizer optimizer, string key, int group = 0) =>
        Convert.ToDouble(optimizer.StateDict().GetDicts("param_groups")[group][key], System.Globalization.CultureInfo.InvariantCulture);
}
