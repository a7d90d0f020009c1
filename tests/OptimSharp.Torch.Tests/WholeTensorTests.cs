using OptimSharp.Rules;
using TorchSharp;
using static TorchSharp.torch;

namespace OptimSharp.Torch.Tests;

/// <summary>
/// Optimizers that look at whole tensors, where tensors are: by libtorch's operators, as on a GPU. There is none here, so tensors of the CPU are forced through them, and what a step copies to and from the
/// host's side is counted.
/// </summary>
public class WholeTensorTests
{
    // libtorch takes sums in another order than the host. What comes of that is a few last digits of the largest number, and more where steps are divided by what is nearly nothing. Muon and NorMuon round
    // each product to bfloat16: there a last digit may become one of bfloat16's, 2⁻⁸.
    static readonly Dictionary<string, (Func<Parameter[], Optimizer> Make, double Tolerance)> Makers = new()
    {
        ["Muon"] = (p => new Muon(p, new() { LearningRate = 0.02, Shape = MuonShape.Filters }), 2e-2),
        ["Muon in single"] = (p => new Muon(p, new() { LearningRate = 0.02, Shape = MuonShape.Stacks, SinglePrecision = true, Nesterov = false }), 1e-4),
        ["Muon in parts"] = (p => new Muon(p, new() { LearningRate = 0.02, Shape = MuonShape.Filters, Splits = [2, 4], SinglePrecision = true }), 1e-4),
        ["NorMuon"] = (p => new NorMuon(p, new() { Shape = MuonShape.Filters }), 2e-2),
        ["NorMuon in single"] = (p => new NorMuon(p, new() { Shape = MuonShape.Stacks, SinglePrecision = true }), 1e-4),
        ["Adafactor"] = (p => new Adafactor(p, new() { WeightDecay = 0.1 }), 1e-5),
        ["SOAP"] = (p => new SOAP(p, new() { LearningRate = 0.01, PreconditionFrequency = 2, MaxPreconditionerDimension = 6 }), 1e-3), // of 9 columns and 6 rows, the first gradient leaves three axes open
        ["Shampoo"] = (p => new Shampoo(p, new() { LearningRate = 0.01, Epsilon = 1e-4, MaxPreconditionerDimension = 4, Grafting = ShampooGrafting.Adam, Momentum = 0.5 }), 1e-4),
        ["Shampoo by Newton"] = (p => new Shampoo(p, new() { LearningRate = 0.01, Epsilon = 1e-2, Root = ShampooRoot.CoupledNewton, Betas = (0, 0.9), PreconditionFrequency = 2, Grafting = ShampooGrafting.SGD }), 1e-4),
    };

    public static TheoryData<string, ScalarType, string> Cases
    {
        get
        {
            var cases = new TheoryData<string, ScalarType, string>();
            foreach (string name in Makers.Keys)
            {
                foreach (var type in (ScalarType[])[float32, float64, bfloat16, float16])
                {
                    cases.Add(name, type, "matrix");
                    cases.Add(name, type, "filters");
                }
                cases.Add(name, float32, "transposed");
                cases.Add(name, float32, "channels last");
                cases.Add(name, float64, "gradient transposed");
                if (!name.Contains("Muon", StringComparison.Ordinal))
                {
                    cases.Add(name, float32, "vector");
                    cases.Add(name, float64, "number");
                }
            }
            return cases;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void A_step_is_the_host_s(string name, ScalarType type, string layout)
    {
        var (make, tolerance) = Makers[name];
        double[] expected = Run(make, type, layout, byPointer: true, 4), actual = Run(make, type, layout, byPointer: false, 4);
        tolerance = Math.Max(type == bfloat16 ? 1.0 / 64 : type == float16 ? 1.0 / 512 : 0, type == float64 && tolerance < 2e-2 && !name.Contains("Muon", StringComparison.Ordinal) ? 1e-9 : tolerance);
        double largest = expected.Max(Math.Abs);
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++)
            Assert.Equal(expected[i], actual[i], tolerance * largest);
    }

    static double[] Run(Func<Parameter[], Optimizer> make, ScalarType type, string layout, bool byPointer, int steps)
    {
        using var scope = NewDisposeScope();
        var tensor = Laid(0, type, layout, byPointer).requires_grad_();
        using var optimizer = make([new TorchParameter(tensor, "w", byPointer)]);
        for (int step = 1; step <= steps; step++)
        {
            tensor.grad = Laid(step, type, layout, byPointer && layout != "gradient transposed");
            optimizer.Step();
        }
        return Models.Values(tensor);
    }

    /// <summary>A tensor with the same numbers in any layout.</summary>
    static Tensor Laid(int seed, ScalarType type, string layout, bool contiguous)
    {
        long[] shape = layout switch { "filters" or "channels last" => [6, 3, 2, 3], "vector" => [11], "number" => [], _ => [6, 9] };
        var tensor = Models.Random(seed, shape).clone().to_type(type);
        return contiguous ? tensor : layout switch
        {
            "transposed" => tensor.t().contiguous().t(),
            "gradient transposed" when seed > 0 => tensor.t().contiguous().t(),
            "channels last" => tensor.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2),
            _ => tensor,
        };
    }

