using OptimSharp.Engine;

namespace OptimSharp;

// Other parameters in the place of those that it has.
public abstract partial class Optimizer
{
    /// <summary>
    /// Puts other parameters in the place of those with the same names, with their state and options. For use after
    /// <c>module.to(…)</c>, which leaves a TorchSharp module with new parameters:
    /// <c>optimizer.Rebind(model.Parameters())</c>. State moves to the new parameters' device and type.
    /// </summary>
    /// <exception cref="ArgumentException">Names are missing or not unique, a shape differs, or parameters are the same tensor or share memory. Nothing was changed.</exception>
    /// <exception cref="InvalidOperationException">Another thread is using the optimizer, or this is within the closure of a <see cref="ClosureOptimizer{TOptions}"/>. Nothing was changed.</exception>
    /// <exception cref="ObjectDisposedException">The optimizer was disposed.</exception>
    /// <remarks>Parameters that the optimizer does not have are left out, and a warning (<see cref="Warnings"/>) names them: weights that were tied may have come apart when the module was moved.</remarks>
    public void Rebind(IEnumerable<Parameter> parameters)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        using var turn = Turn.Enter("Rebind", within: Stage.Before | Stage.After);
        CheckHeld("Rebind");
        var byName = new Dictionary<string, Parameter>();
        foreach (var parameter in parameters)
        {
            if (parameter is null)
                throw new ArgumentNullException(nameof(parameters), "A parameter is null.");
            if (parameter.Name.Length == 0 || !byName.TryAdd(parameter.Name, parameter))
                throw new ArgumentException($"Parameters are matched by name, but {parameter} has none, or one that came before.", nameof(parameters));
        }
        var old = Groups.SelectMany(g => g.Parameters).ToArray();
        if (old.GroupBy(p => p.Name).FirstOrDefault(g => g.Count() > 1 || g.Key.Length == 0) is { } unclear)
            throw new ArgumentException($"Parameters are matched by name, but the optimizer has {unclear.Count()} with the name '{unclear.Key}'.", nameof(parameters));
        foreach (var group in Groups)
        {
            foreach (var parameter in group.Parameters)
            {
                if (!byName.TryGetValue(parameter.Name, out var match))
                    throw new ArgumentException($"The optimizer's parameter {parameter} has no match of its name.", nameof(parameters));
                if (!match.Shape.SequenceEqual(parameter.Shape))
                    throw new ArgumentException($"Parameter {parameter} can't be replaced by {match}: the shape differs.", nameof(parameters));
                if (match.IsMeta && !parameter.IsMeta)
                    throw new ArgumentException($"Parameter {parameter} can't be replaced by one that is meta: its numbers and its state would be lost.", nameof(parameters));
                PartOf(group).CheckKind(match);
                if (group.CurrentOptions.Precisions.Refusal(PartOf(group), match) is { } refusal)
                    throw new ArgumentException(refusal, nameof(parameters));
                if (ParameterStorage.Refusal(PartOf(group), match, group.CurrentOptions.ParameterPrecision) is { } unkept)
                    throw new ArgumentException(unkept, nameof(parameters));
            }
        }
        Parameter[] taken = [.. old.Select(p => byName[p.Name])], besides = [.. OfOthers()];
        if (taken.Concat(besides).GroupBy(p => p.Identity).FirstOrDefault(g => g.Count() > 1) is { } twice)
            throw new ArgumentException($"Parameters {string.Join(" and ", twice)} are the same tensor: it would be stepped twice.", nameof(parameters));
        MemoryOverlap.Refuse(taken.Concat(besides), nameof(parameters));

        var frozenNames = new List<string>();
        foreach (var part in Parts)
        {
            part.PutInPlace(byName);
            frozenNames.AddRange(part.RebindFrozen(byName));
        }
        Context.Forget();
        string[] leftOut = [.. byName.Keys.Except(old.Select(p => p.Name)).Except(frozenNames)];
        if (leftOut.Length > 0)
            Warnings.Raise(this, $"Rebind was given parameters that the optimizer does not have and does not train: {string.Join(", ", leftOut)}. If they were tied to others before, tie them again first; else give the optimizer's own only.");
    }

    /// <summary>Throws <see cref="ArgumentException"/> for a parameter that the optimizer can't have, whatever its options.</summary>
    internal abstract void CheckKind(Parameter parameter);

    void PutInPlace(Dictionary<string, Parameter> byName)
    {
        var states = new Dictionary<object, ParameterState>();
        foreach (var group in Groups)
        {
            foreach (ref var place in group.ParameterArray.AsSpan())
            {
                var match = byName[place.Name];
                match.HasStateOnHost |= place.HasStateOnHost;
                if (States.TryGetValue(place.Identity, out var state))
                {
                    if (match.Backend != place.Backend || match.ElementType != place.ElementType || !match.Backend.AreTogether(match, place))
                        state.MoveTo(match, group.CurrentOptions.Precisions);
                    states[match.Identity] = state;
                }
                place = match;
            }
        }
        States = states;
        Context.Forget();
    }

    /// <summary>The parameters of the optimizers that it is stepped together with.</summary>
    IEnumerable<Parameter> OfOthers() => CombinedIn is { } combined ? combined.Groups.Except(Groups).SelectMany(g => g.Parameters) : [];
}
