using System.Globalization;
using System.Text.RegularExpressions;
using OptimSharp.PyTorch;
using OptimSharp.Safetensors;

namespace OptimSharp.Sharding;

/// <summary>
/// One checkpoint in several files: an index, and parts that are checkpoints themselves, flat dictionaries of tensors. The names are Hugging Face's:
/// <c>model-00001-of-00003.safetensors</c> to <c>model-00003-of-00003.safetensors</c> and <c>model.safetensors.index.json</c>.
/// </summary>
internal static partial class ShardedCheckpoint
{
    public static StateDict Read(CheckpointSource source, string path, CheckpointLoadOptions options)
    {
        var index = ShardIndex.Read(source);
        var namesIn = index.Files.ToLookup(f => f.Value, f => f.Key);
        var tensors = new Dictionary<string, TensorData>();
        var metadata = new OrderedDictionary<string, string>();
        foreach (var (part, partPath) in Parts(index, source, path))
        {
            var state = Open(source, part, partPath, file => Checkpoint.LoadFile(file, options));
            foreach (var (key, value) in state)
            {
                CheckpointException Error(string reason) => new(partPath, $"tensor '{key}'", reason);
                if (key.Name is not { } name || value is not TensorData tensor)
                    throw new CheckpointException(partPath, $"'{key}'", "is no tensor with a name, as all must be in a part of a checkpoint");
                if (!index.Files.TryGetValue(name, out string? file))
                    throw Error($"is not in the index '{Path.GetFileName(path)}'");
                if (file != part)
                    throw Error($"should be in '{file}', by the index '{Path.GetFileName(path)}'");
                tensors.Add(name, tensor);
            }
            if (namesIn[part].FirstOrDefault(name => !tensors.ContainsKey(name)) is { } lacking)
                throw new CheckpointException(partPath, $"tensor '{lacking}'", $"is missing, and should be here by the index '{Path.GetFileName(path)}'");
            foreach (var (key, text) in SafetensorsFile.MetadataOf(state, null))
                metadata.TryAdd(key, text);
        }
        return index.Structure is { } structure ? Nested(source, structure, tensors) : SafetensorsFile.Flat(index.Files.Keys.Select(name => KeyValuePair.Create(name, tensors[name])), metadata);
    }

    /// <summary>The texts of all parts; where two have one of the same name, the first one's.</summary>
    public static OrderedDictionary<string, string> ReadMetadata(CheckpointSource source, string path)
    {
        var all = new OrderedDictionary<string, string>();
        foreach (var (part, partPath) in Parts(ShardIndex.Read(source), source, path))
        {
            foreach (var (key, text) in Open(source, part, partPath, Checkpoint.LoadMetadataOfFile))
                all.TryAdd(key, text);
        }
        return all;
    }

    /// <summary>Writes a state in as many files as it takes, one if that will do.</summary>
    /// <remarks>
    /// The index is replaced when all parts are there, under names that the index before does not have, and its parts are deleted thereafter: there is always one
    /// whole checkpoint, the old or the new one.
    /// </remarks>
    public static void Write(string path, StateDict state, CheckpointFormat format, CheckpointSaveOptions options)
    {
        path = Path.GetFullPath(path);
        string indexPath = path + ShardIndex.Extension;
        AtomicFile.CheckPlace(path);
        AtomicFile.CheckPlace(indexPath);
        var (tensors, structure) = Flatten(state, format);
        var plan = ShardPlan.Of(tensors, format, options.MaxShardBytes!.Value);
        string[] old = PartsOf(indexPath), parts = [];
        if (plan.Shards.Count <= 1)
        {
            WriteWhole(path, state, format, options);
        }
        else
        {
            parts = NamesOf(path, plan.Shards.Count, old);
            var partOf = parts.Zip(plan.Shards).SelectMany(p => p.Second.Keys.Select(key => (Name: key.Name!, Part: p.First))).ToDictionary(p => p.Name, p => p.Part);
            var index = new ShardIndex(new(tensors.Select(t => KeyValuePair.Create(t.Name, partOf[t.Name]))), structure);
            WriteParts(path, parts, plan, index, format, options with { Metadata = TextsOf(state, format, options) });
            File.Delete(path); // which would be loaded instead, if it stayed: that may not go unsaid
        }
        DeleteParts(path, old.Except(parts));
    }

    /// <summary>Writes a state in one file, which takes the place of several, too.</summary>
    public static void WriteWhole(string path, StateDict state, CheckpointFormat format, CheckpointSaveOptions options)
    {
        path = Path.GetFullPath(path);
        string indexPath = path + ShardIndex.Extension;
        string[] old = File.Exists(indexPath) ? PartsOf(indexPath) : [];
        AtomicFile.Write(path, stream => Checkpoint.Write(stream, state, format, options));
        if (old.Length == 0)
            return;
        File.Delete(indexPath); // by which the old checkpoint would be loaded from the folder: that it stays may not go unsaid
        DeleteParts(path, old);
    }

    static void DeleteParts(string path, IEnumerable<string> parts)
    {
        foreach (string part in parts.Where(part => IsPartOf(path, part)))
            AtomicFile.TryDelete(Beside(path, part));
    }

