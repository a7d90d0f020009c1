namespace OptimSharp;

/// <summary>How <see cref="Checkpoint.Save(string, StateDict, CheckpointSaveOptions)"/> writes a file.</summary>
public sealed record CheckpointSaveOptions
{
    /// <summary>
    /// Whether a PyTorch file may have objects of any Python class (<see cref="PythonObject"/>). <c>torch.load</c> reads such a file only with
    /// <c>weights_only=False</c>, which runs the code of those classes. Default false: then saving one is an error that names it.
    /// </summary>
    public bool AllowObjects { get; init; }
}
