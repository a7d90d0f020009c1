namespace OptimSharp;

/// <summary>A file of a <see cref="CheckpointDirectory"/>.</summary>
/// <param name="Path">The file's path.</param>
/// <param name="Step">The step or epoch that it was saved at.</param>
/// <param name="Metric">The metric that it was saved with, if any.</param>
public sealed record SavedCheckpoint(string Path, long Step, double? Metric);
