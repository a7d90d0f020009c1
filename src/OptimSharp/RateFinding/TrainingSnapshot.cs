using System.Runtime.ExceptionServices;
using OptimSharp.Engine;

namespace OptimSharp;

/// <summary>An optimizer with its parameters, and what goes with them, as they are now: to be put back after a trial.</summary>
sealed class TrainingSnapshot : IDisposable
{
    readonly Optimizer optimizer;
    readonly (Parameter Parameter, StateTensor Values)[] parameters;
    readonly OptimizerSnapshot state;
    readonly (IStateful Owner, StateDict State)[] others;

    /// <exception cref="InvalidOperationException">The optimizer can't be put back as it is now. Nothing has changed.</exception>
    public TrainingSnapshot(Optimizer optimizer, IEnumerable<IStateful> others)
    {
        this.optimizer = optimizer;
        using (optimizer.Turn.Enter("RateFinder.Run", within: 0))
            optimizer.CheckForTrial();
        this.others = [.. others.Select(owner => (owner, owner.StateDict()))];
        optimizer.ZeroGrad();
        using (optimizer.Turn.Enter("RateFinder.Run", within: 0))
        {
            parameters = Copy([.. optimizer.ParameterGroups.SelectMany(group => group.Parameters)]);
            try
            {
                state = new(optimizer);
            }
            catch
            {
                Dispose();
                throw;
            }
        }
    }

    /// <summary>Puts everything back: what can be, whatever else can't.</summary>
    public void Restore()
    {
        Exception? failure = null;
        foreach (var (owner, saved) in others) // first: loading a scheduler writes to the optimizer's groups
            Attempt(() => owner.LoadStateDict(saved));
        foreach (var (parameter, values) in parameters)
            Attempt(() => parameter.CopyFrom(values));
        Attempt(state.Restore);
        if (!optimizer.Turn.IsDisposed)
            Attempt(() => optimizer.ZeroGrad());
        if (failure is not null)
            ExceptionDispatchInfo.Throw(failure);

        void Attempt(Action action)
        {
            try
            {
                action();
            }
            catch (Exception e)
            {
                failure ??= e;
            }
        }
    }

    /// <summary>Frees the copies.</summary>
    public void Dispose()
    {
        foreach (var (_, values) in parameters)
            values.Dispose();
    }

    static (Parameter, StateTensor)[] Copy(Parameter[] parameters)
    {
        var copies = new List<(Parameter, StateTensor)>();
        try
        {
            foreach (var parameter in parameters)
            {
                var values = parameter.Backend.CreateState(parameter, parameter.HeldShape, parameter.ElementType);
                copies.Add((parameter, values));
                parameter.CopyTo(values);
            }
        }
        catch
        {
            foreach (var (_, values) in copies)
                values.Dispose();
            throw;
        }
        return [.. copies];
    }
}