    static void WriteParts(string path, string[] parts, ShardPlan plan, ShardIndex index, CheckpointFormat format, CheckpointSaveOptions options)
    {
        var written = new List<(string Path, AtomicFile File)>();
        var placed = new List<string>();
        try
        {
            foreach (var (part, shard) in parts.Zip(plan.Shards))
                written.Add((Beside(path, part), AtomicFile.Prepare(Beside(path, part), stream => Checkpoint.Write(stream, shard, format, options))));
            foreach (var (place, file) in written)
            {
                file.Finish();
                placed.Add(place);
            }
            AtomicFile.FlushFolder(Path.GetDirectoryName(path)!);
            AtomicFile.Write(path + ShardIndex.Extension, stream => index.Write(stream, plan.TotalBytes));
        }
        catch
        {
            placed.ForEach(AtomicFile.TryDelete);
            throw;
        }
        finally
        {
            written.ForEach(part => part.File.Dispose());
        }
    }

    /// <summary>The tensors with the names that they have in the parts, and what the index must say besides; null when a flat dictionary of tensors is all that there is.</summary>
    static (List<(string Name, TensorData Tensor)> Tensors, string? Structure) Flatten(StateDict state, CheckpointFormat format)
    {
        bool isFlat = state.PythonType is null or PythonClass.OrderedDict && format switch
        {
            CheckpointFormat.Safetensors => SafetensorsFile.HasOnlyTensors(state) && (state.Attributes is null || SafetensorsFile.HasOnlyMetadata(state.Attributes)),
            _ => state.Attributes is null && state.All(e => e.Key.Name is not null && e.Value is TensorData),
        };
        if (isFlat)
            return ([.. state.Select(e => (e.Key.Name!, (TensorData)e.Value!))], null);
        var (all, names) = SafetensorsFile.TensorsOf(state);
        return (all, Structure.Write(state, tensor => names[tensor].Dequeue()));
    }

    static OrderedDictionary<string, string>? TextsOf(StateDict state, CheckpointFormat format, CheckpointSaveOptions options)
    {
        if (format != CheckpointFormat.Safetensors)
            return null;
        var texts = SafetensorsFile.MetadataOf(state, options.Metadata);
        SafetensorsFile.AddFormat(texts);
        return texts;
    }

    static StateDict Nested(CheckpointSource source, string structure, Dictionary<string, TensorData> tensors)
    {
        var used = new HashSet<string>();
        CheckpointException Error(string reason) => source.Error($"metadata '{Structure.Key}'", reason);
        var state = Structure.Read(structure, Find, Error);
        return tensors.Keys.FirstOrDefault(name => !used.Contains(name)) is { } left ? throw Error($"does not say where the tensor '{left}' belongs") : state;

        TensorData? Find(string name, bool isComplex)
        {
            used.Add(name);
            return tensors.TryGetValue(name, out var tensor) && tensor.ElementType == ElementType.Complex128 == isComplex ? tensor : null;
        }
    }

    /// <summary>The parts with their paths: all are there before the first is read.</summary>
    static List<(string Name, string Path)> Parts(ShardIndex index, CheckpointSource source, string path)
    {
        var parts = index.Parts.Select(name => (name, Beside(path, name))).ToList();
        foreach (var (name, part) in parts)
        {
            if (!File.Exists(part))
                throw source.Error($"part '{name}'", Directory.Exists(part) ? "is a folder" : "is missing");
        }
        return parts;
    }

    static T Open<T>(CheckpointSource source, string part, string path, Func<string, T> load)
    {
        try
        {
            return load(path);
        }
        catch (FileNotFoundException e)
        {
            throw source.Error($"part '{part}'", "is missing", e); // deleted since: by another save, perhaps
        }
    }

    static string Beside(string path, string name) => Path.Combine(Path.GetDirectoryName(path) ?? "", name);

    /// <summary>The files of the checkpoint that is there, as far as there is one.</summary>
    static string[] PartsOf(string indexPath)
    {
        try
        {
            using var stream = Checkpoint.OpenRead(indexPath);
            return [.. ShardIndex.Read(new(stream, indexPath)).Parts];
        }
        catch (IOException)
        {
            return [];
        }
    }

    /// <summary>The first names in a row of which the checkpoint that is there has none.</summary>
    static string[] NamesOf(string path, int count, string[] taken)
    {
        for (int series = 1; ; series++)
        {
            string start = Path.GetFileNameWithoutExtension(path) + (series == 1 ? "" : string.Create(CultureInfo.InvariantCulture, $"-{series}"));
            string[] names = [.. Enumerable.Range(1, count).Select(i => string.Create(CultureInfo.InvariantCulture, $"{start}-{i:D5}-of-{count:D5}{Path.GetExtension(path)}"))];
            if (!names.Intersect(taken, StringComparer.OrdinalIgnoreCase).Any())
                return names;
        }
    }

    /// <summary>Whether a file's name is one that <see cref="NamesOf"/> gives.</summary>
    static bool IsPartOf(string path, string name)
    {
        string start = Path.GetFileNameWithoutExtension(path), end = Path.GetExtension(path);
        return name.Length > start.Length + end.Length && name.StartsWith(start, StringComparison.Ordinal) && name.EndsWith(end, StringComparison.Ordinal)
            && Numbers().IsMatch(name[start.Length..^end.Length]);
    }

    [GeneratedRegex(@"\A(-[0-9]+)?-[0-9]{5,}-of-[0-9]{5,}\z")]
    private static partial Regex Numbers();
}
