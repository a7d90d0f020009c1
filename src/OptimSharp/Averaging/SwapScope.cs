using System.Runtime.ExceptionServices;
using OptimSharp.Engine;

namespace OptimSharp;

/// <summary>What can take the place of parameters' values for a while.</summary>
interface ISwapSource
{
    /// <summary>The parameters.</summary>
    ReadOnlySpan<Parameter> Live { get; }

    /// <summary>Gives a parameter its other values.</summary>
    void PutInto(int index);

    /// <summary>Takes the parameters anew when some were disposed.</summary>
    void Refresh();
}

/// <summary>
/// Averages, or another point, in the place of parameters, and the parameters' values until they come back. Scopes of the same parameters may be closed in any order: a
/// scope that is closed while later ones are open gives the values it kept to the next of them.
/// </summary>
sealed class SwapScope : IDisposable
{
    static readonly Lock Gate = new();
    static readonly List<SwapScope> Scopes = []; // those that are open, in the order of opening
    static readonly List<Holding> Holdings = [];

    readonly ISwapSource owner;
    readonly StateTensor?[] kept; // null once given back

    SwapScope(ISwapSource owner)
    {
        this.owner = owner;
        kept = new StateTensor?[owner.Live.Length];
    }

    public static SwapScope Open(ISwapSource owner)
    {
        var scope = new SwapScope(owner);
        lock (Gate)
        {
            try
            {
                for (int i = 0; i < scope.kept.Length; i++)
                {
                    var parameter = owner.Live[i];
                    parameter.CopyTo(scope.kept[i] = parameter.Backend.CreateState(parameter, parameter.HeldShape, parameter.ElementType));
                }
            }
            catch
            {
                foreach (var tensor in scope.kept)
                    tensor?.Dispose();
                throw;
            }
            Scopes.Add(scope);
            try
            {
                for (int i = 0; i < scope.kept.Length; i++)
                    owner.PutInto(i);
            }
            catch
            {
                scope.Dispose();
                throw;
            }
        }
        ParameterPart.Spread(owner.Live); // not within the lock: ranks may be threads
        return scope;
    }

    /// <summary>Says that these parameters hold something else until the result is disposed, which gives nothing back.</summary>
    public static IDisposable Hold(IReadOnlyCollection<Parameter> parameters)
    {
        var holding = new Holding(parameters.Select(p => p.Identity).ToHashSet());
        lock (Gate)
            Holdings.Add(holding);
        return holding;
    }

    /// <summary>Whether any of these parameters holds something else now.</summary>
    public static bool IsOpenFor(IEnumerable<Parameter> parameters)
    {
        lock (Gate)
        {
            foreach (var holding in Holdings)
            {
                if (parameters.Any(p => holding.Identities.Contains(p.Identity)))
                    return true;
            }
            foreach (var scope in Scopes)
            {
                foreach (var parameter in parameters)
                {
                    if (scope.Find(parameter) >= 0)
                        return true;
                }
            }
        }
        return false;
    }

    /// <summary>Gives the parameters their values back.</summary>
    /// <exception cref="InvalidOperationException">A parameter is gone: its tensor was disposed, as by moving the model. All others got their values.</exception>
    public void Dispose()
    {
        Exception? failure = null;
        var lost = new List<Parameter>();
        bool isModelGone = false;
        lock (Gate)
        {
            int place = Scopes.IndexOf(this);
            if (place < 0)
                return;
            Scopes.RemoveAt(place);
            try
            {
                owner.Refresh();
            }
            catch (Exception) // the model was disposed: the parameters that still can be written get their values back
            {
                isModelGone = true;
            }
            for (int i = 0; i < kept.Length; i++)
            {
                try
                {
                    if (!GiveBack(i, place))
                        lost.Add(owner.Live[i]);
                }
                catch (Exception e) // the others come first
                {
                    failure ??= e;
                }
            }
        }
        ParameterPart.Spread(owner.Live);
        if (failure is not null)
            ExceptionDispatchInfo.Throw(failure);
        if (lost.Count > 0 && !isModelGone)
            throw Lost(lost);
    }

    /// <summary>What to say at the end of a scope when parameters are gone.</summary>
    public static InvalidOperationException Lost(IReadOnlyCollection<Parameter> parameters) => new(
        $"The values that these had before the scope can't be put back, because their tensors were disposed in it: {string.Join(", ", parameters)}. "
        + "module.to(…) gives a module new parameters, which now hold what the scope put there. Move models outside of such scopes, and load these values from a checkpoint.");

    /// <param name="i">Which parameter.</param>
    /// <param name="place">From where on scopes were opened later than this one.</param>
    /// <returns>False when the parameter is gone.</returns>
    bool GiveBack(int i, int place)
    {
        if (kept[i] is not { } values)
            return true;
        var parameter = owner.Live[i];
        for (int k = place; k < Scopes.Count; k++)
        {
            if (Scopes[k].Find(parameter) is >= 0 and var match)
            {
                Scopes[k].kept[match]?.Dispose(); // what we had put there
                Scopes[k].kept[match] = values;
                return true;
            }
        }
        bool isThere = parameter.IsUsable;
        if (isThere)
            parameter.CopyFrom(values);
        values.Dispose();
        kept[i] = null;
        return isThere;
    }

    int Find(Parameter parameter)
    {
        for (int i = 0; i < kept.Length; i++)
        {
            if (owner.Live[i].Identity.Equals(parameter.Identity))
                return i;
        }
        return -1;
    }

    sealed class Holding(HashSet<object> identities) : IDisposable
    {
        public HashSet<object> Identities => identities;

        public void Dispose()
        {
            lock (Gate)
                Holdings.Remove(this);
        }
    }
}
