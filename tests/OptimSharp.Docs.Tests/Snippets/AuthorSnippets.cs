using System.Diagnostics;
using System.Numerics;
using System.Runtime.CompilerServices;
using OptimSharp;
using OptimSharp.Rules;
using OptimSharp.Testing;
using YourOwnOptimizer;
using Lion = YourOwnOptimizer.Lion; // the library has one, too
using LionOptions = YourOwnOptimizer.LionOptions;

namespace Snippets; // as in a program of one's own, not below OptimSharp

/// <summary>The page on an optimizer of one's own. Lion itself is the sample's.</summary>
public class AuthorSnippets
{
    static readonly double[] Start = [1, -2, 0.5, 0, -0.25], First = [0.1, 0.2, -0.3, 0, -0.5], Second = [-0.001, -4, 0.2, 0, -0.5];

    [Fact]
    public void Does_what_the_formula_says()
    {
        double[] theta = [1, -2, 0.5, 0, -0.25], m = new double[5];
        double[][] gradients = [[0.1, 0.2, -0.3, 0, -0.5], [-0.001, -4, 0.2, 0, -0.5]];
        var w = OptimSharp.Parameter.Of("w", theta.ToArray());
        using var lion = new Lion([w], new() { LearningRate = 0.1, Betas = (0.9, 0.99), WeightDecay = 0.2 });
        foreach (double[] g in gradients)
        {
            w.Gradient = g;
            lion.Step();
            for (int i = 0; i < theta.Length; i++)
            {
                theta[i] = theta[i] * (1 - 0.1 * 0.2) - 0.1 * Math.Sign(0.9 * m[i] + 0.1 * g[i]);
                m[i] = 0.99 * m[i] + 0.01 * g[i];
            }
        }
        for (int i = 0; i < theta.Length; i++)
        {
            Assert.Equal(theta[i], w.Values.Span[i], 1e-15);
            Assert.Equal(m[i], lion.StateOf(w)!.Tensor("exp_avg")[i], 1e-15);
        }
    }

    [Fact]
    public void Keeps_the_laws()
    {
        OptimizerLaws.Check(parameters => new Lion(parameters, new() { WeightDecay = 0.1 }));
        OptimizerLaws.Check(parameters => new Lion(parameters, new() { LearningRate = 0.01, Maximize = true }));
        OptimizerLaws.Check(parameters => new Lamb(parameters), new() { Elementwise = false });
        OptimizerLaws.Check(parameters => new LionOfTables(parameters));
        OptimizerLaws.Check(parameters => new CarefulLion(parameters, new() { WeightDecay = 0.1 }), new() { Elementwise = false });
        OptimizerLaws.Check(parameters => new CentralLion(parameters, new() { LearningRate = 0.1 }), new() { Elementwise = false });
        OptimizerLaws.Check(parameters => new LoyalLion(parameters, new() { LearningRate = 0.1 }));
        OptimizerLaws.Check(parameters => new Counting(parameters));
        OptimizerLaws.Check(parameters => new Counting(parameters, new() { Momentum = 0.9, Nesterov = true }));
        OptimizerLaws.Check(parameters => new BarzilaiBorwein(parameters));
    }

    [Fact]
    public void Barzilai_and_Borwein_arrive_where_gradient_descent_does_not()
    {
        // 50 x² + ½ y²: at a rate below 0.02 gradient descent needs hundreds of steps.
        double[] at = [1, 1];
        var p = OptimSharp.Parameter.Of("p", at);
        using var optimizer = new BarzilaiBorwein([p]);
        for (int i = 0; i < 20; i++)
        {
            optimizer.Step(() =>
            {
                p.Gradient = new[] { 100 * at[0], at[1] };
                return 50 * at[0] * at[0] + 0.5 * at[1] * at[1];
            });
        }
        Assert.All(at, x => Assert.Equal(0, x, 1e-8));
    }

