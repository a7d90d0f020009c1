using OptimSharp.Engine;
using OptimSharp.Rules;

namespace OptimSharp;

/// <summary>
/// The layout of torchao's optimizers with state in few bits (<c>AdamW8bit</c>, <c>AdamW4bit</c>, <c>AdamWFp8</c> and those of Adam): each tensor is an object of a class of torchao's, with codes, a scale for each block and what the
/// codes stand for. Optimizers load it as it is; <see cref="ToStateDict"/> makes it.
/// </summary>
public static class TorchAO
{
    const string Eight = "OptimState8bit", Four = "OptimState4bit", FloatingPoint = "OptimStateFp8", RebuildModule = "torch._tensor", RebuildName = "_rebuild_from_type_v2", Rebuild = $"{RebuildModule}.{RebuildName}";
    const string BlockSize = "block_size", Signed = "signed", FourShape = "_shape";

    /// <summary>
    /// A copy of an optimizer's state dict in torchao's layout, for its <c>load_state_dict</c>. Save it with <see cref="CheckpointSaveOptions.AllowObjects"/>: the file has objects of torchao's classes, which <c>torch.load</c> reads where torchao is
    /// imported. What torchao keeps in floats, because blocks would not be whole, becomes floats. The rate becomes a tensor in single precision, as torchao needs it, and so does the count of steps.
    /// </summary>
    /// <param name="state">An optimizer's state dict.</param>
    public static StateDict ToStateDict(StateDict state)
    {
        ArgumentNullException.ThrowIfNull(state);
        var made = state.Clone();
        var states = made.GetDict("state");
        foreach (var of in states.Keys.Select(states.GetDict))
        {
            foreach (var (key, value) in of.ToArray())
            {
                if (PackedState.Is(value))
                    of[key] = Packed((StateDict)value!);
                else if (key.Name == StateEntry.Step.Key)
                    of[key] = Scalar(OptimizerState.Number(of, key.Name));
            }
        }
        foreach (var group in made.GetDicts("param_groups"))
        {
            if (group.ContainsKey("lr"))
                group["lr"] = Scalar(OptimizerState.Number(group, "lr"));
        }
        return made;
    }

    /// <summary>Whether a value of a state dict is a tensor of torchao's.</summary>
    internal static bool Is(object? value) => value is PythonObject { Type: Rebuild, Arguments: [_, PythonObject { Name: Eight or Four or FloatingPoint } of, _, StateDict] } && of.Module.StartsWith("torchao.", StringComparison.Ordinal);

    /// <summary>Such a tensor as state dicts of ours have it, where blocks and values are ours; else numbers.</summary>
    /// <param name="value">The tensor.</param>
    /// <param name="path">Where it is.</param>
    /// <exception cref="StateDictException">A part is missing or does not fit the others.</exception>
    internal static object Read(object value, string path)
    {
        var (type, parts) = ((PythonObject)((PythonObject)value).Arguments[1]!, (StateDict)((PythonObject)value).Arguments[3]!);
        var codes = Part(parts, PackedState.Codes, type.Name == FloatingPoint ? ElementType.Float8E4M3FN : ElementType.UInt8, path);
        var scale = Part(parts, PackedState.Scale, ElementType.Float32, path);
        long count = type.Name == Four ? checked(codes.Count * 2) : codes.Count;
        if (scale.Count == 0 || count % scale.Count != 0)
            throw new StateDictException($"{path}.{PackedState.Scale}", $"must have a number for each block of the {count} codes, but has {scale.Count}");
        long block = count / scale.Count;
        if (type.Name == FloatingPoint)
            return (object?)(block == 256 ? PackedState.Of(codes, scale, null, codes.Shape.ToArray()) : null) ?? Numbers(codes.ToArray<byte>(), code => Float8.Values(ElementType.Float8E4M3FN)[code], scale, block, codes.Shape);
        var map = Part(parts, PackedState.Map, ElementType.Float32, path);
        if (map.Count != (type.Name == Four ? 16 : 256))
            throw new StateDictException($"{path}.{PackedState.Map}", $"must have a number for each code, but has {map.Count}");
        float[] values = map.ToArray<float>();
        if (type.Name == Eight)
            return (object?)(block == 256 ? PackedState.Of(codes, scale, map, codes.Shape.ToArray()) : null) ?? Numbers(codes.ToArray<byte>(), code => values[code], scale, block, codes.Shape);
        long[] shape = parts.TryGetValue(FourShape, out object? sizes) && sizes is IReadOnlyList<object?> list && list.All(size => size is long and >= 0) ? [.. list.Select(size => (long)size!)]
            : throw new StateDictException($"{path}.{FourShape}", "must be the tensor's sizes");
        if (shape.Aggregate((Int128)1, (product, size) => Int128.Min(product * size, (Int128)1 << 62)) != count)
            throw new StateDictException($"{path}.{FourShape}", $"is [{string.Join(", ", shape)}], but there are {count} codes");
        return (object?)(block == 128 ? PackedState.Of(codes, scale, map, shape) : null)
            ?? Numbers([.. codes.ToArray<byte>().SelectMany(two => (byte[])[(byte)(two >> 4), (byte)(two & 15)])], code => values[code], scale, block, shape);
    }

