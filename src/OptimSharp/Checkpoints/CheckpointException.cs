namespace OptimSharp;

/// <summary>A checkpoint file is damaged, or holds what can't be read. Nothing was changed.</summary>
/// <remarks>A file that is missing or that may not be read is another <see cref="IOException"/> or an <see cref="UnauthorizedAccessException"/>, the system's.</remarks>
public sealed class CheckpointException : IOException
{
    /// <param name="file">The file's path; null for a stream without one.</param>
    /// <param name="entry">The part of the file; null for the file as a whole.</param>
    /// <param name="reason">What is wrong with it, as the rest of a sentence.</param>
    /// <param name="innerException">What it was found by, if anything.</param>
    public CheckpointException(string? file, string? entry, string reason, Exception? innerException = null)
        : base($"Checkpoint{(file is null ? "" : $" '{file}'")}{(entry is null ? "" : $", {entry}:")} {reason}.", innerException) =>
        (File, Entry, Reason) = (file, entry, reason);

    /// <summary>The file's path; null for a stream without one.</summary>
    public string? File { get; }

    /// <summary>The part of the file: an entry of the archive, a tensor, the header. Null for the file as a whole.</summary>
    public string? Entry { get; }

    /// <summary>What is wrong with it, as the rest of a sentence.</summary>
    public string Reason { get; }
}