    // What counts: parameters that are read or written through the host's memory, states, rows, decompositions.
    [Theory]
    [InlineData("Muon", float32Name)]
    [InlineData("Muon", bfloat16Name)]
    [InlineData("Muon in parts", float32Name)]
    [InlineData("NorMuon", float32Name)]
    [InlineData("Adafactor", float32Name)]
    [InlineData("Adafactor", bfloat16Name)]
    [InlineData("Shampoo", float32Name)]
    [InlineData("Shampoo by Newton", float64Name)]
    public void Nothing_goes_through_host_memory(string name, string type)
    {
        long before = HostCopies.Count;
        _ = Run(Makers[name].Make, Enum.Parse<ScalarType>(type), "transposed", byPointer: false, 4);
        Assert.Equal(0, HostCopies.Count - before);
    }

    const string float32Name = nameof(ScalarType.Float32), float64Name = nameof(ScalarType.Float64), bfloat16Name = nameof(ScalarType.BFloat16);

    [Fact]
    public void SOAP_looks_at_rows_only_where_it_looks_for_axes()
    {
        using var scope = NewDisposeScope();
        var tensor = Models.Random(0, 6, 9).requires_grad_();
        using var optimizer = new SOAP([new TorchParameter(tensor, "w", byPointer: false)], new() { PreconditionFrequency = 3 });
        var copies = new List<long>();
        for (int step = 1; step <= 7; step++) // the first only makes the matrices
        {
            long before = HostCopies.Count;
            tensor.grad = Models.Random(step, 6, 9);
            optimizer.Step();
            copies.Add(HostCopies.Count - before);
        }
        Assert.Equal([true, false, false, true, false, false, true], copies.Select(count => count > 0));
    }

    [Fact]
    public void A_tensor_of_the_CPU_that_is_not_contiguous_has_the_bits_of_one_that_is()
    {
        foreach (string name in Makers.Keys)
        {
            foreach (string layout in (string[])["transposed", "channels last"])
                Assert.Equal(Run(Makers[name].Make, float32, layout, byPointer: true, 3), Uncontiguous(Makers[name].Make, layout));
        }

        static double[] Uncontiguous(Func<Parameter[], Optimizer> make, string layout)
        {
            using var scope = NewDisposeScope();
            var tensor = Laid(0, float32, layout, contiguous: false).requires_grad_();
            using var optimizer = make([tensor.AsParameter("w")]);
            for (int step = 1; step <= 3; step++)
            {
                tensor.grad = Laid(step, float32, layout, contiguous: false);
                optimizer.Step();
            }
            return Models.Values(tensor);
        }
    }

    [Theory]
    [InlineData(LineSearch.None)]
    [InlineData(LineSearch.StrongWolfe)]
    public void LBFGS_has_its_vectors_there(LineSearch search)
    {
        long before = HostCopies.Count;
        double[] there = Minimized(byPointer: [false, false], search);
        Assert.Equal(0, HostCopies.Count - before);
        double[] here = Minimized(byPointer: [true, true], search), mixed = Minimized(byPointer: [true, false], search);
        Assert.Equal(here, mixed); // not all are there, so all are computed in host memory
        for (int i = 0; i < here.Length; i++)
            Assert.Equal(here[i], there[i], 1e-9);
    }

