namespace OptimSharp;

/// <summary>A state dict that was saved, or is about to be loaded. Handlers may change it.</summary>
/// <param name="state">The state dict.</param>
public sealed class StateDictEventArgs(StateDict state) : EventArgs
{
    /// <summary>The state dict.</summary>
    public StateDict State { get; } = state;
}
