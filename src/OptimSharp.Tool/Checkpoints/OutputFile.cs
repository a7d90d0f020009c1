using System.CommandLine;
using System.Text.Json.Nodes;

namespace OptimSharp.Tool;

/// <summary>The file that a command writes, or several: whole or not at all, and in nobody's place unless it was told so.</summary>
sealed class OutputFile
{
    readonly Option<string> path = new("--output", "-o") { Description = "the file to write; its name says the format: .pt, .pth, .ckpt, .bin, .safetensors", HelpName = "FILE", Required = true };
    readonly Option<bool> force = new("--force") { Description = "write it also where a file is already, be it the one that is read" };
    readonly Option<string?> shard = new("--max-shard") { Description = "write several files with an index, none with more bytes of tensors than this: 5GB, 512MiB", HelpName = "SIZE" };
    readonly Option<bool> objects = new("--allow-objects") { Description = "let a PyTorch file have objects of classes, which torch.load reads with weights_only=False only" };
    readonly Argument<string>? argument;

    /// <param name="argument">The argument that is the path; null where it is an option.</param>
    public OutputFile(Argument<string>? argument = null) => this.argument = argument;

    public void AddTo(Command command)
    {
        if (argument is not null)
            command.Add(argument);
        else
            command.Add(path);
        command.Add(shard);
        command.Add(objects);
        command.Add(force);
    }

    /// <summary>Where it is to go.</summary>
    public string PathOf(ParseResult line) => argument is not null ? line.GetRequiredValue(argument) : line.GetRequiredValue(path);

    /// <summary>Opens what is read. When that may be replaced, it is read at once.</summary>
    public OpenedCheckpoint Open(ParseResult line, string input) =>
        OpenedCheckpoint.Open(input, isInMemory: line.GetValue(force) && (File.Exists(PathOf(line)) || File.Exists(PathOf(line) + ".index.json")));

    /// <summary>Everything that can be known to be wrong before much is read.</summary>
    /// <exception cref="ToolException">The name is no checkpoint's, or something is there.</exception>
    public void Check(ParseResult line)
    {
        string to = PathOf(line);
        string[] known = [".pt", ".pth", ".ckpt", ".bin", ".tar", ".safetensors"];
        if (!known.Contains(Path.GetExtension(to).ToLowerInvariant()))
            throw new ToolException($"The file to write must end in {string.Join(", ", known)}, but is '{to}'.");
        if (line.GetValue(shard) is { } size)
            Sizes.Parse(size);
        if (Directory.Exists(to))
            throw new ToolException($"'{to}' is a folder.");
        if (Path.GetDirectoryName(Path.GetFullPath(to)) is { } folder && !Directory.Exists(folder))
            throw new ToolException($"There is no folder '{folder}' to write to.");
        if (!line.GetValue(force) && ((string[])[to, to + ".index.json", .. line.GetValue(shard) is null ? [] : PartsAt(to)]).FirstOrDefault(File.Exists) is { } there)
            throw new ToolException($"'{there}' is there already; --force replaces it.");
    }

    /// <summary>Files that have the names of parts, be they a checkpoint's that is there or of one that lost its index.</summary>
    static IEnumerable<string> PartsAt(string path) =>
        Directory.EnumerateFiles(Path.GetDirectoryName(Path.GetFullPath(path))!, $"{Path.GetFileNameWithoutExtension(path)}-*-of-*{Path.GetExtension(path)}").Order(StringComparer.Ordinal);

    /// <summary>Writes, and says what.</summary>
    public Written Save(Screen screen, ParseResult line, StateDict state)
    {
        string to = PathOf(line);
        var contents = new Contents(StateWalk.Tensors(state).Select(t => t.Tensor));
        long bytes = StateWalk.Tensors(state).Sum(t => t.Tensor.Bytes);
        var options = new CheckpointSaveOptions { MaxShardBytes = line.GetValue(shard) is { } size ? Sizes.Parse(size) : null, AllowObjects = line.GetValue(objects) };
        screen.Progress(to, bytes, progress =>
        {
            Checkpoint.Save(to, state, options with { Progress = progress });
            return true;
        }, isLast: true);
        return new(to, FilesAt(to), contents, Path.GetExtension(to).Equals(".safetensors", StringComparison.OrdinalIgnoreCase));
    }

    static string[] FilesAt(string path)
    {
        if (File.Exists(path))
            return [path];
        using var index = System.Text.Json.JsonDocument.Parse(File.ReadAllBytes(path + ".index.json"));
        string folder = Path.GetDirectoryName(path) ?? "";
        return [path + ".index.json", .. index.RootElement.GetProperty("weight_map").EnumerateObject().Select(part => Path.Combine(folder, part.Value.GetString()!)).Distinct().Order(StringComparer.Ordinal)];
    }
}

/// <summary>What was written.</summary>
/// <param name="Path">The path that it is loaded by.</param>
/// <param name="Files">All files.</param>
/// <param name="Contents">What is in them.</param>
/// <param name="IsSafetensors">Whether that is their format.</param>
sealed record Written(string Path, IReadOnlyList<string> Files, Contents Contents, bool IsSafetensors)
{
    /// <summary>In a line, or one for each file.</summary>
    public IEnumerable<string> Lines()
    {
        yield return $"wrote {Printable.Of(Path)}: {Contents}";
        if (Files.Count > 1)
        {
            foreach (string file in Files)
                yield return $"  {Printable.Of(System.IO.Path.GetFileName(file))}  {Sizes.Text(new FileInfo(file).Length)}";
        }
        if (IsSafetensors && Contents.Sharing > 0)
            yield return "note: safetensors has no tensors that share memory; each is written by itself";
    }

    public JsonObject Json() => new() { ["wrote"] = Path, ["files"] = new JsonArray([.. Files.Select(file => (JsonNode)file)]), ["tensors"] = Contents.Count };
}
