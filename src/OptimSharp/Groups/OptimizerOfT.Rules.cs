using OptimSharp.Engine;

namespace OptimSharp;

// Groups that rules make.
public abstract partial class Optimizer<TOptions>
{
    /// <summary>
    /// Adds the parameters under rules that the optimizer does not have yet, in groups that the rules make of its <see cref="Defaults"/>: layers that are thawed during training, say. Those that it has stay in their groups, as
    /// these are now; so the rules can be told of all parameters again.
    /// </summary>
    /// <remarks>
    /// Gradients of the parameters that are added are dropped, as <see cref="Optimizer.ZeroGrad"/> does: of frozen ones they are what came together since nobody zeroed them any more. Schedulers let the groups join where the
    /// schedule is by <see cref="Schedulers.LRScheduler.IncludeAddedGroups"/>.
    /// </remarks>
    /// <param name="parameters">The parameters: <c>rules.Thaw("encoder.**").Of(model.Parameters())</c>.</param>
    /// <exception cref="ArgumentException">
    /// The rules leave nothing to add, freeze a parameter that the optimizer has, or would be refused when the optimizer is made; a parameter can't be had, or shares memory with another one. Nothing was added.
    /// </exception>
    /// <exception cref="InvalidOperationException">Another thread is using the optimizer, or this is within the closure of a <see cref="ClosureOptimizer{TOptions}"/>. Nothing was added.</exception>
    /// <exception cref="ObjectDisposedException">The optimizer was disposed.</exception>
    public void AddParameterGroups(RuledParameters<TOptions> parameters)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        using var turn = Turn.Enter("AddParameterGroups", within: Stage.Before | Stage.After);
        var own = groups.SelectMany(g => g.Parameters).Select(p => p.Identity).ToHashSet();
        var ruled = parameters.Resolve(Defaults, p => own.Contains(p.Identity));
        IReadOnlyList<ParameterGroup> present = CombinedIn?.ParameterGroups ?? groups;
        MemoryOverlap.Refuse(present.Concat(ruled.Groups).SelectMany(g => g.Parameters).DistinctBy(p => p.Identity), nameof(parameters));
        var placed = present.Index().SelectMany(x => x.Item.Parameters, (x, p) => (Parameter: p, Group: x.Index)).ToDictionary(x => x.Parameter.Identity);
        int before = groups.Count;
        try
        {
            foreach (var group in ruled.Groups)
                Add(group, placed);
        }
        catch
        {
            foreach (var group in groups[before..])
                group.Detach();
            groups.RemoveRange(before, groups.Count - before);
            throw;
        }
        foreach (var group in ruled.Groups)
        {
            group.IsAddedByRules = true;
            foreach (var parameter in group.Parameters)
                parameter.ZeroGrad(setToNull: true); // nobody took what came together while it was frozen
        }
        Remember(ruled.Traces, ruled.Frozen, ruled.All);
    }

    /// <summary>The groups themselves, or those that rules make.</summary>
    IEnumerable<ParameterGroup<TOptions>> FromRules(IEnumerable<ParameterGroup<TOptions>> groups)
    {
        if (groups is not RuledParameters<TOptions> parameters)
            return groups;
        var ruled = parameters.Resolve(Defaults, _ => false);
        Remember(ruled.Traces, ruled.Frozen, ruled.All);
        return ruled.Groups;
    }

    internal override void Audit(AuditBuilder audit)
    {
        foreach (var group in groups)
            audit.Add(this, group, Defaults);
        audit.AddFrozen(this);
    }
}
