using OptimSharp.Engine;

namespace OptimSharp;

/// <summary>
/// State in blocks as state dicts have it: a dictionary of <c>codes</c>, <c>scale</c> (one a block), <c>qmap</c> (what each code stands for; not for fp8 codes, whose tensor's type says it), <c>precision</c>, <c>signed</c> and
/// <c>shape</c>. Number i is qmap[code i] · scale[i / block].
/// </summary>
internal static unsafe class PackedState
{
    public const string Codes = "codes", Scale = "scale", Map = "qmap", Precision = "precision", Shape = "shape";
    const string Signed = "signed";

    static readonly TensorData[] Maps = [.. Enum.GetValues<BlockFormat>().Select(MapOf)];

    /// <summary>A copy of a state tensor.</summary>
    public static StateDict Save(PackedTensor state) => Save(state.Format, state.Shape, TensorData.From(state.Codes).Storage, TensorData.From(state.Scales).Storage);

    /// <summary>A state tensor whose codes and scales are there already.</summary>
    public static StateDict Save(BlockFormat format, ReadOnlySpan<long> shape, TensorStorage codes, TensorStorage scales)
    {
        var saved = new StateDict
        {
            { Precision, BlockFormats.PrecisionOf(format).ToString() },
            { Signed, format.IsSigned() },
            { Shape, shape.ToArray() },
            { Codes, new TensorData(codes, format.IsFloat8() ? ElementType.Float8E4M3FN : ElementType.UInt8, [codes.Bytes]) },
            { Scale, new TensorData(scales, ElementType.Float32, [scales.Bytes / sizeof(float)]) },
        };
        if (!format.IsFloat8())
            saved[Map] = Maps[(int)format];
        return saved;
    }

    /// <summary>Codes with a scale for each block of them; null when the values of codes are others than ours.</summary>
    /// <param name="codes">The codes.</param>
    /// <param name="scale">The blocks' scales.</param>
    /// <param name="values">What each code stands for; null for those of floating-point numbers.</param>
    /// <param name="shape">The tensor's sizes.</param>
    public static StateDict? Of(TensorData codes, TensorData scale, TensorData? values, long[] shape)
    {
        float[] map = values?.ToArray<float>() ?? [];
        foreach (var format in Enum.GetValues<BlockFormat>().Where(format => format != BlockFormat.None && (values is null) == format.IsFloat8()))
        {
            if (!map.AsSpan().SequenceEqual(Maps[(int)format].ToArray<float>()))
                continue;
            var made = new StateDict { { Precision, BlockFormats.PrecisionOf(format).ToString() }, { Signed, format.IsSigned() }, { Shape, shape }, { Codes, codes }, { Scale, scale } };
            if (values is not null)
                made[Map] = values;
            return made;
        }
        return null;
    }

    /// <summary>A state with our own maps in the place of equal ones, as of another process: so a file has each once.</summary>
    public static object? WithOwnMaps(object? value)
    {
        switch (value)
        {
            case StateDict dict:
                foreach (var (key, entry) in dict.ToArray())
                    dict[key] = key.Equals(Map) && entry is TensorData map ? Array.Find(Maps, own => own is not null && own.Shape.SequenceEqual(map.Shape) && own.ToArray<float>().AsSpan().SequenceEqual(map.ToArray<float>())) ?? map : WithOwnMaps(entry);
                return dict;
            case object?[] list:
                return Array.ConvertAll(list, WithOwnMaps);
            default:
                return value;
        }
    }

    /// <summary>Whether a value of a state dict is such a dictionary.</summary>
    public static bool Is(object? value) => value is StateDict dict && dict.ContainsKey(Codes) && dict.ContainsKey(Scale);

    /// <summary>Reads one: as it is, for the caller to dispose.</summary>
    /// <exception cref="StateDictException">It is none that this version knows, or its parts do not fit each other.</exception>
    public static PackedTensor Read(StateDict from)
    {
        string name = from.GetString(Precision);
        if (!Enum.TryParse(name, out StatePrecision precision) || !precision.IsInBlocks() || precision.ToString() != name)
            throw from.Wrong(Precision, name, string.Join(", ", Enum.GetValues<StatePrecision>().Where(p => p.IsInBlocks())));
        long[] shape = [.. from.GetList(Shape).Select((size, i) => size is long and >= 0 ? (long)size : throw from.Wrong($"{Shape}[{i}]", size, "a whole number ≥ 0"))];
        var format = BlockFormats.Of(precision, from.GetBoolean(Signed));
        Int128 count = 1;
        foreach (long size in shape)
            count = Int128.Min(count * size, (Int128)1 << 62);
        CheckTensor(from, Codes, format.IsFloat8() ? ElementType.Float8E4M3FN : ElementType.UInt8, format.CodeBytes((long)count));
        CheckTensor(from, Scale, ElementType.Float32, format.Blocks((long)count));
        if (!format.IsFloat8() && !(from.TryGetValue(Map, out object? map) && map is TensorData values && values.ElementType == ElementType.Float32 && values.ToArray<float>().SequenceEqual(Maps[(int)format].ToArray<float>())))
            throw new StateDictException(OptimizerState.PathIn(from, Map), $"must be the values of {precision}'s codes, but is something else");
        if (((TensorData)from[Scale]!).ToArray<float>() is var scales && Array.FindIndex(scales, scale => scale < 0 || float.IsInfinity(scale)) is >= 0 and var block)
            throw new StateDictException(OptimizerState.PathIn(from, Scale), $"must be ≥ 0 and not infinite, but that of block {block} is {scales[block]}");
        var state = new PackedTensor(shape, format);
        ((TensorData)from[Codes]!).CopyTo((byte*)state.Codes.Start, 0, state.Codes.Count);
        ((TensorData)from[Scale]!).CopyTo((byte*)state.Scales.Start, 0, state.Scales.Count);
        return state;
    }

    /// <summary>Whether a tensor has memory for each of its elements, and does not repeat some: what is made of it is not larger than its file.</summary>
    public static bool IsWhole(TensorData data) => data.Storage.Bytes / data.ElementType.Size() >= data.Count;

    static void CheckTensor(StateDict from, string key, ElementType type, long count)
    {
        if (from[key] is not TensorData data || data.ElementType != type || data.Count != count || !IsWhole(data))
            throw from.Wrong(key, from[key], $"a tensor of {count} elements in {type}");
    }

    static TensorData MapOf(BlockFormat format) => format switch
    {
        BlockFormat.Dynamic8Signed => TensorData.Of(new ReadOnlySpan<float>(DynamicMap.Signed.Table.Values, 256), 256),
        BlockFormat.Dynamic8Unsigned => TensorData.Of(new ReadOnlySpan<float>(DynamicMap.Unsigned.Table.Values, 256), 256),
        BlockFormat.Linear4Signed or BlockFormat.Linear4Unsigned => TensorData.Of(new ReadOnlySpan<float>(Linear4.Map(format == BlockFormat.Linear4Signed), 16), 16),
        _ => TensorData.Of<float>([], 0),
    };
}
