namespace OptimSharp;

/// <summary>A state dict does not hold what is asked of it. Whatever was being loaded is as it was before.</summary>
public sealed class StateDictException : ArgumentException
{
    /// <param name="path">The path of the entry.</param>
    /// <param name="reason">What is wrong with it, as the rest of a sentence.</param>
    public StateDictException(string path, string reason) : base($"State '{path}' {reason}.") => Path = path;

    /// <summary>The path of the entry: <c>_schedulers[1].gamma</c>.</summary>
    public string Path { get; }
}
