using OptimSharp.PyTorch;
using OptimSharp.Safetensors;

namespace OptimSharp;

/// <summary>State dicts as files: PyTorch's own, in both directions, and safetensors.</summary>
/// <remarks>
/// <para>
/// The format goes by the file's name: <c>.pt</c>, <c>.pth</c>, <c>.ckpt</c>, <c>.bin</c> and <c>.tar</c> are PyTorch's, as <c>torch.save</c> writes since
/// 1.6 and <c>torch.load</c> reads, also with <c>weights_only=True</c>; <c>.safetensors</c> is safetensors. What PyTorch wrote before 1.6 is read, too.
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
    /// <exception cref="ArgumentException">The extension is none that is known, or the state has what the format can't hold.</exception>
    /// <exception cref="IOException">It can't be written. What was there is as it was.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be written. What was there is as it was.</exception>
    public static void Save(string path, StateDict state) => Save(path, state, new());

    /// <summary>Saves a state dict to a file, replacing one that is there.</summary>
    /// <param name="path">The file's path; its extension says which format.</param>
    /// <param name="state">What to save. Tensors are written one by one, and not copied.</param>
    /// <param name="options">How.</param>
    /// <inheritdoc cref="Save(string, StateDict)"/>
    public static void Save(string path, StateDict state, CheckpointSaveOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(state);
        var format = FormatOf(path) ?? throw new ArgumentException(
            $"A checkpoint's name must end in {string.Join(", ", PyTorchNames)} (PyTorch) or .safetensors, but is '{path}'.", nameof(path));
        AtomicFile.Write(path, stream => Save(stream, state, format, options));
    }

    /// <summary>Writes a state dict to a stream, from where it is. The stream need not be able to seek, and stays open.</summary>
    /// <param name="stream">Where to write to.</param>
    /// <param name="state">What to save.</param>
    /// <param name="format">In which format.</param>
    /// <exception cref="ArgumentException">The state has what the format can't hold.</exception>
    public static void Save(Stream stream, StateDict state, CheckpointFormat format = CheckpointFormat.PyTorch) => Save(stream, state, format, new());

    /// <summary>Writes a state dict to a stream, from where it is. The stream need not be able to seek, and stays open.</summary>
    /// <param name="stream">Where to write to.</param>
    /// <param name="state">What to save.</param>
    /// <param name="format">In which format.</param>
    /// <param name="options">How.</param>
    /// <inheritdoc cref="Save(Stream, StateDict, CheckpointFormat)"/>
    public static void Save(Stream stream, StateDict state, CheckpointFormat format, CheckpointSaveOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(stream);
        ArgumentNullException.ThrowIfNull(state);
        CheckByteOrder();
        if (format == CheckpointFormat.Safetensors)
            SafetensorsFile.Write(stream, state);
        else
            TorchArchive.Write(stream, state, options.AllowObjects);
    }

    /// <summary>Loads a file of either format; other extensions than those of <see cref="Save(string, StateDict)"/> will do, too.</summary>
    /// <param name="path">The file's path.</param>
    /// <returns>The state dict. Tensors are in main memory, wherever they were.</returns>
    /// <exception cref="CheckpointException">The file is damaged, or has what can't be read.</exception>
    /// <exception cref="IOException">The file is missing, or can't be read.</exception>
    /// <exception cref="UnauthorizedAccessException">The file may not be read, or is a folder.</exception>
    public static StateDict Load(string path) => Load(path, new());

    /// <summary>Loads a file of either format; other extensions than those of <see cref="Save(string, StateDict)"/> will do, too.</summary>
    /// <param name="path">The file's path.</param>
    /// <param name="options">How.</param>
    /// <inheritdoc cref="Load(string)"/>
    public static StateDict Load(string path, CheckpointLoadOptions options)
    {
        object? value = LoadValue(path, options);
        return Dictionary(value, path);
    }

    /// <summary>Loads what is in a stream, of either format, from where it is to its end.</summary>
    /// <param name="stream">A stream that can seek. It stays open.</param>
    /// <returns>The state dict.</returns>
    /// <exception cref="CheckpointException">The data are damaged, or have what can't be read.</exception>
    /// <exception cref="ArgumentException">The stream can't seek.</exception>
    public static StateDict Load(Stream stream) => Load(stream, new());

    /// <summary>Loads what is in a stream, of either format, from where it is to its end.</summary>
    /// <param name="stream">A stream that can seek. It stays open.</param>
    /// <param name="options">How.</param>
    /// <inheritdoc cref="Load(Stream)"/>
    public static StateDict Load(Stream stream, CheckpointLoadOptions options) => Dictionary(LoadValue(stream, options), (stream as FileStream)?.Name);

    /// <summary>Loads a file that may hold something other than a dictionary: a bare tensor, a list, a whole model.</summary>
    /// <param name="path">The file's path.</param>
    /// <param name="options">How; null for the standard.</param>
    /// <returns>A value of the kinds that a <see cref="StateDict"/> holds.</returns>
    /// <inheritdoc cref="Load(string)"/>
    public static object? LoadValue(string path, CheckpointLoadOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 1 << 14);
        return Load(new CheckpointSource(stream, path), FormatOf(path) == CheckpointFormat.Safetensors, options ?? new());
    }

    /// <summary>Loads what is in a stream, which may be something other than a dictionary: a bare tensor, a list, a whole model.</summary>
    /// <param name="stream">A stream that can seek. It stays open.</param>
    /// <param name="options">How; null for the standard.</param>
    /// <returns>A value of the kinds that a <see cref="StateDict"/> holds.</returns>
    /// <inheritdoc cref="Load(Stream)"/>
    public static object? LoadValue(Stream stream, CheckpointLoadOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(stream);
        if (!stream.CanSeek)
            throw new ArgumentException("The stream can't seek: copy it to a MemoryStream or a file first.", nameof(stream));
        return Load(new CheckpointSource(stream, (stream as FileStream)?.Name), isSafetensors: false, options ?? new());
    }

    static object? Load(CheckpointSource source, bool isSafetensors, CheckpointLoadOptions options)
    {
        CheckByteOrder();
        Span<byte> start = stackalloc byte[(int)Math.Min(source.Length, 512)];
        source.Read(0, start, "its first bytes");
        if (LegacyFile.Begins(start))
            return LegacyFile.Read(source, options.Strict);
        if (start.Length > 8 && start[8] == (byte)'{') // in a zip file a method of compression that there is not
            return SafetensorsFile.Read(source);
        if (start.StartsWith("PK\x03\x04"u8))
            return TorchArchive.Read(source, options.Strict);
        if (isSafetensors)
            return SafetensorsFile.Read(source); // which says what is wrong
        throw source.Error(null, start switch
        {
            [] => "is empty",
            _ when start.Length > 262 && start[257..].StartsWith("ustar"u8) => "is a tar archive: if PyTorch wrote it, one before 0.1.10 did. Load and save it with PyTorch once",
            [0x80, < 6, ..] => "is a pickle, but no file of torch.save",
            _ => "is neither a PyTorch file nor a safetensors file, or its beginning is damaged",
        });
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
