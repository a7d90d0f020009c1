using OptimSharp.Rules;
using OptimSharp.Tests.Rules;
using TorchSharp;

namespace OptimSharp.Torch.Tests.Rules;

/// <summary>Users' rules give on tensors that pointers can't reach what they give on host memory: sums are libtorch's there, so nearly.</summary>
public class AuthorTests
{
    static readonly double[] Start = [1, -2, 0.5, 4, -0.25, 3], First = [0.1, 0.2, -0.3, 0, -0.5, 2], Second = [-0.4, 0.1, -0.1, 0.3, -0.5, -1];

    [Theory]
    [InlineData(torch.ScalarType.Float64, 1e-13)]
    [InlineData(torch.ScalarType.Float32, 1e-6)]
    public void Six_states_and_sums(torch.ScalarType type, double tolerance) => Same(p => new TrustRatio(p), type, tolerance);

    [Theory]
    [InlineData("")]
    [InlineData("caution")]
    [InlineData("limit")]
    [InlineData("initial")]
    public void Rules_over_rules(string kind)
    {
        AuthorsLionOptions options = new() { LearningRate = 0.1, WeightDecay = 0.2, Caution = kind == "caution", StepLimit = kind == "limit" ? 0.02 : double.PositiveInfinity, InitialDecay = kind == "initial" ? 0.5 : 0 };
        Same(p => new AuthorsLion(p, options), torch.ScalarType.Float64, 1e-14);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Sums_by_row(bool centralizes) => Same(p => new RowNormalized(p, new() { Centralizes = centralizes }), torch.ScalarType.Float64, 1e-14);

    [Fact]
    public void A_state_may_become_what_the_parameter_was() => Same(p => new Previous(p), torch.ScalarType.Float64, 0);

    static void Same(Func<Parameter[], Optimizer> make, torch.ScalarType type, double tolerance)
    {
        using var tensor = torch.tensor(Start, dtype: torch.float64).to_type(type).reshape(2, 3).requires_grad_();
        Parameter there = new TorchParameter(tensor, "p", byPointer: false), here = Parameter.Of("p", [.. Start], 2, 3);
        using Optimizer torchs = make([there]), ours = make([here]);
        foreach (double[] gradient in (double[][])[First, Second, First])
        {
            tensor.grad = torch.tensor(gradient, dtype: torch.float64).to_type(type).reshape(2, 3);
            ((Parameter<double>)here).Gradient = gradient.ToArray();
            torchs.Step();
            ours.Step();
        }
        Close(((Parameter<double>)here).Values.ToArray(), tensor.detach().to_type(torch.float64).data<double>().ToArray());
        var (expected, actual) = (ours.StateOf(here)!, torchs.StateOf(there)!);
        Assert.Equal(expected.TensorKeys, actual.TensorKeys);
        foreach (string key in expected.TensorKeys)
            Close(expected.Tensor(key), actual.Tensor(key));

        void Close(double[] x, double[] y)
        {
            Assert.Equal(x.Length, y.Length);
            for (int i = 0; i < x.Length; i++)
                Assert.Equal(x[i], y[i], tolerance * Math.Max(1, Math.Abs(x[i])));
        }
    }

    /// <summary>θ ← θ − g, and two states that are the parameter one and two steps before.</summary>
    sealed class Previous(IEnumerable<Parameter> parameters) : Optimizer<AuthorsLionOptions>(Group(parameters), null)
    {
        static readonly StateEntry One = StateEntry.Tensor("one"), Two = StateEntry.Tensor("two");

        protected override IReadOnlyList<StateEntry> StateEntries(Parameter parameter) => [One, Two];

        protected override void Update<T>(GroupStep<T> group, AuthorsLionOptions options)
        {
            foreach (var x in group)
                x.Apply(default(Rule<T>), One, Two);
        }

        readonly struct Rule<T> : IUpdateRule<T>
        {
            public static int Slots => 2;

            public void Update<L>(ref Cell<L> x) where L : struct, ILane<L, T> => (x.S0, x.S1, x.Step) = (x.Param, x.S0, x.Grad);
        }
    }
}
