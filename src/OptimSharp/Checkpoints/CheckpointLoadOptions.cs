namespace OptimSharp;

/// <summary>How <see cref="Checkpoint.Load(string, CheckpointLoadOptions)"/> reads a file.</summary>
public sealed record CheckpointLoadOptions
{
    /// <summary>
    /// Whether to refuse a PyTorch file that has more than state dicts have: any class or function that <c>torch.load(weights_only=True)</c> refuses. Default
    /// false: they are read as a <see cref="PythonObject"/>, or, of NumPy, as numbers and tensors. Nothing of a file is run either way.
    /// </summary>
    public bool Strict { get; init; }
}
