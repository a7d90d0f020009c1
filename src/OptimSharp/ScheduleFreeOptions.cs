using OptimSharp.Rules;

namespace OptimSharp;

/// <summary>The options that all Schedule-Free optimizers have.</summary>
public abstract record ScheduleFreeOptions : OptimizerOptions
{
    /// <summary>For records of options.</summary>
    protected ScheduleFreeOptions()
    {
    }

    /// <summary>The weight decay λ, ≥ 0: of y, where gradients are taken. Default 0.</summary>
    [Option("weight_decay", AtLeast = 0)]
    public double WeightDecay { get; init; }

    /// <summary>Later points count for more in the average: by the power r of their number, ≥ 0. Default 0: they don't.</summary>
    [Option("r", AtLeast = 0)]
    public double R { get; init; }

    /// <summary>Points with a small rate, in a warm-up, count for less in the average: by this power of the largest rate so far, ≥ 0. Default 2.</summary>
    [Option("weight_lr_power", AtLeast = 0)]
    public double WeightPower { get; init; } = 2;

    /// <summary>Maximizes the objective instead of minimizing it. Default false.</summary>
    [Option("maximize")]
    public bool Maximize { get; init; }
}