    static double[] Minimized(bool[] byPointer, LineSearch search)
    {
        using var scope = NewDisposeScope();
        Tensor x = Models.Random(1, 3, 4).to_type(float64).requires_grad_(), y = Models.Random(2, 5).to_type(float64).requires_grad_();
        using var optimizer = new LBFGS([new TorchParameter(x, "x", byPointer[0]), new TorchParameter(y, "y", byPointer[1])], new() { LineSearch = search, LearningRate = 0.3, MaxIterations = 4, HistorySize = 3 });
        for (int i = 0; i < 3; i++)
        {
            optimizer.Step(() =>
            {
                optimizer.ZeroGrad();
                var loss = x.mul(x).sum().add(x.sum().mul(y.sum()).mul(0.1.ToScalar())).add(y.sub(1.ToScalar()).pow(4.ToScalar()).sum());
                loss.backward();
                return loss;
            });
        }
        return [.. Models.Values(x), .. Models.Values(y)];
    }

    [Fact]
    public void State_is_there_and_is_saved_and_loaded_by_either_side()
    {
        foreach (string name in Makers.Keys)
        {
            foreach (bool first in (bool[])[true, false])
            {
                foreach (bool second in (bool[])[true, false])
                    SavedAndLoaded(Makers[name].Make, first, second);
            }
        }

        static void SavedAndLoaded(Func<Parameter[], Optimizer> make, bool savedByPointer, bool loadedByPointer)
        {
            using var scope = NewDisposeScope();
            Tensor one = Models.Random(0, 6, 9).requires_grad_(), two = Models.Random(0, 6, 9).requires_grad_();
            TorchParameter from = new(one, "w", savedByPointer), to = new(two, "w", loadedByPointer);
            using Optimizer saved = make([from]), loaded = make([to]);
            for (int step = 1; step <= 3; step++)
            {
                one.grad = Models.Random(step, 6, 9);
                saved.Step();
            }
            loaded.LoadStateDict(saved.StateDict());
            var (expected, actual) = (saved.StateOf(from)!, loaded.StateOf(to)!);
            foreach (string key in expected.TensorKeys)
                Assert.Equal(expected.Tensor(key), actual.Tensor(key));
            foreach (string key in expected.ListKeys)
            {
                Assert.Equal(expected.TensorList(key), actual.TensorList(key));
                Assert.All(actual.FindList(key)!, tensor => Assert.Equal(!loadedByPointer, tensor is TorchState));
                Assert.All(expected.FindList(key)!, tensor => Assert.Equal(!savedByPointer, tensor is TorchState));
            }
            using (no_grad())
                two.copy_(one);
            one.grad = Models.Random(9, 6, 9);
            two.grad = Models.Random(9, 6, 9);
            saved.Step();
            loaded.Step();
            if (savedByPointer && loadedByPointer)
                Assert.Equal(Models.Values(one), Models.Values(two)); // goes on as if it had not been away
            else // libtorch's bits depend on where memory begins
                Assert.All(Models.Values(one).Zip(Models.Values(two)), pair => Assert.Equal(pair.First, pair.Second, 2e-2));
        }
    }

    [Fact]
    public void Rebind_moves_lists_there_and_back()
    {
        using var scope = NewDisposeScope();
        Tensor first = Models.Random(0, 6, 9).requires_grad_(), second = Models.Random(0, 6, 9).requires_grad_();
        TorchParameter here = new(first, "w"), there = new(second, "w", byPointer: false);
        using var optimizer = new Shampoo([here]);
        first.grad = Models.Random(1, 6, 9);
        optimizer.Step();
        var before = optimizer.StateOf(here)!.TensorList("factor_matrices");
        optimizer.Rebind([there]);
        Assert.Equal(before, optimizer.StateOf(there)!.TensorList("factor_matrices"));
        second.grad = Models.Random(2, 6, 9);
        optimizer.Step();
        optimizer.Rebind([here]);
        first.grad = Models.Random(3, 6, 9);
        optimizer.Step();
    }

    [Fact]
    public void Parameters_here_and_there_may_be_one_optimizer_s()
    {
        using var scope = NewDisposeScope();
        double[] alone = Run(Makers["Adafactor"].Make, float32, "matrix", byPointer: false, 3);
        Tensor here = Models.Random(0, 6, 9).requires_grad_(), there = Models.Random(0, 6, 9).requires_grad_();
        using var optimizer = Makers["Adafactor"].Make([new TorchParameter(here, "here"), new TorchParameter(there, "there", byPointer: false)]);
        for (int step = 1; step <= 3; step++)
        {
            (here.grad, there.grad) = (Models.Random(step, 6, 9), Models.Random(step, 6, 9));
            optimizer.Step();
        }
        Assert.All(alone.Zip(Models.Values(there)), pair => Assert.Equal(pair.First, pair.Second, 1e-6));
        Assert.Equal(Run(Makers["Adafactor"].Make, float32, "matrix", byPointer: true, 3), Models.Values(here));
    }

