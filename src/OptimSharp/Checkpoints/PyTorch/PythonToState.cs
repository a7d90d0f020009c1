namespace OptimSharp.PyTorch;

/// <summary>
/// Makes a state of what a pickle was read to. A list or dictionary that is in several places is in each of them then; a bound on how many there are in all
/// keeps a small file from becoming a large one so, and a bound on the depth ends what is within itself. Objects are made once each, one after the other, so that
/// they may be within themselves.
/// </summary>
/// <param name="budget">How many values there may be in all places together. Each takes a byte at least where it is no repetition.</param>
/// <param name="error">Makes the exception for what is wrong.</param>
internal sealed class PythonToState(long budget, Func<string, CheckpointException> error)
{
    readonly NumpyValues numpy = new(error);
    readonly TensorCalls tensors = new(error);
    readonly Dictionary<object, object?> known = new(ReferenceEqualityComparer.Instance);
    readonly Queue<(PythonInstance From, PythonObject To)> waiting = [];

    /// <summary>The value, whatever it is.</summary>
    public object? Of(object? root)
    {
        object? value = Value(root, 0);
        if (value is not StateDict)
            value = new StateDict { { "", value } }[""]; // a list with all its lists
        while (waiting.TryDequeue(out var next))
            Fill(next.To.Content, next.To.Type, next.From);
        return value;
    }

    StateDict Dictionary(PythonDict dict, int depth)
    {
        var state = new StateDict { PythonType = dict.Type, Attributes = dict.Attributes is null ? null : (StateDict)Value(dict.Attributes, depth + 1)! };
        Add(state, dict.Items, depth);
        return state;
    }

    void Add(StateDict state, OrderedDictionary<StateKey, object?> entries, int depth)
    {
        foreach (var (key, value) in entries)
            state[Key(key)] = Value(value, depth + 1);
    }

    object? Value(object? value, int depth)
    {
        if (--budget < 0)
            throw error("has objects in so many places that it is larger than it could honestly be");
        if (depth > PythonClass.Deepest)
            throw error($"has more than {PythonClass.Deepest} levels within each other, or something that is within itself");
        return value switch
        {
            PythonDict dict => Dictionary(dict, depth),
            PythonList list => list.Items.ConvertAll(item => Value(item, depth + 1)),
            PythonTuple tuple => new StateTuple(tuple.Items.Select(item => Value(item, depth + 1)), tuple.Type),
            PythonInstance thing => Known(thing, Made),
            PythonGlobal global => Known(global, made => new PythonObject(made.Module, made.Name, PythonObjectKind.Reference, new StateDict { RootName = made.FullName })),
            PythonStorage storage => Known(storage, Made),
            _ => value,
        };
    }

    object? Known<T>(T node, Func<T, object?> make) where T : class
    {
        if (!known.TryGetValue(node, out object? value))
            known.Add(node, value = make(node));
        return value;
    }

    /// <summary>What a call gave, where it can be told; else the call itself.</summary>
    object? Made(PythonInstance thing)
    {
        if (NumpyValues.Scalar(thing) is { } number)
            return number;
        if (numpy.Array(thing) is { } array)
            return array;
        if (thing is { FullName: "torch._utils._rebuild_sparse_tensor" or "torch._utils._rebuild_sparse_csr_tensor", HasState: false } && tensors.Sparse(thing.Arguments) is { } sparse)
            return sparse;
        var root = Root(thing);
        var made = new PythonObject(root.Module, root.Name, thing.Kind, new StateDict { RootName = root.FullName });
        waiting.Enqueue((thing, made));
        return made;
    }

    object Made(PythonStorage storage)
    {
        if (storage.First > 0 || storage.Storage.Bytes - storage.Bytes >= 16)
            throw error("holds a part of a storage that belongs to no tensor");
        var (type, parts) = TorchTypes.Stored(storage.Name);
        long elements = storage.Storage.Bytes / Engine.Storage.Size(type) / parts; // a file's entry may have a few bytes more than it says
        var all = new TensorData(storage.Storage, type, 0, [elements * parts], [1]);
        return new PythonObject("torch", storage.Name, PythonObjectKind.Storage, [all]);
    }

    /// <summary>The class or function that all begins with, where what is called is what another call gave.</summary>
    PythonGlobal Root(PythonInstance thing)
    {
        object callee = thing.Callee;
        for (int depth = 0; callee is PythonInstance inner; depth++)
            callee = depth < PythonClass.Deepest ? inner.Callee : throw error($"calls what more than {PythonClass.Deepest} calls gave");
        return (PythonGlobal)callee;
    }

    void Fill(StateDict content, string type, PythonInstance from)
    {
        if (from.Callee is PythonInstance)
            content[PythonObject.CalleeKey] = Value(from.Callee, 1);
        if (from.Arguments.Length > 0)
            content[PythonObject.ArgumentsKey] = new StateTuple(from.Arguments.Select(item => Value(item, 1)));
        if (from.Keywords is { } keywords)
            content[PythonObject.KeywordsKey] = Value(keywords, 1);
        if (from.Items is { } items)
            content[PythonObject.ItemsKey] = items.ConvertAll(item => Value(item, 1));
        if (from.Entries is { } entries)
        {
            var dict = new StateDict { PythonType = type };
            Add(dict, entries, 1);
            content[PythonObject.EntriesKey] = dict;
        }
        if (from.HasState)
            content[PythonObject.StateName] = Value(from.State, 1);
        if (from.After is { } after)
            content[PythonObject.AfterKey] = Value(after, 1);
    }

    StateKey Key(StateKey key)
    {
        if (key.Parts is { } parts)
            return Array.ConvertAll(parts, Key) is var made && made.AsSpan().SequenceEqual(parts) ? key : StateKey.OfParts(made);
        if (key.Node is not (PythonInstance or PythonGlobal or PythonTuple))
            return key;
        object? value = Value(key.Node, 1);
        return value is StateTuple size ? StateKey.Of(new StateTuple(size)) : StateKey.Of(value); // of torch.Size its numbers
    }
}
