namespace OptimSharp.Schedulers;

/// <summary>What the two schedulers that cycle momentum have in common.</summary>
internal static class CycledMomentum
{
    /// <summary>Whether it is the first beta, for there is no momentum.</summary>
    public static bool IsBeta(Optimizer optimizer) => optimizer.ParameterGroups.All(g => g.HasOption("betas") || g.HasOption("beta1"));

    public static void CheckSupport(Optimizer optimizer, string argument)
    {
        if (!optimizer.ParameterGroups.All(RateTable.HasMomentum))
            throw new ArgumentException($"{argument} needs an optimizer with momentum or betas, but {(optimizer is ScheduledOption option ? $"'{option.Path}'" : optimizer.GetType().Name)} has none; give {argument}: false.", argument);
    }

    /// <summary>What PyTorch puts into a group.</summary>
    public static void Prepare(ParameterGroup group, double baseMomentum, double maxMomentum, bool resumes)
    {
        if (resumes)
            return;
        RateTable.WriteMomentum(group, maxMomentum);
        group.Extras["max_momentum"] = maxMomentum;
        group.Extras["base_momentum"] = baseMomentum;
    }
}
