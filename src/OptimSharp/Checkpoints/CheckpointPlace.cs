using OptimSharp.Sharding;

namespace OptimSharp;

/// <summary>Which file is meant by a path that is loaded: itself, the index of its parts, or what a folder holds.</summary>
internal static class CheckpointPlace
{
    /// <summary>The file to open; that it is there is not said.</summary>
    public static string Of(string path)
    {
        if (Directory.Exists(path))
            return InFolder(path);
        string index = path + ShardIndex.Extension;
        return !File.Exists(path) && File.Exists(index) ? index : path;
    }

    /// <summary>In the order in which Hugging Face's transformers looks.</summary>
    static string InFolder(string folder)
    {
        string[] names = [.. Directory.GetFiles(folder).Select(f => Path.GetFileName(f)!).Order(StringComparer.Ordinal)];
        return Whole("model.safetensors") ?? Index(CheckpointFormat.Safetensors) ?? Whole("pytorch_model.bin") ?? Index(CheckpointFormat.PyTorch)
            ?? throw new CheckpointException(folder, null,
                "is a folder, and none with a model: it has no model.safetensors, no pytorch_model.bin, and no index of parts as model.safetensors.index.json. Give the path of a file");

        string? Whole(string name) => names.Contains(name) ? Path.Combine(folder, name) : null;

        string? Index(CheckpointFormat format) =>
            names.Where(name => name.EndsWith(ShardIndex.Extension, StringComparison.Ordinal) && Checkpoint.FormatOf(name[..^ShardIndex.Extension.Length]) == format).ToArray() switch
            {
                [] => null,
                [var one] => Path.Combine(folder, one),
                var several => throw new CheckpointException(folder, null, $"is a folder with several indexes of parts: {string.Join(", ", several)}. Give the path of one"),
            };
    }
}
