namespace OptimSharp;

/// <summary>What a <see cref="CheckpointDirectory"/> keeps, and how its files are named.</summary>
public sealed record CheckpointDirectoryOptions
{
    /// <summary>How many checkpoints with the highest steps are kept, at least 1. Default 3.</summary>
    public int KeepLast { get; init; } = 3;

    /// <summary>How many checkpoints with the best metrics are kept besides, at least 0. Default 1.</summary>
    public int KeepBest { get; init; } = 1;

    /// <summary>Whether a higher metric is a better one, as an accuracy; false for a loss. Default false.</summary>
    public bool HigherIsBetter { get; init; }

    /// <summary>How the files' names begin. Default <c>checkpoint</c>.</summary>
    public string Name { get; init; } = "checkpoint";

    /// <summary>How the files' names end, and so their format: one of those that <see cref="Checkpoint.Save(string, StateDict, CheckpointSaveOptions)"/> knows. Default <c>.pt</c>.</summary>
    public string Extension { get; init; } = ".pt";
}
