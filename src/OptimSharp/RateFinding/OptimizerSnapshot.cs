namespace OptimSharp;

/// <summary>
/// What an optimizer remembers, kept aside while it goes on with a copy. The states themselves come back, not copies of them.
/// </summary>
sealed class OptimizerSnapshot
{
    readonly Optimizer optimizer;
    readonly Dictionary<object, ParameterState>[] states; // by its parts
    readonly ParameterGroup[] groups;
    readonly Action[] restores;

    public OptimizerSnapshot(Optimizer optimizer)
    {
        this.optimizer = optimizer;
        groups = [.. optimizer.ParameterGroups];
        restores = [optimizer.KeepCounts(), .. groups.Select(group => group.Keep())];
        states = optimizer.PutStatesAside();
    }

    public void Restore()
    {
        if (optimizer.Turn.IsDisposed)
        {
            foreach (var state in states.SelectMany(part => part.Values))
                state.Dispose();
            return;
        }
        using var turn = optimizer.Turn.Enter("RateFinder.Run", within: 0);
        foreach (var state in optimizer.PutInPlace(parameter => parameter, states).SelectMany(part => part.Values))
            state.Dispose(); // the copies
        optimizer.RemoveAdded(groups);
        foreach (var restore in restores)
            restore();
    }
}
