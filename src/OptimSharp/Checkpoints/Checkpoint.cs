using OptimSharp.PyTorch;
using OptimSharp.Safetensors;
using OptimSharp.Sharding;

namespace OptimSharp;

/// <summary>State dicts as files: PyTorch's own, in both directions, and safetensors.</summary>
/// <remarks>
/// <para>
/// The format goes by the file's name: <c>.pt</c>, <c>.pth</c>, <c>.ckpt</c>, <c>.bin</c> and <c>.tar</c> are PyTorch's, as <c>torch.save</c> writes since
/// 1.6 and <c>torch.load</c> reads, also with <c>weights_only=True</c>; <c>.safetensors</c> is safetensors. What PyTorch wrote before 1.6 is read, too.
/// </para>
/// <para>
/// A model in several files, as Hugging Face's libraries write large ones, is one checkpoint: its index is loaded, or the folder with it, and
/// <see cref="CheckpointSaveOptions.MaxShardBytes"/> saves so.
/// </para>
/// <para>
/// Saving is atomic: the file is written beside its place under another name, flushed to the disk, and renamed. Until then, and whatever happens, the
/// old file is whole. Loading only ever gives data: no code of a file is run, no size in it is believed before it is checked.
/// </para>
/// </remarks>
public static class Checkpoint
{
    static readonly string[] PyTorchNames = [".pt", ".pth", ".ckpt", ".bin", ".tar"];

    /// <summary>Saves a state dict to a file, replacing one that is there.</summary>
    /// <param name="path">The file's path; its extension says which format.</param>
    /// <param name="state">What to save. Tensors are written one by one, and not copied.</param>
    /// <param name="options">
    /// What is written besides, and whether in several files: with <see cref="CheckpointSaveOptions.MaxShardBytes"/> <c>model.safetensors</c> becomes
    /// <c>model-00001-of-00003.safetensors</c> and so on with <c>model.safetensors.index.json</c>, which is found by the same path when it is loaded.
    /// </param>
    /// <exception cref="ArgumentException">The extension is none that is known, the state has what the format can't hold, or an option is out of its range.</exception>
    /// <exception cref="IOException">It can't be written, or a folder is in its place. What was there is as it was.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be written. What was there is as it was.</exception>
    public static void Save(string path, StateDict state, CheckpointSaveOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(state);
        var format = FormatOf(path) ?? throw new ArgumentException(
            $"A checkpoint's name must end in {string.Join(", ", PyTorchNames)} (PyTorch) or .safetensors, but is '{path}'.", nameof(path));
        options ??= new();
        Check(options, format);
        if (options.MaxShardBytes is null)
            ShardedCheckpoint.WriteWhole(path, state, format, options);
        else
            ShardedCheckpoint.Write(path, state, format, options);
    }

    /// <summary>Writes a state dict to a stream, from where it is. The stream need not be able to seek, and stays open.</summary>
    /// <param name="stream">Where to write to.</param>
    /// <param name="state">What to save.</param>
    /// <param name="format">In which format.</param>
    /// <param name="options">What is written besides. A stream can't be several files.</param>
    /// <exception cref="ArgumentException">The state has what the format can't hold, or an option is out of its range.</exception>
    public static void Save(Stream stream, StateDict state, CheckpointFormat format = CheckpointFormat.PyTorch, CheckpointSaveOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(stream);
        ArgumentNullException.ThrowIfNull(state);
        options ??= new();
        Check(options, format);
        if (options.MaxShardBytes is not null)
            throw new ArgumentException("MaxShardBytes makes several files, which a stream can't be: save to a path.", nameof(options));
        Write(stream, state, format, options);
    }

    internal static void Write(Stream stream, StateDict state, CheckpointFormat format, CheckpointSaveOptions options)
    {
        CheckByteOrder();
        if (options.Progress is { } progress)
            stream = new WatchedStream(stream, progress);
        if (format == CheckpointFormat.Safetensors)
            SafetensorsFile.Write(stream, state, options.Metadata);
        else
            TorchArchive.Write(stream, state, options.AllowObjects);
    }

    static void Check(CheckpointSaveOptions options, CheckpointFormat format)
    {
        if (options.MaxShardBytes is < 1)
            throw new ArgumentOutOfRangeException(nameof(options), options.MaxShardBytes, $"MaxShardBytes must be ≥ 1, but is {options.MaxShardBytes}.");
        if (options.Metadata is { Count: > 0 } && format != CheckpointFormat.Safetensors)
            throw new ArgumentException("Only safetensors files have Metadata. What a PyTorch file is to hold besides belongs into the state.", nameof(options));
    }

