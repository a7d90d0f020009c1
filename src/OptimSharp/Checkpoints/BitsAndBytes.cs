using OptimSharp.Rules;

namespace OptimSharp;

/// <summary>
/// The layout of bitsandbytes' optimizer states: <c>state1</c> and <c>state2</c> for the tensors of a parameter in their order, as numbers or as 8-bit codes with <c>absmax1</c> (a scale for each block) and <c>qmap1</c> (what each
/// code stands for). Optimizers load it as it is; <see cref="ToStateDict"/> makes it.
/// </summary>
public static class BitsAndBytes
{
    const string Nested = "__bnb_optimizer_quant_state__";

    /// <summary>
    /// A copy of an optimizer's state dict in bitsandbytes' layout, for its <c>load_state_dict</c>. State must be of single numbers or of <see cref="StatePrecision.Dynamic8"/>. Groups get what it reads of all of them: <c>betas</c> (of SGD,
    /// momentum and dampening), <c>eps</c>.
    /// </summary>
    /// <param name="state">An optimizer's state dict.</param>
    /// <exception cref="StateDictException">A parameter has more than two tensors, or one in another precision.</exception>
    public static StateDict ToStateDict(StateDict state)
    {
        ArgumentNullException.ThrowIfNull(state);
        var made = state.Clone();
        var states = made.GetDict("state");
        foreach (var key in states.Keys.ToArray())
        {
            StateDict from = states.GetDict(key), to = [], tensors = [];
            int number = 0;
            foreach (var (name, value) in from)
            {
                bool packed = PackedState.Is(value);
                if (!packed && (value is not TensorData || name == StateEntry.Step.Key))
                    to[name] = value;
                else if (++number > 2)
                    throw new StateDictException(from.PathTo(name), "is a third tensor, but bitsandbytes' states have two");
                else if (!packed)
                    tensors[$"state{number}"] = value;
                else
                    Add((StateDict)value!, tensors, number);
            }
            if (!to.ContainsKey(StateEntry.Step.Key))
                to[StateEntry.Step.Key] = 1L; // it counts in all; to the rules that need no count, any but 0 says that the state is there
            to[Nested] = tensors;
            states[key] = to;
        }
        foreach (var group in made.GetDicts("param_groups"))
            AddOptions(group);
        return made;
    }

    /// <summary>What it reads of every group, whatever the rule.</summary>
    static void AddOptions(StateDict group)
    {
        if (!group.ContainsKey("betas"))
            group["betas"] = group.ContainsKey("alpha") ? new StateTuple([group["alpha"], Or("momentum")]) : new StateTuple([Or("momentum"), Or("dampening")]); // RMSprop, SGD
        group["eps"] = Or("eps");
        group["weight_decay"] = Or("weight_decay");

        object? Or(string key) => group.TryGetValue(key, out object? value) ? value : 0.0;
    }

    /// <summary>Whether a parameter's state is in the layout.</summary>
    internal static bool Is(StateDict from) => from.ContainsKey(Nested) || from.ContainsKey("state1");

    /// <summary>A parameter's state under the names that an optimizer has for it.</summary>
    internal static StateDict Translate(StateDict from, IReadOnlyList<StateEntry> entries)
    {
        var tensors = from.ContainsKey(Nested) ? from.GetDict(Nested) : from;
        var made = new StateDict { RootName = from.Path };
        foreach (var (key, value) in from)
        {
            if (key.Name == StateEntry.Step.Key ? entries.Contains(StateEntry.Step) : entries.Any(e => e.Key == key.Name)) // Lion, which counts no steps, has them there
                made[key] = value;
        }
        StateEntry[] own = [.. entries.Where(e => e.Kind == StateKind.Tensor)];
        for (int number = 1; number <= 2 && tensors.TryGetValue($"state{number}", out object? value); number++)
        {
            if (number > own.Length)
                throw new StateDictException(tensors.PathTo($"state{number}"), $"is one tensor more than the optimizer has: {string.Join(", ", own.Select(e => e.Key))}");
            made[own[number - 1].Key] = value is TensorData { ElementType: ElementType.UInt8 } codes ? Unpacked(tensors, number, codes) : value;
        }
        return made;
    }

    static void Add(StateDict packed, StateDict to, int number)
    {
        if (packed.GetString(PackedState.Precision) is var precision && precision != nameof(StatePrecision.Dynamic8))
            throw new StateDictException(packed.PathTo(PackedState.Precision), $"must be {nameof(StatePrecision.Dynamic8)} for bitsandbytes, but is {precision}");
        var codes = (TensorData)packed[PackedState.Codes]!;
        to[$"state{number}"] = new TensorData(codes.Storage, ElementType.UInt8, [.. packed.GetList(PackedState.Shape).Select(size => (long)size!)]);
        to[$"qmap{number}"] = packed[PackedState.Map];
        to[$"absmax{number}"] = packed[PackedState.Scale];
    }

    /// <summary>Codes as state dicts of ours have them, where blocks and values are ours; else numbers.</summary>
    static object Unpacked(StateDict tensors, int number, TensorData codes)
    {
        if (!PackedState.IsWhole(codes))
            throw new StateDictException(tensors.PathTo($"state{number}"), $"has {codes.Count} codes, and memory for fewer");
        if (tensors.TryGetValue($"qmap{number}", out object? map) && map is TensorData { Count: 256, ElementType: ElementType.Float32 } values
            && tensors.TryGetValue($"absmax{number}", out object? scales) && scales is TensorData { ElementType: ElementType.Float32 } scale)
        {
            foreach (int block in new[] { 256, 2048 }) // since version 0.44, and before
            {
                if (scale.Count == (codes.Count + block - 1) / block)
                    return (object?)(block == 256 ? PackedState.Of(codes, scale, values, codes.Shape.ToArray()) : null) ?? Numbers(codes, values.ToArray<float>(), scale.ToArray<float>(), block);
            }
            throw new StateDictException(tensors.PathTo($"absmax{number}"), $"must have a number for each block of 256, or of 2048, but has {scale.Count} for {codes.Count} codes");
        }
        throw new StateDictException(tensors.PathTo($"state{number}"), $"has codes, but qmap{number} or absmax{number} is missing or not of Float32");
    }

    static unsafe TensorData Numbers(TensorData codes, float[] values, float[] scales, int block)
    {
        var storage = new TensorStorage(checked(codes.Count * sizeof(float)));
        byte[] copy = codes.ToArray<byte>();
        for (int i = 0; i < copy.Length; i++)
            ((float*)storage.Start)[i] = values[copy[i]] * scales[i / block];
        return new(storage, ElementType.Float32, codes.Shape);
    }
}