    static TensorData Part(StateDict parts, string key, ElementType type, string path) => parts.TryGetValue(key, out object? value) && value is TensorData data && data.ElementType == type && PackedState.IsWhole(data) ? data
        : throw new StateDictException($"{path}.{key}", value is null ? "is missing" : $"must be a tensor in {type}, but is {StateDict.Text(value, most: 200)}");

    static unsafe TensorData Numbers(byte[] codes, Func<byte, float> value, TensorData scale, long block, ReadOnlySpan<long> shape)
    {
        float[] scales = scale.ToArray<float>();
        var storage = new TensorStorage(checked(codes.LongLength * sizeof(float)));
        for (long i = 0; i < codes.LongLength; i++)
            ((float*)storage.Start)[i] = value(codes[i]) * scales[i / block];
        return new(storage, ElementType.Float32, shape);
    }

    static unsafe object Packed(StateDict packed)
    {
        using var state = PackedState.Read(packed);
        long[] shape = state.Shape.ToArray();
        if (state.Count % state.Format.BlockSize() != 0)
        {
            var numbers = new TensorStorage(checked(state.Count * sizeof(float)));
            state.Read((float*)numbers.Start);
            return new TensorData(numbers, ElementType.Float32, shape);
        }
        var codes = TensorData.From(state.Codes);
        var attributes = new StateDict();
        var (file, name) = BlockFormats.PrecisionOf(state.Format) switch { StatePrecision.Dynamic8 => ("8bit", Eight), StatePrecision.Linear4 => ("4bit", Four), _ => ("fp8", FloatingPoint) };
        attributes[PackedState.Codes] = name == Four ? codes : new TensorData(codes.Storage, name == Eight ? ElementType.UInt8 : ElementType.Float8E4M3FN, shape);
        attributes[PackedState.Scale] = packed[PackedState.Scale];
        if (name != FloatingPoint)
        {
            attributes[PackedState.Map] = packed[PackedState.Map];
            attributes[Signed] = packed[Signed];
        }
        if (name == Four)
            attributes[FourShape] = Sizes(shape, "torch.Size");
        attributes[BlockSize] = (long)state.Format.BlockSize();
        long[] strides = new long[shape.Length];
        for (int i = shape.Length - 1; i >= 0; i--)
            strides[i] = i == shape.Length - 1 ? 1 : strides[i + 1] * shape[i + 1];
        var type = new PythonObject($"torchao.optim.subclass_{file}", name, PythonObjectKind.Reference);
        StateTuple tensor = new( // class, type of the elements, size, strides, offset, layout, device, whether it has gradients
        [
            type, ElementType.Float32, Sizes(shape), Sizes(strides), 0L, Call("torch.serialization", "_get_layout", "torch.strided"), Call("torch", "device", "cpu"), false,
        ]);
        return Call(RebuildModule, RebuildName, new PythonObject("torch._utils", "_rebuild_wrapper_subclass", PythonObjectKind.Reference), type, tensor, attributes);
    }

    static PythonObject Call(string module, string name, params object?[] arguments) => new(module, name, PythonObjectKind.Call, new StateTuple(arguments));

    static StateTuple Sizes(long[] sizes, string? type = null) => new(sizes.Select(size => (object?)size), type);

    static TensorData Scalar(double value) => TensorData.Of(new[] { (float)value }, []);
}