    /// <summary>
    /// Loads a file of either format; other extensions than those of <see cref="Save(string, StateDict, CheckpointSaveOptions)"/> will do, too. Also a checkpoint in several files.
    /// </summary>
    /// <param name="path">
    /// The file's path. Of a checkpoint in several files the path of the index (<c>model.safetensors.index.json</c>, <c>pytorch_model.bin.index.json</c>), the
    /// one that it was saved under (<c>model.safetensors</c>), or of the folder. In a folder is looked for, in this order: <c>model.safetensors</c>, an index
    /// of safetensors files, <c>pytorch_model.bin</c>, an index of PyTorch files.
    /// </param>
    /// <param name="options">How; null for the standard.</param>
    /// <returns>The state dict. Tensors are in main memory, wherever they were.</returns>
    /// <exception cref="CheckpointException">A file is damaged, or has what can't be read; a part is missing; or the path is a folder without such a file.</exception>
    /// <exception cref="IOException">The file is missing, or can't be read.</exception>
    /// <exception cref="UnauthorizedAccessException">The file may not be read.</exception>
    public static StateDict Load(string path, CheckpointLoadOptions? options = null)
    {
        object? value = LoadValue(path, options);
        return Dictionary(value, path);
    }

    /// <summary>Loads what is in a stream, of either format, from where it is to its end.</summary>
    /// <param name="stream">A stream that can seek. It stays open.</param>
    /// <param name="options">How; null for the standard.</param>
    /// <returns>The state dict.</returns>
    /// <exception cref="CheckpointException">The data are damaged, or have what can't be read.</exception>
    /// <exception cref="ArgumentException">The stream can't seek.</exception>
    public static StateDict Load(Stream stream, CheckpointLoadOptions? options = null) => Dictionary(LoadValue(stream, options), (stream as FileStream)?.Name);

    /// <summary>Loads a file that may hold something other than a dictionary: a bare tensor, a list, a whole model.</summary>
    /// <param name="path">As for <see cref="Load(string, CheckpointLoadOptions)"/>.</param>
    /// <param name="options">How; null for the standard.</param>
    /// <returns>A value of the kinds that a <see cref="StateDict"/> holds.</returns>
    /// <inheritdoc cref="Load(string, CheckpointLoadOptions)" path="/exception"/>
    public static object? LoadValue(string path, CheckpointLoadOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        options ??= new();
        path = CheckpointPlace.Of(path);
        return Open(path, options, source => UnknownFile.IsJson(StartOf(source)) ? ShardedCheckpoint.Read(source, path, options) : Load(source, FormatOf(path) == CheckpointFormat.Safetensors, options));
    }

    /// <summary>Loads what is in a stream, which may be something other than a dictionary: a bare tensor, a list, a whole model.</summary>
    /// <param name="stream">A stream that can seek. It stays open.</param>
    /// <param name="options">How; null for the standard.</param>
    /// <returns>A value of the kinds that a <see cref="StateDict"/> holds.</returns>
    /// <inheritdoc cref="Load(Stream, CheckpointLoadOptions)" path="/exception"/>
    public static object? LoadValue(Stream stream, CheckpointLoadOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(stream);
        if (!stream.CanSeek)
            throw new ArgumentException("The stream can't seek: copy it to a MemoryStream or a file first.", nameof(stream));
        return Load(new CheckpointSource(stream, (stream as FileStream)?.Name), isSafetensors: false, options ?? new());
    }

    /// <summary>
    /// Reads the texts that a safetensors file has beside its tensors, its <c>__metadata__</c>, and nothing else of it: <see cref="CheckpointSaveOptions.Metadata"/> writes
    /// them. Of a checkpoint in several files, those of all its parts.
    /// </summary>
    /// <param name="path">As for <see cref="Load(string, CheckpointLoadOptions)"/>.</param>
    /// <returns>The texts by name; none where there are none, as in PyTorch's files.</returns>
    /// <inheritdoc cref="Load(string, CheckpointLoadOptions)" path="/exception"/>
    public static IReadOnlyDictionary<string, string> LoadMetadata(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        path = CheckpointPlace.Of(path);
        using var stream = OpenRead(path);
        var source = new CheckpointSource(stream, path);
        return UnknownFile.IsJson(StartOf(source)) ? ShardedCheckpoint.ReadMetadata(source, path) : LoadMetadata(source, path);
    }

