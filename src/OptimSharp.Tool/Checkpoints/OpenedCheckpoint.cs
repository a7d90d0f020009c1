using System.CommandLine;

namespace OptimSharp.Tool;

/// <summary>A checkpoint that a command reads. Its tensors are in their file until they are used.</summary>
/// <param name="Name">The path as it was given.</param>
/// <param name="Format">What kind of file it is.</param>
/// <param name="Bytes">How large the file is, or all files are; null for what came through a pipe.</param>
/// <param name="Value">What is in it.</param>
/// <param name="Files">The files that it is in; none, if it came through a pipe.</param>
sealed record OpenedCheckpoint(string Name, string Format, long? Bytes, object? Value, IReadOnlyList<string> Files)
{
    /// <summary>The path that stands for standard input.</summary>
    public const string Pipe = "-";

    /// <summary>The argument of a command that reads one.</summary>
    public static Argument<string> Argument(string name = "file") => new(name)
    {
        Description = "a checkpoint: .pt, .pth, .ckpt, .bin, .safetensors, an index of parts, a folder with a model, or - for standard input",
        HelpName = name.ToUpperInvariant(),
    };

    /// <param name="path">A file, an index, a folder, or <see cref="Pipe"/>.</param>
    /// <param name="isInMemory">Whether tensors are read at once, because the file is going to be replaced.</param>
    public static OpenedCheckpoint Open(string path, bool isInMemory = false)
    {
        if (path == Pipe)
        {
            using var input = Console.OpenStandardInput();
            return OfPipe(Pipe, input);
        }
        if (!File.Exists(path) && !Directory.Exists(path) && !File.Exists(path + IndexEnd))
            throw new ToolException($"There is no file '{path}'.");
        if (File.Exists(path))
        {
            using var file = File.OpenRead(path);
            if (!file.CanSeek) // a named pipe, or /dev/stdin
                return OfPipe(path, file);
        }
        object? value = Checkpoint.LoadValue(path, new() { OnDemand = !isInMemory });
        string[] files = FilesOf(path);
        return new(path, FormatOf(files), files.Sum(file => new FileInfo(file).Length), value, files);
    }

    /// <summary>Those of the files that are zip files.</summary>
    public IEnumerable<string> Archives => Files.Where(file => FormatOf([file]) == "PyTorch");

    /// <summary>The dictionary that the file holds; of a whole module its state dict.</summary>
    /// <exception cref="ToolException">It holds something else.</exception>
    public StateDict Dictionary() => Value switch
    {
        StateDict dict => dict,
        PythonObject { Entries: { } entries } => entries,
        PythonObject thing when StateSearch.ModuleOf(thing) is { } model => model,
        _ => throw new ToolException($"'{Name}' holds no dictionary, but {ValueText.Kind(Value)}."),
    };

    const string IndexEnd = ".index.json";

    /// <summary>The files behind a path: for information only, so that nothing is an error.</summary>
    static string[] FilesOf(string path)
    {
        if (Directory.Exists(path))
        {
            string? first = ((string[])["model.safetensors", "*.safetensors" + IndexEnd, "pytorch_model.bin", "*.bin" + IndexEnd, "*" + IndexEnd]).SelectMany(name => Directory.GetFiles(path, name)).FirstOrDefault();
            return first is null ? [] : FilesOf(first);
        }
        if (!File.Exists(path))
            return FilesOf(path + IndexEnd);
        if (!path.EndsWith(IndexEnd, StringComparison.Ordinal))
            return [path];
        using var index = System.Text.Json.JsonDocument.Parse(File.ReadAllBytes(path));
        string folder = Path.GetDirectoryName(path) ?? "";
        return [path, .. index.RootElement.GetProperty("weight_map").EnumerateObject().Select(part => Path.Combine(folder, part.Value.GetString()!)).Distinct().Where(File.Exists)];
    }

    static string FormatOf(string[] files)
    {
        if (files.Length == 0)
            return "unknown";
        using var stream = File.OpenRead(files[^1]);
        Span<byte> start = stackalloc byte[9];
        int read = stream.ReadAtLeast(start, start.Length, throwOnEndOfStream: false);
        string kind = Kind(start[..read]);
        return files.Length == 1 ? kind : $"{kind}, {files.Length - 1} {(files.Length == 2 ? "part" : "parts")}";
    }

    static string Kind(ReadOnlySpan<byte> start) => start.StartsWith("PK"u8) ? "PyTorch" : start.Length == 9 && start[8] == '{' ? "safetensors" : "PyTorch before 1.6";

    /// <summary>What comes through a pipe is put down in a temporary file: a checkpoint is not read from its start to its end.</summary>
    static OpenedCheckpoint OfPipe(string name, Stream input)
    {
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.ReadWrite, Share = FileShare.None };
        if (OperatingSystem.IsWindows())
            options.Options = FileOptions.DeleteOnClose;
        else
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        using var copy = new FileStream(Path.Combine(Path.GetTempPath(), Path.GetRandomFileName()), options);
        if (!OperatingSystem.IsWindows())
            File.Delete(copy.Name); // it is there until it is closed, however the process ends
        input.CopyTo(copy);
        copy.Position = 0;
        Span<byte> start = stackalloc byte[9];
        string kind = Kind(start[..copy.ReadAtLeast(start, start.Length, throwOnEndOfStream: false)]);
        copy.Position = 0;
        return new(name, kind, copy.Length, Checkpoint.LoadValue(copy), []);
    }
}
