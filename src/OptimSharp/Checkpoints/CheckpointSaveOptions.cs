namespace OptimSharp;

/// <summary>How <see cref="Checkpoint.Save(string, StateDict, CheckpointSaveOptions)"/> writes a file, or several.</summary>
public sealed record CheckpointSaveOptions
{
    /// <summary>
    /// The most bytes of tensors that one file gets, at least 1; null, the default, for a single file. When all tensors don't fit into one, several parts are written
    /// and an index of them, as Hugging Face's <c>save_pretrained(max_shard_size=…)</c> does. A tensor that is larger gets a part of its own; tensors of
    /// PyTorch's format that share memory stay together.
    /// </summary>
    public long? MaxShardBytes { get; init; }

    /// <summary>
    /// Texts by name to be written as a safetensors file's <c>__metadata__</c>, with those that the state has as attribute of this name; null, the default, for
    /// no others. <c>format</c> is <c>pt</c> unless it is given: without it Hugging Face's transformers refuses a file that has any texts.
    /// <see cref="Checkpoint.LoadMetadata(string)"/> reads them.
    /// </summary>
    public IReadOnlyDictionary<string, string>? Metadata { get; init; }

    /// <summary>
    /// Whether a PyTorch file may have objects of any Python class (<see cref="PythonObject"/>). <c>torch.load</c> reads such a file only with
    /// <c>weights_only=False</c>, which runs the code of those classes. Default false: then saving one is an error that names it.
    /// </summary>
    public bool AllowObjects { get; init; }

    /// <summary>Is told how many bytes were written, each time that some were: for a bar of progress. Null, the default, for nobody.</summary>
    public IProgress<long>? Progress { get; init; }
}
