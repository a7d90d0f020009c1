namespace OptimSharp;

/// <summary>What the optimizers that find their rate have in common: one estimate for all groups.</summary>
static class FoundRate
{
    /// <summary>The rate of all groups, but for those with 0.</summary>
    /// <param name="optimizer">The optimizer.</param>
    /// <param name="agree">Whether two groups' options go with one estimate.</param>
    /// <param name="shared">The options by which they must agree, as a list in words.</param>
    /// <param name="advice">What else gives a group a rate of its own, as a sentence after a space; or nothing.</param>
    /// <exception cref="InvalidOperationException">The groups' options exclude one estimate.</exception>
    public static double OfAll<TOptions>(Optimizer<TOptions> optimizer, Func<TOptions, TOptions, bool> agree, string shared, string advice = "") where TOptions : OptimizerOptions, new()
    {
        double rate = 0;
        for (int i = 0; i < optimizer.ParameterGroups.Count; i++)
        {
            var options = optimizer.ParameterGroups[i].Options;
            if (!agree(options, optimizer.ParameterGroups[0].Options))
                throw new InvalidOperationException($"All groups of {optimizer.GetType().Name} share one estimate, so {shared} must be the same in all, but they differ in groups 0 and {i}.");
            if (options.LearningRate != 0 && rate != 0 && options.LearningRate != rate)
                throw new InvalidOperationException($"All groups of {optimizer.GetType().Name} share one estimate, so their rates must be the same, or 0, but that of group {i} differs from those before it.{advice}");
            rate = Math.Max(rate, options.LearningRate);
        }
        return rate;
    }

    /// <summary>The same for the groups that an optimizer is made with.</summary>
    /// <param name="rate">Asks for the rate of all groups.</param>
    /// <param name="argument">The argument that the groups came as.</param>
    /// <exception cref="ArgumentException">The groups' options exclude one estimate.</exception>
    public static void Check(Func<double> rate, string argument)
    {
        try
        {
            rate();
        }
        catch (InvalidOperationException e)
        {
            throw new ArgumentException(e.Message, argument, e);
        }
    }
}
