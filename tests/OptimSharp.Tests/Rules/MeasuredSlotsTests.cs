using System.Numerics;
using OptimSharp.Rules;

namespace OptimSharp.Tests.Rules;

public class MeasuredSlotsTests
{
    // A rule that measures by one slot of two: the other is zero in Measure, in any type and at any length, and as ever in Update.
    [Theory]
    [InlineData(5)]
    [InlineData(16)]
    [InlineData(4096 + 37)]
    public void What_is_not_measured_is_not_read(int count)
    {
        float[] values = new float[count];
        BFloat16[] halves = new BFloat16[count];
        Parameter<float> single = Parameter.Of("single", values);
        Parameter<BFloat16> half = Parameter.Of("half", halves);
        using var optimizer = new Counter([single, half]);
        for (int step = 1; step <= 3; step++)
        {
            single.UseGradient().Fill(1);
            half.UseGradient().Fill((BFloat16)1f);
            optimizer.Step();
            // Before the step S0 is step − 1 everywhere, and S1 twice that, which Measure does not see.
            Assert.All(values, v => Assert.Equal((step - 1) * count, v));
            Assert.All(optimizer.StateOf(single)!.Tensor(Counter.Second.Key), v => Assert.Equal(2 * step, v));
            Assert.All(optimizer.StateOf(half)!.Tensor(Counter.Second.Key), v => Assert.Equal(2 * step, v));
        }
    }

    sealed record CounterOptions : OptimizerOptions
    {
        public override double LearningRate { get; init; } = 1;
    }

    sealed class Counter(IEnumerable<Parameter> parameters) : Optimizer<CounterOptions>(Group(parameters), null)
    {
        public static readonly StateEntry First = StateEntry.Tensor("first"), Second = StateEntry.Tensor("second");
        static readonly StateEntry[] Entries = [First, Second];

        protected override IReadOnlyList<StateEntry> StateEntries(Parameter parameter) => Entries;

        protected override void Update<T>(GroupStep<T> group, CounterOptions options)
        {
            foreach (var x in group)
                x.ApplyMeasured(default(CounterRule<T>), First, Second);
        }
    }

    /// <summary>θ ← Σ(S0 + S1), as Measure sees them; S0 ← S0 + g; S1 ← S1 + 2g.</summary>
    struct CounterRule<T> : IMeasuringRule<T>
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        T sum;

        public static int Slots => 2;

        public static int Sums => 1;

        public static int MeasuredSlots => 1;

        public readonly void Measure<L>(ref Cell<L> x, ref CellSums<L> sums) where L : struct, ILane<L, T> => sums.Sum0 = x.S0 + x.S1;

        public void Take(in MeasuredSums sums) => sum = T.CreateChecked(sums[0]);

        public readonly void Update<L>(ref Cell<L> x) where L : struct, ILane<L, T>
        {
            x.S0 += x.Grad;
            x.S1 += x.Grad + x.Grad;
            x.Param = L.Of(sum);
        }
    }
}
