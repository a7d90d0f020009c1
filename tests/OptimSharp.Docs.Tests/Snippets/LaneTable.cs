using System.Numerics;
using System.Runtime.CompilerServices;
using OptimSharp;
using OptimSharp.Rules;
using OptimSharp.Torch;
using static TorchSharp.torch;

namespace Snippets;

/// <summary>What the table of lane operations in docs/your-own-optimizer.md promises, with every pair of some numbers.</summary>
public class LaneTable
{
    static readonly double[] Numbers = [double.NaN, double.NegativeInfinity, -2, -0.0, 0, double.Epsilon, 1.5, 3, double.PositiveInfinity];
    static readonly double[] X = [.. from x in Numbers from y in Numbers select x], Y = [.. from x in Numbers from y in Numbers select y];

    /// <summary>Operations, each as the table has it, in the order of the rules' states.</summary>
    static readonly (string Name, Func<double, double, double> Promised)[] Operations =
    [
        ("x + y", (x, y) => x + y),
        ("x - y", (x, y) => x - y),
        ("x * y", (x, y) => x * y),
        ("x / y", (x, y) => x / y),
        ("Max(x, y)", (x, y) => double.IsNaN(x) || double.IsNaN(y) ? double.NaN : x > y || x == y && !double.IsNegative(x) ? x : y),
        ("Min(x, y)", (x, y) => double.IsNaN(x) || double.IsNaN(y) ? double.NaN : x < y || x == y && double.IsNegative(x) ? x : y),
        ("-x", (x, _) => -x),
        ("Sqrt(x)", (x, _) => Math.Sqrt(x)),
        ("Abs(x)", (x, _) => double.IsNegative(x) ? -x : x),
        ("Sign(x)", (x, _) => x > 0 ? 1 : x < 0 ? -1 : 0),
        ("IfPositive(x, y, 7)", (x, y) => x > 0 ? y : 7),
        ("IfGreater(x, y, 8, x)", (x, y) => x > y ? 8 : x),
    ];

    [Fact]
    public void Registers_of_several_numbers()
    {
        var p = OptimSharp.Parameter.Of("p", (double[])[.. X]);
        p.Gradient = (double[])[.. Y];
        Check([p]);
    }

    [Fact]
    public void Single_numbers() => Check([.. X.Select((x, i) =>
    {
        var p = OptimSharp.Parameter.Of("p", (double[])[x]);
        p.Gradient = (double[])[Y[i]];
        return p;
    })]);

    [Fact]
    public void Whole_tensors()
    {
        using var scope = NewDisposeScope();
        var p = tensor(X).reshape(9, 9).t().contiguous().t(); // the same numbers, in columns: no pointer goes over them
        p.requires_grad = true;
        p.grad = tensor(Y).reshape(9, 9).t().contiguous().t();
        Check([p.AsParameter("p")], zeros: false); // which zero libtorch takes for the larger is left to it
    }

    static void Check(IReadOnlyList<OptimSharp.Parameter> parameters, bool zeros = true)
    {
        using var first = new Table<On>(parameters);
        using var second = new Table<Off>(parameters);
        foreach (var table in new Optimizer[] { first, second })
            table.Step();
        for (int k = 0; k < Operations.Length; k++)
        {
            var (name, promised) = Operations[k];
            double[] made = [.. parameters.SelectMany(p => (k < 6 ? (Optimizer)first : second).StateOf(p)!.Tensor($"s{k % 6}"))];
            for (int i = 0; i < made.Length; i++)
            {
                double expected = promised(X[i], Y[i]);
                bool same = double.IsNaN(expected) ? double.IsNaN(made[i])
                    : expected == 0 && !zeros && name.StartsWith('M') ? made[i] == 0
                    : BitConverter.DoubleToInt64Bits(expected) == BitConverter.DoubleToInt64Bits(made[i]);
                Assert.True(same, $"{name} with x = {X[i]}, y = {Y[i]} is {made[i]}, but {expected} is promised");
            }
        }
    }

    sealed record NoOptions : OptimizerOptions
    {
        public override double LearningRate { get; init; }
    }

    sealed class Table<TFirst>(IEnumerable<OptimSharp.Parameter> parameters) : Optimizer<NoOptions>(Group(parameters), null)
        where TFirst : IChoice
    {
        static readonly StateEntry[] Entries = [.. Enumerable.Range(0, 6).Select(i => StateEntry.Tensor($"s{i}"))];

        protected override IReadOnlyList<StateEntry> StateEntries(OptimSharp.Parameter parameter) => Entries;

        protected override void Update<T>(GroupStep<T> group, NoOptions options)
        {
            foreach (var x in group)
            {
                if (TFirst.IsOn)
                    x.Apply(new First<T>(), Entries);
                else
                    x.Apply(new Second<T>(), Entries);
            }
        }
    }

    readonly struct First<T> : IUpdateRule<T>
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        public static int Slots => 6;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Update<L>(ref Cell<L> x) where L : struct, ILane<L, T>
        {
            (x.S0, x.S1, x.S2) = (x.Param + x.Grad, x.Param - x.Grad, x.Param * x.Grad);
            (x.S3, x.S4, x.S5) = (x.Param / x.Grad, L.Max(x.Param, x.Grad), L.Min(x.Param, x.Grad));
        }
    }

    readonly struct Second<T> : IUpdateRule<T>
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        public static int Slots => 6;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public void Update<L>(ref Cell<L> x) where L : struct, ILane<L, T>
        {
            (x.S0, x.S1, x.S2) = (-x.Param, L.Sqrt(x.Param), L.Abs(x.Param));
            (x.S3, x.S4, x.S5) = (L.Sign(x.Param), L.IfPositive(x.Param, x.Grad, L.Of(T.CreateChecked(7))), L.IfGreater(x.Param, x.Grad, L.Of(T.CreateChecked(8)), x.Param));
        }
    }
}
