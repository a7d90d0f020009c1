using System.Numerics;
using System.Runtime.CompilerServices;
using OptimSharp.Rules;

namespace OptimSharp;

/// <summary>Options of <see cref="SGDScheduleFree"/>.</summary>
public sealed record SGDScheduleFreeOptions : ScheduleFreeOptions
{
    /// <summary>The learning rate η, ≥ 0: ten times and more that of <see cref="SGD"/>. Default 1.</summary>
    public override double LearningRate { get; init; } = 1;

    /// <summary>β: how far the point where gradients are taken is from z towards the average; in [1e-15, 1): the average is found by dividing by it. It stands for a momentum. Default 0.9.</summary>
    [Option("momentum", AtLeast = 1e-15, Below = 1)]
    public double Momentum { get; init; } = 0.9;

    /// <summary>In how many steps the rate rises to η, ≥ 0. Default 0.</summary>
    [Option("warmup_steps", AtLeast = 0)]
    public int WarmupSteps { get; init; }
}

/// <summary>Schedule-Free SGD: averages instead of a schedule.</summary>
/// <remarks>
/// <para>
/// n = g + λy;  y ← (1 − c)y + cz − η(1 − β(1 − c))n;  z ← z − ηn, with g taken at y, and c the weight of z in the average x = z + (y − z)/β of all z so far.
/// </para>
/// <para>
/// Defazio et al., "The road less scheduled", 2024. Follows the authors' code. The parameters are y; to evaluate, see <see cref="ScheduleFreeOptimizer{TOptions}.EvalView"/>.
/// </para>
/// </remarks>
/// <param name="groups">Groups of parameters with options of their own.</param>
/// <param name="options">The options; what a group does not override is taken from them. null: the defaults.</param>
/// <exception cref="ArgumentException">No parameters, one twice, or an option out of range.</exception>
[method: OverloadResolutionPriority(1)]
public sealed class SGDScheduleFree(IEnumerable<ParameterGroup<SGDScheduleFreeOptions>> groups, SGDScheduleFreeOptions? options = null) : ScheduleFreeOptimizer<SGDScheduleFreeOptions>(groups, options)
{
    static readonly StateEntry[] Entries = [Z];

    /// <summary>For parameters that share one set of options.</summary>
    /// <inheritdoc cref="SGDScheduleFree(IEnumerable{ParameterGroup{SGDScheduleFreeOptions}}, SGDScheduleFreeOptions)"/>
    public SGDScheduleFree(IEnumerable<Parameter> parameters, SGDScheduleFreeOptions? options = null) : this(Group(parameters), options)
    {
    }

    /// <inheritdoc/>
    protected override IReadOnlyList<StateEntry> StateEntries(Parameter parameter) => Entries;

    /// <inheritdoc/>
    protected override double Interpolation(SGDScheduleFreeOptions options) => options.Momentum;

    /// <inheritdoc/>
    protected override void Update<T>(GroupStep<T> group, SGDScheduleFreeOptions options)
    {
        double rate = options.LearningRate * Warmup(group, options.WarmupSteps);
        double weight = Average(group, options, rate);
        foreach (var x in group)
            x.Apply(new SGDScheduleFreeRule<T>(options, x.Rounding, new(rate, options.Momentum, weight, x.Rounding)), Z);
    }
}

readonly struct SGDScheduleFreeRule<T>(SGDScheduleFreeOptions o, Rounding<T> rounding, ScheduleFreeStep<T> step) : IUpdateRule<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    readonly T sign = T.CreateChecked(o.Maximize ? -1 : 1);
    readonly T decay = T.CreateChecked(o.WeightDecay);
    readonly Rounding<T> rounding = rounding;
    readonly ScheduleFreeStep<T> step = step;

    public static int Slots => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Update<L>(ref Cell<L> x) where L : struct, ILane<L, T>
    {
        var n = rounding.Of(x.Grad * L.Of(sign) + L.Of(decay) * x.Param); // n = g + λy
        x.S0 = step.Take(ref x, x.S0, n);
    }
}
