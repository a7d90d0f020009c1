namespace OptimSharp.TensorBoard;

/// <summary>How a <see cref="SummaryWriter"/> writes.</summary>
public sealed record SummaryWriterOptions
{
    /// <summary>
    /// How long events wait at most before they are written to the file, &gt; 0. Default 5 seconds, which is how often TensorBoard looks; PyTorch's <c>flush_secs</c> is 120.
    /// What was written survives the end of the process, however it ends.
    /// </summary>
    public TimeSpan FlushInterval { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// Where a run goes on after it was interrupted: TensorBoard hides what earlier files of the folder have of this step and later ones. null, the default: nothing is hidden. PyTorch's <c>purge_step</c>.
    /// </summary>
    public long? PurgeStep { get; init; }

    /// <summary>What the default folder's name ends with. Default none. PyTorch's <c>comment</c>.</summary>
    public string Comment { get; init; } = "";

    /// <summary>What the names of files end with. Default none. PyTorch's <c>filename_suffix</c>.</summary>
    public string FilenameSuffix { get; init; } = "";

    internal void Check()
    {
        if (FlushInterval <= TimeSpan.Zero || FlushInterval.TotalMilliseconds > int.MaxValue)
            throw new ArgumentException($"FlushInterval must be > 0 and at most 24 days, but is {FlushInterval}.", nameof(FlushInterval));
        if (PurgeStep < 0)
            throw new ArgumentException($"PurgeStep must be ≥ 0, but is {PurgeStep}.", nameof(PurgeStep));
        foreach (var (name, value) in new[] { (nameof(Comment), Comment), (nameof(FilenameSuffix), FilenameSuffix) })
        {
            if (value is null || value.AsSpan().IndexOfAny(Path.GetInvalidFileNameChars()) >= 0)
                throw new ArgumentException($"{name} must be a part of a file's name, but is {(value is null ? "null" : $"'{value}'")}.", name);
        }
    }
}
