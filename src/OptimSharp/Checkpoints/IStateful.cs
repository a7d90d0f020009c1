namespace OptimSharp;

/// <summary>
/// An object that can be saved and loaded. Schedulers are; and where a scheduler's function is a method of an object that
/// offers this, the object's state is saved with the scheduler.
/// </summary>
public interface IStateful
{
    /// <summary>A copy of the state.</summary>
    StateDict StateDict();

    /// <summary>Takes a state over. When it throws, nothing was changed.</summary>
    void LoadStateDict(StateDict state);
}
