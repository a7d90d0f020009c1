using OptimSharp.Engine;
using OptimSharp.Rules;

namespace OptimSharp;

// What several ranks need that step one optimizer together.
public abstract partial class Optimizer
{
    /// <summary>What steps it on several ranks; null: nothing does.</summary>
    internal object? Distributor { get; set; }

    /// <summary>What moves its parameters between its steps, on this rank as on others; null: nothing does.</summary>
    internal object? Mover { get; set; }

    /// <summary>Done each time that a closure has computed gradients.</summary>
    internal Action? AfterClosure { get; set; }

    /// <summary>Whether a closure computes the gradients in the step that was begun last.</summary>
    internal bool Evaluates { get; private set; }

    /// <summary>
    /// Puts other parameters in the places of those that it has, which stand for the same: parts of them, or them again. States are the caller's business.
    /// </summary>
    /// <param name="match">Gives the parameter for a place.</param>
    /// <param name="states">The states of each of <see cref="Parts"/>, by the new parameters' identities; null: none.</param>
    /// <returns>The states that there were.</returns>
    internal Dictionary<object, ParameterState>[] PutInPlace(Func<Parameter, Parameter> match, Dictionary<object, ParameterState>[]? states)
    {
        var before = new Dictionary<object, ParameterState>[Parts.Length];
        for (int i = 0; i < before.Length; i++)
        {
            var part = Parts[i];
            foreach (var group in part.Groups)
            {
                foreach (ref var place in group.ParameterArray.AsSpan())
                    place = match(place);
            }
            (before[i], part.States) = (part.States, states?[i] ?? []);
            part.Context.Forget();
        }
        Context.Forget();
        return before;
    }

    /// <summary>
    /// Which parameters get rules over whole tensors or rows, with the options as they are now: plans a step and takes it back. All parameters are parts that are elsewhere, so that nothing is
    /// made for them.
    /// </summary>
    internal IReadOnlyCollection<Parameter> FindWhole()
    {
        using var turn = Turn.Enter("DistributedOptimizer", within: 0);
        var found = Context.NeedWhole = [];
        try
        {
            Context.Begin(Parts);
            for (int i = 0; i < Parts.Length; i++)
                Parts[i].Plan(Context, Context.GoTo(i));
        }
        finally
        {
            Context.End();
            Context.NeedWhole = null;
        }
        return found;
    }

    /// <summary>A state of a parameter as state dicts have it.</summary>
    internal StateDict SaveState(ParameterState state, ParameterGroup group, Parameter parameter, Func<StateTensor, StateEntry, object>? save = null) =>
        OptimizerState.Save(state, PartOf(group).AllEntriesOf(parameter), save);
}
