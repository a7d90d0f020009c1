using System.Globalization;

namespace OptimSharp.Schedulers;

/// <summary>Functions from an epoch to a factor: one for all groups, or one for each.</summary>
internal sealed class RateFunctions
{
    readonly Func<long, double>[] functions;
    readonly bool isSame;

    public RateFunctions(Func<long, double> lrLambda)
    {
        ArgumentNullException.ThrowIfNull(lrLambda);
        functions = [lrLambda];
        isSame = true;
    }

    public RateFunctions(IEnumerable<Func<long, double>> lrLambda, Optimizer optimizer)
    {
        ArgumentNullException.ThrowIfNull(lrLambda);
        functions = [.. lrLambda];
        if (functions.Contains(null))
            throw new ArgumentNullException(nameof(lrLambda), "A function of lrLambda is null.");
        if (functions.Length != optimizer.ParameterGroups.Count)
            throw new ArgumentException($"lrLambda must have a function for each of the optimizer's {optimizer.ParameterGroups.Count} parameter groups, but has {functions.Length}.", nameof(lrLambda));
    }

    /// <summary>PyTorch keeps a state for each group.</summary>
    public void Describe(Fields fields, Optimizer optimizer) =>
        fields.Functions(isSame ? [.. Enumerable.Repeat(functions[0], optimizer.ParameterGroups.Count)] : functions, "lr_lambdas");

    public double Value(in RateStep x, LRScheduler scheduler)
    {
        if (!isSame && x.Group >= functions.Length)
            throw new InvalidOperationException($"{scheduler.Title} has {functions.Length} functions, one a parameter group, and none for group {scheduler.Shown(scheduler.NumberAt(x.Group))}, which was added later. Give it one function for all groups, or make a new scheduler.");
        double value = functions[isSame ? 0 : x.Group](x.Epoch);
        return value >= 0 && double.IsFinite(value) ? value : throw new InvalidOperationException(
            $"{(scheduler.Optimizer is ScheduledOption ? $"{scheduler.Title}: its" : $"{scheduler.Title}'s")} function must give a factor ≥ 0 and finite, but gave {value.ToString(CultureInfo.InvariantCulture)} at epoch {x.Epoch} for parameter group {scheduler.Shown(scheduler.NumberAt(x.Group))}.");
    }
}
