namespace OptimSharp.Distributed;

/// <summary>Options of <see cref="DiLoCo"/>: the same on all ranks.</summary>
public sealed record DiLoCoOptions
{
    /// <summary>H, ≥ 1: after how many steps of its own a rank meets the others. Default 100; the paper has 500.</summary>
    public int Steps { get; init; } = 100;

    /// <summary>The rate of the step that all take together, ≥ 0. Default 0.7. With 1, and <see cref="Momentum"/> 0, the parameters become the ranks' mean: local SGD.</summary>
    public double LearningRate { get; init; } = 0.7;

    /// <summary>μ, ≥ 0: the momentum of that step, Nesterov's. Default 0.9.</summary>
    public double Momentum { get; init; } = 0.9;
}
