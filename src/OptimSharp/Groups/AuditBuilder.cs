namespace OptimSharp;

/// <summary>Collects an audit's rows, optimizer by optimizer.</summary>
internal sealed class AuditBuilder
{
    const string ByOptimizer = "the optimizer's options", ByGroup = "its parameter group", Later = "set later", Scheduled = ", scheduled";

    readonly List<AuditRow> rows = [];
    readonly List<(Optimizer Optimizer, FrozenParameter Frozen)> frozen = [];
    readonly HashSet<object> trained = [];
    readonly AuditWarnings warnings = new();
    int groups;

    /// <summary>Adds the parameters of an optimizer's group.</summary>
    /// <param name="optimizer">The optimizer that steps them.</param>
    /// <param name="group">The group.</param>
    /// <param name="defaults">The optimizer's options.</param>
    public void Add(Optimizer optimizer, ParameterGroup group, OptimizerOptions defaults)
    {
        foreach (var parameter in group.Parameters)
        {
            var trace = optimizer.TraceOf(parameter);
            var options = group.OptionKeys.Concat(OptimizerOptions.OfThisProcess)
                .Select(key => (Key: key, Value: group.ValueIn(group.CurrentOptions, key)))
                .Where(option => !Same(option.Value, group.ValueIn(optimizer.StandardOptions, option.Key)))
                .Select(option => new AuditOption(option.Key, option.Value, Source(group, option.Key, option.Value, trace, defaults)));
            rows.Add(Row(parameter, optimizer, groups, [.. options], null));
            trained.Add(parameter.Identity);
        }
        warnings.Look(optimizer, group);
        groups++;
    }

    /// <summary>Adds what rules froze. What another optimizer of several trains is not frozen.</summary>
    public void AddFrozen(Optimizer optimizer) => frozen.AddRange(optimizer.Frozen.Select(one => (optimizer, one)));

    public OptimizerAudit Build()
    {
        foreach (var (optimizer, (parameter, rule)) in frozen.Where(one => trained.Add(one.Frozen.Parameter.Identity)))
        {
            rows.Add(Row(parameter, optimizer, null, [], rule));
            warnings.LookAtFrozen(parameter);
        }
        return new(rows, warnings.Texts);
    }

    static AuditRow Row(Parameter parameter, Optimizer optimizer, int? group, IReadOnlyList<AuditOption> options, string? frozenBy) =>
        new(parameter.Name, parameter.Shape.ToArray(), parameter.Count, optimizer.GetType().Name, group, options, frozenBy);

    /// <summary>Where a value comes from: from where the group had it when it was made, if it still has it.</summary>
    static string Source(ParameterGroup group, string key, object? value, RuleTrace? trace, OptimizerOptions defaults)
    {
        object? made = group.ValueIn(trace?.Options ?? group.AsMade ?? defaults, key);
        string by = trace is not null ? trace.RuleOf.GetValueOrDefault(key, ByOptimizer) : Same(made, group.ValueIn(defaults, key)) ? ByOptimizer : ByGroup;
        return Same(value, made) ? by
            : key == KnownOptions.LearningRate && group.IsRateScheduled && group.InitialLearningRate is { } initial && Same(initial, made) ? by + Scheduled
            : Later;
    }

    static bool Same(object? one, object? other) => OptionDescriptor.Text(one) == OptionDescriptor.Text(other);
}
