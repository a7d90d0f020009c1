namespace OptimSharp;

// Who got what, and by which rule.
public abstract partial class Optimizer
{
    readonly Dictionary<object, RuleTrace> traces = [];
    readonly List<FrozenParameter> frozen = [];

    /// <summary>
    /// What each parameter has now: its group, its algorithm, its options that are not the algorithm's defaults, and which rule gave them; what is frozen; and what is probably not meant. It is a copy: later changes do not
    /// show in it.
    /// </summary>
    /// <exception cref="InvalidOperationException">Another thread is using the optimizer.</exception>
    /// <exception cref="ObjectDisposedException">The optimizer was disposed.</exception>
    public OptimizerAudit Audit()
    {
        using var turn = UseGradients("Audit");
        var audit = new AuditBuilder();
        Audit(audit);
        return audit.Build();
    }

    /// <summary>Adds the groups and what is frozen.</summary>
    internal abstract void Audit(AuditBuilder audit);

    /// <summary>The parameters that rules keep out of the groups.</summary>
    internal IReadOnlyList<FrozenParameter> Frozen => frozen;

    /// <summary>Which rules gave a parameter its options; null: none did. A parameter that took another's place has its name.</summary>
    internal RuleTrace? TraceOf(Parameter parameter) => traces.TryGetValue(parameter.Identity, out var trace) ? trace
        : parameter.Name.Length > 0 && traces.Values.Where(t => t.Parameter.Name == parameter.Name).Take(2).ToArray() is [var one] ? one : null;

    private protected void Remember(IReadOnlyList<RuleTrace> added, IReadOnlyList<FrozenParameter> nowFrozen, IReadOnlyList<Parameter> told)
    {
        foreach (var trace in added)
            traces[trace.Parameter.Identity] = trace;
        var known = told.Select(p => p.Identity).ToHashSet();
        frozen.RemoveAll(f => known.Contains(f.Parameter.Identity)); // of those, the rules have said anew
        frozen.AddRange(nowFrozen);
    }

    /// <summary>Puts other parameters in the place of frozen ones with the same names, and tells these names.</summary>
    IEnumerable<string> RebindFrozen(Dictionary<string, Parameter> byName)
    {
        for (int i = 0; i < frozen.Count; i++)
        {
            if (byName.TryGetValue(frozen[i].Parameter.Name, out var match))
                frozen[i] = frozen[i] with { Parameter = match };
        }
        return frozen.Select(f => f.Parameter.Name);
    }
}