    [Fact]
    public void Half_parameters_with_state_of_their_own_type_are_rounded_as_PyTorch_rounds_them()
    {
        // PyTorch: update = m.mul(b1).add(g, alpha=1 - b1).sign_(); m.mul_(b2).add_(g, alpha=1 - b2), each stored in bfloat16, whose numbers have 8 bits.
        var w = OptimSharp.Parameter.Of("w", [(OptimSharp.BFloat16)1.0078125f]);
        using var lion = new Lion([w], new() { LearningRate = 0.5, WeightDecay = 0, Betas = (0.5, 0.75), StatePrecision = StatePrecision.Parameter });
        w.Gradient = new[] { (OptimSharp.BFloat16)1.0078125f };
        lion.Step();
        Assert.Equal(0.5078125f, (float)w.Values.Span[0]); // 1.0078125 − 0.5, which is a bfloat16
        Assert.Equal(0.251953125, lion.StateOf(w)!.Tensor("exp_avg")[0]); // ¼ · 1.0078125, which is one, too
        w.Gradient = new[] { (OptimSharp.BFloat16)0.50390625f };
        lion.Step();
        // In 1024ths: ¾ · 258 = 193.5, in the middle of 193 and 194, of which 194 is even among their 8 bits. 194 + ¼ · 516 = 323, in the middle of 322 and 324, which is even.
        // Without the rounding in between: 193.5 + 129 = 322.5, which is 322.
        Assert.Equal(324 / 1024.0, lion.StateOf(w)!.Tensor("exp_avg")[0]);
    }

    [Fact]
    public void LAMB_does_what_the_formula_says()
    {
        double[] theta = Start.ToArray(), m = new double[5], v = new double[5];
        var w = OptimSharp.Parameter.Of("w", Start.ToArray());
        using var lamb = new Lamb([w], new() { LearningRate = 0.1, WeightDecay = 0.2 });
        int t = 0;
        foreach (double[] g in new[] { First, Second })
        {
            w.Gradient = g;
            lamb.Step();
            t++;
            double[] u = new double[5];
            for (int i = 0; i < 5; i++)
            {
                m[i] = 0.9 * m[i] + 0.1 * g[i];
                v[i] = 0.999 * v[i] + 0.001 * g[i] * g[i];
                u[i] = m[i] / (1 - Math.Pow(0.9, t)) / (Math.Sqrt(v[i] / (1 - Math.Pow(0.999, t))) + 1e-6) + 0.2 * theta[i];
            }
            double ratio = Math.Sqrt(theta.Sum(x => x * x)) / Math.Sqrt(u.Sum(x => x * x));
            for (int i = 0; i < 5; i++)
                theta[i] -= 0.1 * ratio * u[i];
        }
        for (int i = 0; i < 5; i++)
            Assert.Equal(theta[i], w.Values.Span[i], 1e-12);
    }

