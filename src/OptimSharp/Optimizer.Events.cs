using System.Runtime.ExceptionServices;
using OptimSharp.Engine;

namespace OptimSharp;

// What an optimizer tells its handlers.
public abstract partial class Optimizer
{
    /// <summary>Raised before each step of any optimizer, first of all.</summary>
    public static event EventHandler? AnyStepping;

    /// <summary>Raised after each step of any optimizer, last of all. The step stays taken when a handler throws; all handlers are called, and what the first threw comes out of the step.</summary>
    public static event EventHandler? AnyStepped;

    /// <summary>Raised before each step, before its closure runs. The step is not taken when a handler throws, and the handlers after it are not called.</summary>
    public event EventHandler? Stepping;

    /// <summary>Raised after each step. The step stays taken when a handler throws; all handlers are called, and what the first threw comes out of the step.</summary>
    public event EventHandler? Stepped;

    /// <summary>Raised before the state is saved.</summary>
    public event EventHandler? StateSaving;

    /// <summary>Raised after the state was saved, with the state dict that <see cref="StateDict"/> returns: handlers may change it.</summary>
    public event EventHandler<StateDictEventArgs>? StateSaved;

    /// <summary>Raised before a state is loaded, with a copy of the state dict: handlers may change it.</summary>
    public event EventHandler<StateDictEventArgs>? StateLoading;

    /// <summary>Raised after a state was loaded. It stays loaded when a handler throws; all handlers are called, and what the first threw comes out.</summary>
    public event EventHandler? StateLoaded;

    /// <summary>Raises what is raised after a step that was taken.</summary>
    internal void AfterStep()
    {
        Turn.GoTo(Stage.After);
        HasStepped = true;
        Exception? failure = null;
        RaiseStepped(ref failure);
        RaiseAll(AnyStepped, ref failure);
        if (failure is not null)
            ExceptionDispatchInfo.Throw(failure);
    }

    internal virtual void RaiseStepping() => Stepping?.Invoke(this, EventArgs.Empty);

    /// <param name="failure">What a handler threw first, if one did.</param>
    internal virtual void RaiseStepped(ref Exception? failure) => RaiseAll(Stepped, ref failure);

    void RaiseLoaded()
    {
        Exception? failure = null;
        RaiseAll(StateLoaded, ref failure);
        if (failure is not null)
            ExceptionDispatchInfo.Throw(failure);
    }

    /// <summary>Calls all handlers of something that was done, each whatever those before it threw: some keep count of steps.</summary>
    void RaiseAll(EventHandler? handlers, ref Exception? failure)
    {
        foreach (var handler in Delegate.EnumerateInvocationList(handlers))
        {
            try
            {
                handler(this, EventArgs.Empty);
            }
            catch (Exception e)
            {
                failure ??= e;
            }
        }
    }
}
