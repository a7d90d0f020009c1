namespace OptimSharp;

/// <summary>How <see cref="Checkpoint.Load(string, CheckpointLoadOptions)"/> reads a file.</summary>
public sealed record CheckpointLoadOptions
{
    /// <summary>
    /// Whether to refuse a PyTorch file that has more than state dicts have: any class or function that <c>torch.load(weights_only=True)</c> refuses. Default
    /// false: they are read as a <see cref="PythonObject"/>, or, of NumPy, as numbers and tensors. Nothing of a file is run either way.
    /// </summary>
    public bool Strict { get; init; }

    /// <summary>
    /// Whether tensors stay in the file and are read where they are used, each time: a file larger than memory can be looked at and saved again, and to see names and shapes takes no time. The file
    /// is kept open as long as its tensors are there, and may not change. Checksums are compared when a tensor is first used; that, and a file that was cut off meanwhile, is a
    /// <see cref="CheckpointException"/> there. Default false. Streams, and files of PyTorch before 1.6, are read whole all the same.
    /// </summary>
    public bool OnDemand { get; init; }
}
