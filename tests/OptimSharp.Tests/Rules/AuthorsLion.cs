using System.Numerics;
using System.Runtime.CompilerServices;
using OptimSharp.Rules;

namespace OptimSharp.Tests.Rules;

/// <summary>Options of <see cref="AuthorsLion"/>.</summary>
sealed record AuthorsLionOptions : OptimizerOptions
{
    public override double LearningRate { get; init; } = 1e-4;

    [Option("betas", AtLeast = 0, Below = 1)]
    public (double Beta1, double Beta2) Betas { get; init; } = (0.9, 0.99);

    [Option("weight_decay", AtLeast = 0)]
    public double WeightDecay { get; init; }

    [Option("maximize")]
    public bool Maximize { get; init; }

    [Option("caution")]
    public bool Caution { get; init; }

    [Option("initial_decay", AtLeast = 0)]
    public double InitialDecay { get; init; }

    [Option("step_limit", Above = 0, AllowsInfinity = true)]
    public double StepLimit { get; init; } = double.PositiveInfinity;
}

/// <summary>An optimizer as users write them, with every rule over a rule that there is. Not the library's <see cref="Lion"/>.</summary>
[method: OverloadResolutionPriority(1)]
sealed class AuthorsLion(IEnumerable<ParameterGroup<AuthorsLionOptions>> groups, AuthorsLionOptions? options = null) : Optimizer<AuthorsLionOptions>(groups, options)
{
    static readonly StateEntry ExpAvg = StateEntry.Tensor("exp_avg"), Initial = StateEntry.CopyOfParameter("initial", optional: true);

    public AuthorsLion(IEnumerable<Parameter> parameters, AuthorsLionOptions? options = null) : this(Group(parameters), options)
    {
    }

    protected override IReadOnlyList<StateEntry> StateEntries(Parameter parameter) => [StateEntry.Step, ExpAvg, Initial];

    protected override void Update<T>(GroupStep<T> group, AuthorsLionOptions options)
    {
        foreach (var x in group)
        {
            x.NextStep();
            var rule = new AuthorsLionRule<T>(options);
            if (options.Caution)
                x.ApplyMeasured(new Cautious<AuthorsLionRule<T>, T>(rule, options.Maximize), ExpAvg);
            else if (!double.IsPositiveInfinity(options.StepLimit))
                x.ApplyMeasured(new ClippedStep<AuthorsLionRule<T>, T>(rule, options.StepLimit), ExpAvg);
            else if (options.InitialDecay != 0)
                x.Apply(new TowardsInitial<AuthorsLionRule<T>, T>(rule, options.LearningRate * options.InitialDecay), ExpAvg, Initial);
            else
                x.Apply(rule, ExpAvg);
        }
    }
}

readonly struct AuthorsLionRule<T>(AuthorsLionOptions o) : IUpdateRule<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    readonly T sign = T.CreateChecked(o.Maximize ? -1 : 1);
    readonly T keep = T.CreateChecked(1 - o.LearningRate * o.WeightDecay);
    readonly T lr = T.CreateChecked(o.LearningRate);
    readonly Lerp<T> look = new(1 - o.Betas.Beta1), average = new(1 - o.Betas.Beta2);

    public static int Slots => 1;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Update<L>(ref Cell<L> x) where L : struct, ILane<L, T>
    {
        var g = x.Grad * L.Of(sign);
        x.Param *= L.Of(keep);
        x.Step = L.Of(lr) * L.Sign(look.Between(x.S0, g));
        x.S0 = average.Between(x.S0, g);
    }
}
