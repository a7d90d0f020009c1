using System.Text;
using System.Text.Json;

namespace OptimSharp.Sharding;

/// <summary>
/// The index of a checkpoint in several files, as Hugging Face's libraries write it: <c>weight_map</c> says for each tensor which file it is in, <c>metadata</c>
/// how many bytes all have. What nobody's tensors need of it is left out.
/// </summary>
/// <param name="Files">For each tensor the name of its file, in the index's order.</param>
/// <param name="Structure">How the tensors are nested, and all that is no tensor (<see cref="OptimSharp.Safetensors.Structure"/>); null for a flat dictionary.</param>
internal sealed record ShardIndex(OrderedDictionary<string, string> Files, string? Structure)
{
    /// <summary>How the name of an index ends, after that of the checkpoint.</summary>
    public const string Extension = ".index.json";

    const string WeightMap = "weight_map", Metadata = "metadata", Entry = "index";
    const int LongestName = 255;

    /// <summary>The names of the files, each once, in the index's order.</summary>
    public IEnumerable<string> Parts => Files.Values.Distinct();

    public static ShardIndex Read(CheckpointSource source)
    {
        if (source.Length > BoundedBuffer.Largest)
            throw source.Error(Entry, $"has {source.Length} bytes; at most {BoundedBuffer.Largest} are allowed");
        byte[] bytes = new byte[source.Length];
        source.Read(0, bytes, Entry);
        CheckpointException Error(string reason) => source.Error(Entry, reason);
        try
        {
            var json = new Utf8JsonReader(bytes.AsSpan(bytes.AsSpan().StartsWith("\uFEFF"u8) ? 3 : 0));
            return Read(ref json, Error);
        }
        catch (JsonException e)
        {
            throw Error($"is no JSON as it must be: {e.Message.TrimEnd('.')}");
        }
        catch (InvalidOperationException) // half a surrogate pair, or no UTF-8
        {
            throw Error("has a text that is no UTF-8");
        }
    }

    public void Write(Stream stream, long totalBytes)
    {
        var buffer = new BoundedBuffer("The index of the parts");
        using (var json = new Utf8JsonWriter(buffer, new() { Indented = true }))
        {
            json.WriteStartObject();
            json.WriteStartObject(Metadata);
            json.WriteNumber("total_size", totalBytes);
            if (Structure is not null)
                json.WriteString(Safetensors.Structure.Key, buffer.Check(Structure));
            json.WriteEndObject();
            json.WriteStartObject(WeightMap);
            foreach (var (tensor, file) in Files)
                json.WriteString(buffer.Check(tensor), file);
            json.WriteEndObject();
            json.WriteEndObject();
        }
        stream.Write(buffer.Written);
        stream.WriteByte((byte)'\n');
    }

    static ShardIndex Read(ref Utf8JsonReader json, Func<string, CheckpointException> error)
    {
        OrderedDictionary<string, string>? files = null;
        string? structure = null;
        bool hasMetadata = false;
        Next(ref json, JsonTokenType.StartObject, "an object", error);
        while (NextKey(ref json) is { } key)
        {
            switch (key)
            {
                case WeightMap when files is null:
                    files = ReadFiles(ref json, error);
                    break;
                case Metadata when !hasMetadata:
                    hasMetadata = true;
                    structure = ReadStructure(ref json, error);
                    break;
                case WeightMap or Metadata:
                    throw error($"has '{key}' twice");
                default:
                    json.Skip();
                    break;
            }
        }
        if (json.Read())
            throw error("goes on after its end");
        return new(files ?? throw error("has no weight_map: this is JSON, but no index of a checkpoint's parts"), structure);
    }

    static OrderedDictionary<string, string> ReadFiles(ref Utf8JsonReader json, Func<string, CheckpointException> error)
    {
        var files = new OrderedDictionary<string, string>();
        var known = new Dictionary<string, string>(); // one string for each file, however many tensors it has
        Next(ref json, JsonTokenType.StartObject, "an object as weight_map", error);
        while (NextKey(ref json) is { } tensor)
        {
            Next(ref json, JsonTokenType.String, $"a file's name for the tensor '{tensor}'", error);
            string file = json.GetString()!;
            if (!known.TryGetValue(file, out string? same))
            {
                if (!IsFileName(file))
                    throw error($"has the tensor '{tensor}' in '{file}', which is no name of a file beside it");
                known.Add(file, same = file);
            }
            if (!files.TryAdd(tensor, same))
                throw error($"has the tensor '{tensor}' twice");
        }
        return files;
    }

    /// <summary>Our own text among what is said of the whole; the rest is the writer's business.</summary>
    static string? ReadStructure(ref Utf8JsonReader json, Func<string, CheckpointException> error)
    {
        string? structure = null;
        if (!json.Read() || json.TokenType is not (JsonTokenType.StartObject or JsonTokenType.Null))
            throw error("must have an object as metadata");
        while (json.TokenType != JsonTokenType.Null && NextKey(ref json) is { } key)
        {
            if (key != Safetensors.Structure.Key)
                json.Skip();
            else if (structure is null)
            {
                Next(ref json, JsonTokenType.String, $"a text as '{key}'", error);
                structure = json.GetString();
            }
            else
                throw error($"has '{key}' twice");
        }
        return structure;
    }

    /// <summary>Whether it can only be a file in the folder itself, on any system.</summary>
    static bool IsFileName(string name) => name.Length > 0 && Encoding.UTF8.GetByteCount(name) <= LongestName && name.Trim('.').Length > 0 && !name.Any(c => c is '/' or '\\' or ':' || char.IsControl(c));

    static string? NextKey(ref Utf8JsonReader json) => json.Read() && json.TokenType == JsonTokenType.PropertyName ? json.GetString() : null;

    static void Next(ref Utf8JsonReader json, JsonTokenType type, string what, Func<string, CheckpointException> error)
    {
        if (!json.Read() || json.TokenType != type)
            throw error($"must have {what}");
    }
}