    /// <summary>Loads one file, which is no index.</summary>
    internal static StateDict LoadFile(string path, CheckpointLoadOptions options) =>
        Dictionary(Open(path, options, source => Load(source, FormatOf(path) == CheckpointFormat.Safetensors, options)), path);

    /// <summary>Opens a file for one reading, or for as long as tensors are read from it.</summary>
    static object? Open(string path, CheckpointLoadOptions options, Func<CheckpointSource, object?> read)
    {
        if (!options.OnDemand)
        {
            using var stream = OpenRead(path);
            return read(new(stream, path));
        }
        var file = OpenRead(path); // stays open until the last tensor that is read from it is gone
        var source = new CheckpointSource(file, path) { OnDemand = file };
        try
        {
            object? value = read(source);
            if (!source.IsKept)
                file.Dispose(); // an index of parts, say
            return value;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>The texts of one file, which is no index.</summary>
    internal static OrderedDictionary<string, string> LoadMetadataOfFile(string path)
    {
        using var stream = OpenRead(path);
        return LoadMetadata(new CheckpointSource(stream, path), path);
    }

    internal static FileStream OpenRead(string path) => new(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete, bufferSize: 1 << 14);

    static object? Load(CheckpointSource source, bool isSafetensors, CheckpointLoadOptions options)
    {
        CheckByteOrder();
        byte[] start = StartOf(source);
        if (LegacyFile.Begins(start))
            return LegacyFile.Read(source, options.Strict);
        if (IsSafetensors(start))
            return SafetensorsFile.Read(source);
        if (start.AsSpan().StartsWith("PK\x03\x04"u8))
            return TorchArchive.Read(source, options.Strict);
        if (UnknownFile.Describe(start) is { } other)
            throw source.Error(null, other);
        if (isSafetensors)
            return SafetensorsFile.Read(source); // which says what is wrong
        throw source.Error(null, start switch
        {
            _ when start.Length > 262 && start.AsSpan(257).StartsWith("ustar"u8) => "is a tar archive: if PyTorch wrote it, one before 0.1.10 did. Load and save it with PyTorch once",
            [0x80, < 6, ..] => "is a pickle, but no file of torch.save",
            _ => "is neither a PyTorch file nor a safetensors file, or its beginning is damaged",
        });
    }

    static OrderedDictionary<string, string> LoadMetadata(CheckpointSource source, string path)
    {
        byte[] start = StartOf(source);
        if (IsSafetensors(start) || FormatOf(path) == CheckpointFormat.Safetensors && !start.AsSpan().StartsWith("PK\x03\x04"u8) && UnknownFile.Describe(start) is null)
            return SafetensorsFile.ReadMetadata(source);
        return UnknownFile.Describe(start) is { } other ? throw source.Error(null, other) : [];
    }

    static StateDict Dictionary(object? value, string? name) => value switch
    {
        StateDict state => state,
        PythonObject { Entries: { } entries } => entries,
        _ => throw new CheckpointException(name, null, $"holds no dictionary, but {Kind(value)}: {nameof(Checkpoint)}.{nameof(LoadValue)} gives what it is"),
    };

    static string Kind(object? value) => value switch
    {
        TensorData => "a tensor",
        PythonObject thing => $"an object of '{thing.Type}'",
        StateTuple => "a tuple",
        object?[] => "a list",
        _ => "a single value",
    };

    static byte[] StartOf(CheckpointSource source)
    {
        byte[] start = new byte[Math.Min(source.Length, UnknownFile.Telling)];
        source.Read(0, start, "its first bytes");
        return start;
    }

    static bool IsSafetensors(ReadOnlySpan<byte> start) => start.Length > 8 && start[8] == (byte)'{' && !UnknownFile.IsJson(start); // in a zip file a method of compression that there is not

    internal static CheckpointFormat? FormatOf(string path)
    {
        string extension = Path.GetExtension(path).ToLowerInvariant();
        return extension == ".safetensors" ? CheckpointFormat.Safetensors : PyTorchNames.Contains(extension) ? CheckpointFormat.PyTorch : null;
    }

    static void CheckByteOrder()
    {
        if (!BitConverter.IsLittleEndian)
            throw new PlatformNotSupportedException("Checkpoints are read and written on little-endian machines only.");
    }
}