    [Fact]
    public void Options_are_named_and_checked()
    {
        var w = OptimSharp.Parameter.Of("w", new float[4]);
        using var lion = new Lion([w], new() { LearningRate = 3e-4 });
        StateDict group = lion.StateDict().GetDicts("param_groups").First();
        lion.ParameterGroups[0].Options = lion.ParameterGroups[0].Options with { WeightDecay = 0.1 };
        Assert.Equal(3e-4, group.GetDouble("lr"));
        Assert.Equal(0, group.GetDouble("weight_decay"));
        Assert.Equal(0.1, lion.StateDict().GetDicts("param_groups").First().GetDouble("weight_decay"));
        var e = Assert.Throws<ArgumentOutOfRangeException>(() => new Lion([w], new() { Betas = (0.9, 1) }));
        Assert.Contains("Betas[1] must be in [0, 1), but is 1.", e.Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => lion.ParameterGroups[0].Options = lion.ParameterGroups[0].Options with { WeightDecay = -1 });
        var broken = lion.StateDict();
        broken.GetDicts("param_groups").First()["weight_decay"] = -1.0;
        Assert.Throws<StateDictException>(() => lion.LoadStateDict(broken));
        Assert.Contains("Momentum must be > 0 with Nesterov, but is 0.", Assert.Throws<ArgumentException>(() => new Counting([w], new() { Nesterov = true })).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_not_listed_is_refused()
    {
        var w = OptimSharp.Parameter.Of("w", new float[4]);
        using var optimizer = new Forgetful([w]);
        w.Gradient = new float[4];
        var e = Assert.Throws<InvalidOperationException>(() => optimizer.Step());
        Assert.StartsWith("Forgetful uses the state 'exp_avg' of parameter 'w'", e.Message, StringComparison.Ordinal);
        Assert.EndsWith("but its StateEntries does not list it: it would not be saved.", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Rows_without_a_gradient_stay()
    {
        var table = OptimSharp.Parameter.Of("table", [1f, 2, 3, 4, 5, 6], 3, 2);
        using var optimizer = new LionOfTables([table], new() { LearningRate = 0.5 });
        table.SparseGradient = new(new long[] { 1 }, new float[] { 0.25f, -0.25f });
        optimizer.Step();
        Assert.Equal([1, 2, 2.5f, 4.5f, 5, 6], table.Values.ToArray());
        using var dense = new LionOfTables([table], new() { LearningRate = 0.5, WeightDecay = 0.5 });
        dense.Step();
        Assert.Equal([0.75f, 1.5f, 1.375f, 3.875f, 3.75f, 4.5f], table.Values.ToArray());
    }

    [Fact]
    public void How_long_a_step_takes()
    {
        const int Count = 16 * 1024; // in the second-level cache, and on one thread: the arithmetic's time
        var w = OptimSharp.Parameter.Of("w", new float[Count]);
        w.Gradient = new float[Count];
        using Optimizer lion = new Lion([w]), adamW = new AdamW([w]);
        foreach (var optimizer in new[] { lion, adamW, lion, adamW }) // in turns: the machine may be busy now and then
            Console.WriteLine($"{optimizer.GetType().Name} {Nanoseconds(optimizer) / Count:F2} ns a parameter");

        static double Nanoseconds(Optimizer optimizer)
        {
            double best = double.MaxValue;
            for (int round = 0; round < 30; round++)
            {
                long start = Stopwatch.GetTimestamp();
                for (int i = 0; i < 20; i++)
                    optimizer.Step();
                best = Math.Min(best, Stopwatch.GetElapsedTime(start).TotalNanoseconds / 20);
            }
            return best;
        }
    }
}

/// <summary>Lion that takes sparse gradients: rows without a gradient stay as they are, unless they decay.</summary>
sealed class LionOfTables(IEnumerable<OptimSharp.Parameter> parameters, LionOptions? options = null) : Optimizer<LionOptions>(Group(parameters), options)
{
    static readonly StateEntry ExpAvg = StateEntry.Tensor("exp_avg");

    protected override IReadOnlyList<StateEntry> StateEntries(OptimSharp.Parameter parameter) => [ExpAvg];

    protected override string? Refuses(bool sparse, LionOptions options) => null;

    protected override void Update<T>(GroupStep<T> group, LionOptions options)
    {
        foreach (var x in group)
        {
            if (options.WeightDecay != 0)
                x.Densify(); // all rows decay
            x.Apply(new LionRule<T>(options, x.Rounding), ExpAvg);
        }
    }
}

/// <summary>Cautious Lion.</summary>
sealed class CarefulLion(IEnumerable<OptimSharp.Parameter> parameters, LionOptions? options = null) : Optimizer<LionOptions>(Group(parameters), options)
{
    static readonly StateEntry ExpAvg = StateEntry.Tensor("exp_avg");

    protected override IReadOnlyList<StateEntry> StateEntries(OptimSharp.Parameter parameter) => [ExpAvg];

    protected override void Update<T>(GroupStep<T> group, LionOptions options)
    {
        foreach (var x in group)
        {
            var lion = new LionRule<T>(options, x.Rounding);
            x.ApplyMeasured(new Cautious<LionRule<T>, T>(lion, options.Maximize), ExpAvg);
        }
    }
}

/// <summary>Lion with centralized gradients.</summary>
sealed class CentralLion(IEnumerable<OptimSharp.Parameter> parameters, LionOptions? options = null) : Optimizer<LionOptions>(Group(parameters), options)
{
    static readonly StateEntry ExpAvg = StateEntry.Tensor("exp_avg");

    protected override IReadOnlyList<StateEntry> StateEntries(OptimSharp.Parameter parameter) => [ExpAvg];

    protected override void Update<T>(GroupStep<T> group, LionOptions options)
    {
        foreach (var x in group)
        {
            var lion = new LionRule<T>(options, x.Rounding);
            if (x.Shape.Length > 1)
                x.ApplyByRow(new CentralizedGradient<LionRule<T>, T>(lion), ExpAvg);
            else
                x.Apply(lion, ExpAvg);
        }
    }
}

/// <summary>Lion that is drawn back to where it began.</summary>
sealed class LoyalLion(IEnumerable<OptimSharp.Parameter> parameters, LionOptions? options = null) : Optimizer<LionOptions>(Group(parameters), options)
{
    static readonly StateEntry ExpAvg = StateEntry.Tensor("exp_avg"), Initial = StateEntry.CopyOfParameter("initial");

    protected override IReadOnlyList<StateEntry> StateEntries(OptimSharp.Parameter parameter) => [ExpAvg, Initial];

    protected override void Update<T>(GroupStep<T> group, LionOptions options)
    {
        foreach (var x in group)
        {
            var lion = new LionRule<T>(options, x.Rounding);
            x.Apply(new TowardsInitial<LionRule<T>, T>(lion, options.LearningRate * 0.01), ExpAvg, Initial);
        }
    }
}

sealed class Forgetful(IEnumerable<OptimSharp.Parameter> parameters) : Optimizer<LionOptions>(Group(parameters), null)
{
    static readonly StateEntry ExpAvg = StateEntry.Tensor("exp_avg");

    protected override IReadOnlyList<StateEntry> StateEntries(OptimSharp.Parameter parameter) => [];

    protected override void Update<T>(GroupStep<T> group, LionOptions options)
    {
        foreach (var x in group)
            x.Apply(new LionRule<T>(options, x.Rounding), ExpAvg);
    }
}

sealed record CountingOptions : OptimizerOptions
{
    public override double LearningRate { get; init; } = 1e-2;

    [Option("momentum", AtLeast = 0, Below = 1)]
    public double Momentum { get; init; }

    [Option("nesterov")]
    public bool Nesterov { get; init; }

    [Option("warmup_steps", AtLeast = 1)]
    public int WarmupSteps { get; init; } = 10;

    protected override (string Option, string Problem)? CheckTogether() => Nesterov && Momentum == 0
        ? (nameof(Momentum), "Momentum must be > 0 with Nesterov, but is 0")
        : null;
}

/// <summary>A state of every kind.</summary>
sealed class Counting(IEnumerable<OptimSharp.Parameter> parameters, CountingOptions? options = null) : Optimizer<CountingOptions>(Group(parameters), options)
{
    static readonly StateEntry Average = StateEntry.Tensor("exp_avg", initial: 1), Rate = StateEntry.Number("rate_sum");
    static readonly StateEntry Buffer = StateEntry.Tensor("momentum_buffer", optional: true);
    static readonly StateEntry[] Entries = [StateEntry.Step, Average, Rate, Buffer];

    protected override IReadOnlyList<StateEntry> StateEntries(OptimSharp.Parameter parameter) => Entries;

    protected override void Update<T>(GroupStep<T> group, CountingOptions options)
    {
        foreach (var x in group)
        {
            long t = x.NextStep();
            double rate = options.LearningRate * Math.Min(1, (double)t / options.WarmupSteps);
            x.SetNumber(Rate, x.Number(Rate) + rate);
            if (options.Momentum == 0)
                x.Apply(new CountingRule<T, Off>(options, rate), Average);
            else
                x.Apply(new CountingRule<T, On>(options, rate), Average, Buffer);
        }
    }
}

readonly struct CountingRule<T, TMomentum>(CountingOptions o, double rate) : IUpdateRule<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
    where TMomentum : IChoice
{
    readonly Lerp<T> average = new(0.5);
    readonly T rate = T.CreateChecked(rate), momentum = T.CreateChecked(o.Momentum), limit = T.CreateChecked(10), low = T.CreateChecked(-10);

    public static int Slots => TMomentum.IsOn ? 2 : 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Update<L>(ref Cell<L> x) where L : struct, ILane<L, T>
    {
        x.S0 = average.Between(x.S0, L.Abs(x.Grad));
        var clamped = L.IfGreater(x.Grad, L.Of(limit), L.Of(limit), L.IfGreater(L.Of(low), x.Grad, L.Of(low), x.Grad)); // NaN stays
        var direction = clamped;
        if (TMomentum.IsOn)
            direction = x.S1 = L.Of(momentum) * x.S1 + clamped;
        x.Step = L.Of(rate) * direction / (x.S0 + L.Of(T.One));
    }
}
