using System.Text.Json;

namespace OptimSharp.Safetensors;

/// <summary>Where a tensor is in a file.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Type">The type of its elements.</param>
/// <param name="Shape">The sizes of its dimensions.</param>
/// <param name="Begin">Its first byte, counted from the header's end.</param>
/// <param name="End">The byte after its last.</param>
internal sealed record SafetensorsPlace(string Name, ElementType Type, long[] Shape, long Begin, long End);

/// <summary>Reads a safetensors header: JSON, in which every key is known and none comes twice.</summary>
internal ref struct SafetensorsHeader
{
    const int MostDimensions = 64;

    readonly Func<string, CheckpointException> error;
    Utf8JsonReader json;

    SafetensorsHeader(ReadOnlySpan<byte> header, Func<string, CheckpointException> error)
    {
        this.error = error;
        json = new(header);
    }

    /// <summary>The tensors in the header's order, and the texts.</summary>
    public static (List<SafetensorsPlace> Places, OrderedDictionary<string, string> Metadata) Read(byte[] header, Func<string, CheckpointException> error)
    {
        if (header is not [(byte)'{', ..])
            throw error("does not begin with '{'");
        try
        {
            _ = StrictUtf8.GetCharCount(header);
            var reader = new SafetensorsHeader(header, error);
            return reader.ReadAll();
        }
        catch (JsonException e)
        {
            throw error($"is no JSON as it must be: {e.Message.TrimEnd('.')}");
        }
        catch (Exception e) when (e is InvalidOperationException or System.Text.DecoderFallbackException) // half a surrogate pair, or no UTF-8
        {
            throw error("has a text that is no UTF-8");
        }
    }

    static readonly System.Text.UTF8Encoding StrictUtf8 = new(false, throwOnInvalidBytes: true);

    (List<SafetensorsPlace> Places, OrderedDictionary<string, string> Metadata) ReadAll()
    {
        var places = new List<SafetensorsPlace>();
        var names = new HashSet<string>();
        var metadata = new OrderedDictionary<string, string>();
        Next(JsonTokenType.StartObject, "an object");
        while (NextKey() is { } name)
        {
            if (!names.Add(name))
                throw error($"names '{name}' twice");
            if (name == "__metadata__")
                ReadMetadata(metadata);
            else
                places.Add(ReadPlace(name));
        }
        if (json.Read())
            throw error("goes on after its end");
        return (places, metadata);
    }

    void ReadMetadata(OrderedDictionary<string, string> metadata)
    {
        Next(JsonTokenType.StartObject, "an object for __metadata__");
        while (NextKey() is { } key)
        {
            Next(JsonTokenType.String, "a text for each key of __metadata__");
            if (!metadata.TryAdd(key, json.GetString()!))
                throw error($"names '{key}' twice in __metadata__");
        }
    }

    SafetensorsPlace ReadPlace(string name)
    {
        ElementType? type = null;
        long[]? shape = null, offsets = null;
        Next(JsonTokenType.StartObject, $"an object for the tensor '{name}'");
        while (NextKey() is { } key)
        {
            switch (key)
            {
                case "dtype" when type is null:
                    Next(JsonTokenType.String, $"a text for the dtype of '{name}'");
                    type = SafetensorsTypes.Find(json.GetString()!) ?? throw error($"has the tensor '{name}' of dtype '{json.GetString()}'; what can be read are {SafetensorsTypes.Names}");
                    break;
                case "shape" when shape is null:
                    shape = ReadNumbers(name, MostDimensions);
                    break;
                case "data_offsets" when offsets is null:
                    offsets = ReadNumbers(name, 2);
                    break;
                default:
                    throw error($"has '{key}' for the tensor '{name}', twice or at all");
            }
        }
        return type is not null && shape is not null && offsets is [var begin, var end] ? new(name, type.Value, shape, begin, end)
            : throw error($"lacks dtype, shape or both data_offsets of the tensor '{name}'");
    }

    long[] ReadNumbers(string name, int most)
    {
        var numbers = new List<long>();
        Next(JsonTokenType.StartArray, $"lists of whole numbers for the tensor '{name}'");
        while (json.Read() && json.TokenType != JsonTokenType.EndArray)
        {
            if (json.TokenType != JsonTokenType.Number || !json.TryGetInt64(out long number) || number < 0)
                throw error($"must have whole numbers ≥ 0 in shape and data_offsets of the tensor '{name}'");
            if (numbers.Count == most)
                throw error($"has more than {most} numbers for the tensor '{name}' where that is the most");
            numbers.Add(number);
        }
        return [.. numbers];
    }

    string? NextKey()
    {
        if (!json.Read())
            throw error("is cut off");
        return json.TokenType == JsonTokenType.PropertyName ? json.GetString() : null;
    }

    void Next(JsonTokenType type, string what)
    {
        if (!json.Read() || json.TokenType != type)
            throw error($"must have {what}");
    }
}
