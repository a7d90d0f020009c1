namespace OptimSharp;

// A trial, after which everything is as before.
public abstract partial class Optimizer
{
    /// <summary>Throws when what a trial changes can't be put back.</summary>
    internal void CheckForTrial()
    {
        CheckHeld("RateFinder.Run");
        CheckMemory("RateFinder.Run");
        if ((Distributor ?? Mover) is { } distributor)
            throw new InvalidOperationException($"A {distributor.GetType().Name} steps this optimizer on several ranks, which would have to try the same rates: find a rate in one process.");
        if (SwapScope.IsOpenFor(Groups.SelectMany(group => group.Parameters)))
            throw new InvalidOperationException("Averages are swapped into the parameters: dispose the scope of SwapIn first.");
    }

    /// <summary>Lets the optimizer go on with copies of its states.</summary>
    /// <returns>The states, of each of <see cref="Parts"/>.</returns>
    internal Dictionary<object, ParameterState>[] PutStatesAside()
    {
        bool isFresh = true;
        foreach (var part in Parts)
            isFresh &= part.States.Count == 0;
        var saved = isFresh ? null : OptimizerState.Save(this);
        var aside = PutInPlace(parameter => parameter, null);
        if (saved is null)
            return aside;
        try
        {
            var load = new OptimizerLoad(this, saved, new());
            foreach (var part in Parts)
                part.Take([.. load.Groups.Where(g => g.Part == part)], load.States, []);
        }
        catch
        {
            PutInPlace(parameter => parameter, aside);
            throw;
        }
        return aside;
    }

    /// <summary>Keeps what is known of steps that were taken.</summary>
    /// <returns>What puts it back.</returns>
    internal Action KeepCounts()
    {
        Optimizer[] all = [this, .. Parts];
        var before = all.Select(each => (each, each.HasStepped, each.HasSteppedSinceLoading)).ToArray();
        return () =>
        {
            foreach (var (each, stepped, sinceLoading) in before) // one of several sets its parts', so it comes first
            {
                each.HasStepped = stepped;
                each.HasSteppedSinceLoading = sinceLoading;
            }
        };
    }

    /// <summary>Removes groups that a trial added.</summary>
    internal void RemoveAdded(ParameterGroup[] present)
    {
        foreach (var part in Parts)
        {
            if (part.Groups.Any(group => !present.Contains(group)))
                part.SetGroups([.. part.Groups.Where(present.Contains)]);
        }
    }
}