    [Fact]
    public void A_sparse_gradient_is_one_with_its_zeros()
    {
        Assert.All(Stepped(isSparse: false).Zip(Stepped(isSparse: true)), pair => Assert.Equal(pair.First, pair.Second, 1e-5));

        static double[] Stepped(bool isSparse)
        {
            using var scope = NewDisposeScope();
            var table = Models.Random(0, 6, 3).requires_grad_();
            using var optimizer = new LBFGS([new TorchParameter(table, "w", byPointer: false)], new() { MaxIterations = 2 });
            optimizer.Step(() =>
            {
                var gradient = sparse_coo_tensor(tensor(new long[] { 4, 1, 4 }).reshape(1, 3), Models.Random(1, 3, 3), [6, 3]);
                table.grad = isSparse ? gradient : gradient.to_dense();
                return 1.0;
            });
            return Models.Values(table);
        }
    }

    [Fact]
    public void Complex_parameters_are_refused_as_in_host_memory()
    {
        using var tensor = zeros(2, 3, dtype: complex64).requires_grad_();
        foreach (string name in Makers.Keys)
            Assert.Throws<ArgumentException>(() => Makers[name].Make([new TorchParameter(tensor, "w", byPointer: false)]));
    }

    [Theory]
    [InlineData(ComplexName)]
    [InlineData(float32Name)]
    [InlineData(bfloat16Name)]
    public void A_rule_that_wants_rows_has_them(string type)
    {
        Assert.Equal(Stepped(byPointer: true), Stepped(byPointer: false));

        double[] Stepped(bool byPointer)
        {
            using var scope = NewDisposeScope();
            var tensor = Made(0).requires_grad_();
            using var optimizer = new RowByRow([new TorchParameter(tensor, "w", byPointer)]);
            for (int step = 1; step <= 3; step++)
            {
                tensor.grad = Made(step);
                optimizer.Step();
            }
            return Models.Values(tensor.is_complex() ? tensor.detach().view_as_real() : tensor);
        }

        Tensor Made(int seed) => type == ComplexName ? Models.Random(seed, 4, 3, 2).clone().view_as_complex() : Models.Random(seed, 4, 3).to_type(Enum.Parse<ScalarType>(type));
    }

    const string ComplexName = nameof(ScalarType.ComplexFloat32);

    /// <summary>θ ← θ − g/4, half of it row by row and half by an operation, with a state that is written in both ways.</summary>
    sealed class RowByRow(IEnumerable<Parameter> parameters) : Optimizer<OptimSharp.Tests.Rules.AuthorsLionOptions>(Group(parameters), null)
    {
        static readonly StateEntry Sum = StateEntry.Tensor("sum");

        protected override IReadOnlyList<StateEntry> StateEntries(Parameter parameter) => [Sum];

        protected override void Update<T>(GroupStep<T> group, OptimSharp.Tests.Rules.AuthorsLionOptions options)
        {
            foreach (var x in group)
                x.ApplyTensor(default(Rule<T>), Sum);
        }

        readonly struct Rule<T> : ITensorRule<T>
            where T : unmanaged, System.Numerics.IBinaryFloatingPointIeee754<T>
        {
            public void Update(in TensorCell<T> x, TensorMath math)
            {
                for (nint i = 0; i < x.Param.Rows; i++)
                {
                    Span<T> row = x.Param.Row(i), sum = x.S0.Row(i);
                    ReadOnlySpan<T> gradient = x.Grad.Row(i);
                    for (int j = 0; j < row.Length; j++)
                    {
                        row[j] -= gradient[j] / T.CreateChecked(8);
                        sum[j] += gradient[j];
                    }
                }
                math.Apply(new AddScaledRule<T>(-0.125), x.Param, x.Grad);
                math.Apply(new AddScaledRule<T>(0.5), x.S0, x.Param);
                x.Param.Row(0)[0] += x.S0.Row(1)[1];
            }
        }
    }
}
