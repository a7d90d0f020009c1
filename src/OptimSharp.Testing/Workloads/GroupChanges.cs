namespace OptimSharp.Testing;

/// <summary>What needs the type of an optimizer's options.</summary>
internal abstract class GroupChanges
{
    public static GroupChanges For(Optimizer optimizer)
    {
        if (optimizer is CombinedOptimizer)
            return new CombinedChanges();
        for (var type = optimizer.GetType(); type is not null; type = type.BaseType)
        {
            if (type.IsGenericType && type.GetGenericTypeDefinition() == typeof(Optimizer<>))
                return (GroupChanges)Activator.CreateInstance(typeof(GroupChanges<>).MakeGenericType(type.GetGenericArguments()))!;
        }
        throw new ArgumentException($"{optimizer.GetType()} is no optimizer with options.", nameof(optimizer));
    }

    /// <summary>Lets all groups keep their state in this precision, from their first step on.</summary>
    public abstract void SetPrecision(Optimizer optimizer, StatePrecision precision);

    /// <summary>Lets all groups keep bfloat16 parameters so.</summary>
    public abstract void SetPrecision(Optimizer optimizer, ParameterPrecision precision);

    /// <summary>Adds a group that has the defaults with another rate.</summary>
    public abstract void AddGroup(Optimizer optimizer, IEnumerable<Parameter> parameters, double rate);
}

sealed class GroupChanges<TOptions> : GroupChanges
    where TOptions : OptimizerOptions, new()
{
    public override void SetPrecision(Optimizer optimizer, StatePrecision precision)
    {
        foreach (var group in ((Optimizer<TOptions>)optimizer).ParameterGroups)
            group.Options = group.Options with { StatePrecision = precision };
    }

    public override void SetPrecision(Optimizer optimizer, ParameterPrecision precision)
    {
        foreach (var group in ((Optimizer<TOptions>)optimizer).ParameterGroups)
            group.Options = group.Options with { ParameterPrecision = precision };
    }

    public override void AddGroup(Optimizer optimizer, IEnumerable<Parameter> parameters, double rate)
    {
        var typed = (Optimizer<TOptions>)optimizer;
        var (state, kept) = (typed.ParameterGroups[0].Options.StatePrecision, typed.ParameterGroups[0].Options.ParameterPrecision);
        typed.AddParameterGroup(new(parameters, defaults => defaults with { LearningRate = rate, StatePrecision = state, ParameterPrecision = kept }));
    }
}

sealed class CombinedChanges : GroupChanges
{
    public override void SetPrecision(Optimizer optimizer, StatePrecision precision)
    {
        foreach (var part in ((CombinedOptimizer)optimizer).Optimizers)
            For(part).SetPrecision(part, precision);
    }

    public override void SetPrecision(Optimizer optimizer, ParameterPrecision precision)
    {
        foreach (var part in ((CombinedOptimizer)optimizer).Optimizers)
            For(part).SetPrecision(part, precision);
    }

    public override void AddGroup(Optimizer optimizer, IEnumerable<Parameter> parameters, double rate)
    {
        var first = ((CombinedOptimizer)optimizer).Optimizers[0];
        For(first).AddGroup(first, parameters, rate);
    }
}
