using OptimSharp.Engine;

namespace OptimSharp;

// The memory that an optimizer holds, or would hold.
public abstract partial class Optimizer
{
    /// <summary>
    /// The memory of the parameters, of the gradients that are there, and of the state, in bytes: by group, by name and by precision. State is made in the first step with a gradient. For parameters that are
    /// <see cref="Parameter.Meta"/> it is what they would take after one.
    /// </summary>
    /// <example><code>Console.WriteLine(optimizer.MemoryReport());</code></example>
    /// <exception cref="InvalidOperationException">A tensor was disposed. Or another thread is using the optimizer.</exception>
    /// <exception cref="ObjectDisposedException">The optimizer was disposed.</exception>
    public MemoryReport MemoryReport()
    {
        using var turn = Turn.Enter("MemoryReport", within: Stage.Before | Stage.Evaluating | Stage.After);
        bool isPlan = HasMeta;
        var planned = isPlan ? MetaStates() : [];
        var count = new MemoryCount();
        foreach (var (i, group) in Groups.Index())
        {
            var part = PartOf(group);
            string owner = part.GetType().Name;
            count.Add(owner, i, group.ParameterArray);
            ParameterState[] states = [.. group.ParameterArray.Select(p => planned.GetValueOrDefault(p.Identity) ?? part.StateOf(p.Identity)).OfType<ParameterState>()];
            foreach (var (key, tensor) in states.SelectMany(state => state.AllTensors))
                count.Add(MemoryUse.State, owner, i, key, tensor);
        }
        return new(count.Entries, isPlan, isPlan && NeedsClosure);
    }

    /// <summary>Whether a parameter has no memory behind it.</summary>
    internal bool HasMeta => Groups.Any(group => Array.Exists(group.ParameterArray, p => p.IsMeta));

    /// <summary>The states that parameters without memory would have, by identity.</summary>
    internal virtual Dictionary<object, ParameterState> MetaStates() => new StepContext().MetaStates(Parts);

    /// <summary>Throws for parameters that have no memory.</summary>
    void CheckMemory(string call)
    {
        foreach (var group in Groups)
        {
            if (Array.Find(group.ParameterArray, p => p.IsMeta) is { } meta)
                throw MetaParameter.Refused(meta, call);
        }
    }
}
