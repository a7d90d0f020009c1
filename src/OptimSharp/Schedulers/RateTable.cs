namespace OptimSharp.Schedulers;

/// <summary>The rates (and momenta, where they are cycled) of all groups while a step is computed: all are written, or none.</summary>
internal sealed class RateTable(Optimizer optimizer)
{
    static readonly string[] MomentumKeys = ["betas", "beta1", "momentum"];

    public double[] Rates { get; } = [.. optimizer.ParameterGroups.Select(g => g.LearningRate)];

    /// <summary>The momentum, or first beta, of groups in which it is cycled.</summary>
    public double?[] Momenta { get; } = new double?[optimizer.ParameterGroups.Count];

    /// <summary>A rate that a group can have: negative ones are 0, overflow is the largest double.</summary>
    public static double Valid(double rate, LRScheduler scheduler, long epoch, int group) => double.IsNaN(rate)
        ? throw new InvalidOperationException($"{scheduler.Title} has no rate at epoch {epoch} for parameter group {scheduler.Shown(group)}: it is NaN.")
        : Math.Clamp(rate, 0, double.MaxValue);

    /// <summary>Whether a group has a momentum to be cycled.</summary>
    public static bool HasMomentum(ParameterGroup group) => MomentumKey(group) is not null;

    /// <summary>The option that the momentum is: betas, of which it is the first, or else beta1, or else momentum; null when there is none.</summary>
    static string? MomentumKey(ParameterGroup group) => Array.Find(MomentumKeys, group.HasOption);

    public void Write()
    {
        foreach (var (i, group) in optimizer.ParameterGroups.Index())
        {
            group.SetScheduledRate(Rates[i]);
            if (Momenta[i] is { } momentum)
                WriteMomentum(group, momentum);
        }
    }

    /// <summary>Sets β₁, or the momentum where there is no β₁, as near as its range allows.</summary>
    public static void WriteMomentum(ParameterGroup group, double momentum)
    {
        string key = MomentumKey(group)!;
        momentum = group.Nearest(key, momentum);
        if (group[key] is object?[] betas)
        {
            betas[0] = momentum;
            group[key] = betas;
        }
        else
        {
            group[key] = momentum;
        }
    }
}
