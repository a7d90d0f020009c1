using System.Numerics;
using System.Runtime.CompilerServices;
using OptimSharp.Rules;

namespace OptimSharp.Engine;

/// <summary>How the next model enters an average. The same for every parameter; the first model is copied.</summary>
/// <param name="Weight">The model's weight w: average ← average + w(model − average).</param>
/// <param name="Divisor">Not 0: average ← average + (model − average) / divisor instead.</param>
internal readonly record struct AverageStep(double Weight, double Divisor = 0)
{
    /// <summary>The average becomes the model, to the bit.</summary>
    public static AverageStep Copy => new(1);

    public static AverageStep Equal(long count) => count == 0 ? Copy : new(0, count + 1);

    public static AverageStep Decay(double decay, long count) => count == 0 ? Copy : new(1 - decay);
}

/// <summary>
/// The next average: <c>Param</c> is the average, <c>Grad</c> the model. A rule that changes the model as well takes
/// <see cref="Next"/> for the average, and gives the same bits.
/// </summary>
readonly struct AverageRule<T>(AverageStep step) : IUpdateRule<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    readonly bool copies = step is { Weight: 1, Divisor: 0 }; // a mean with weight 1 would make NaN of an infinity
    readonly bool divides = step.Divisor != 0;
    readonly T divisor = T.CreateChecked(step.Divisor);
    readonly Lerp<T> between = new(step.Weight);

    public static int Slots => 0;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Update<L>(ref Cell<L> x) where L : struct, ILane<L, T> => x.Param = Next(x.Param, x.Grad);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public L Next<L>(L average, L model) where L : struct, ILane<L, T> =>
        copies ? model
        : divides ? average + (model - average) / L.Of(divisor)              // PyTorch's equal average on CPUs: ā ← ā + (θ − ā)/(n + 1)
        : between.Between(average, model);                                   // its exponential one: ā ← ā + (1 − decay)(θ − ā)
}
