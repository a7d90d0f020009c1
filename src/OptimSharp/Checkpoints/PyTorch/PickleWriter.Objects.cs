using OptimSharp.Engine;

namespace OptimSharp.PyTorch;

// Tensors, and objects of any class.
internal sealed partial class PickleWriter
{
    /// <summary>A call that makes a view of a storage: torch._utils._rebuild_tensor_v2, or, for the types since 2.3, _v3.</summary>
    void Tensor(TensorData tensor)
    {
        if (Recall(tensor))
            return;
        Global("torch._utils", Rebuilder(tensor));
        TensorArguments(tensor);
        Code(Opcode.Reduce);
        Remember(tensor);
    }

    static string Rebuilder(TensorData tensor) => tensor.ElementType.StorageName() == TorchTypes.UntypedStorage ? "_rebuild_tensor_v3" : "_rebuild_tensor_v2";

    void TensorArguments(TensorData tensor)
    {
        string storage = tensor.ElementType.StorageName();
        Code(Opcode.Mark);
        Storage(tensor, storage, storage == TorchTypes.UntypedStorage ? tensor.Storage.Bytes : tensor.Storage.Bytes / tensor.ElementType.Size());
        Number(tensor.Offset);
        Sizes(tensor.Shape);
        Sizes(tensor.Strides);
        Code(Opcode.NewFalse); // requires_grad
        Global("collections", "OrderedDict"); // no hooks
        Code(Opcode.EmptyTuple);
        Code(Opcode.Reduce);
        if (storage == TorchTypes.UntypedStorage)
            Global("torch", tensor.ElementType.Name());
        Code(Opcode.Tuple);
    }

    void Storage(TensorData tensor, string name, long count)
    {
        ref int number = ref System.Runtime.InteropServices.CollectionsMarshal.GetValueRefOrAddDefault(numbers, (tensor.Storage, name), out bool isKnown);
        if (!isKnown)
        {
            number = storages.Count;
            storages.Add(tensor.Storage);
        }
        Code(Opcode.Mark);
        Text("storage");
        Global(name == TorchTypes.UntypedStorage ? "torch.storage" : "torch", name);
        Text(number.ToString(System.Globalization.CultureInfo.InvariantCulture));
        Text("cpu");
        Number(count);
        Code(Opcode.Tuple);
        Code(Opcode.BinPersId);
    }

    void Sparse(SparseTensorData sparse)
    {
        if (Recall(sparse))
            return;
        Global("torch._utils", "_rebuild_sparse_tensor");
        Global("torch.serialization", "_get_layout");
        Text(TensorCalls.NameOf(sparse.Layout));
        Code(Opcode.Tuple1);
        Code(Opcode.Reduce);
        Code(Opcode.Mark);
        if (sparse.Pointers is { } pointers)
            Tensor(pointers);
        Tensor(sparse.Indices);
        Tensor(sparse.Values);
        Global("torch", "Size");
        Sizes(sparse.Shape);
        Code(Opcode.Tuple1);
        Code(Opcode.Reduce);
        if (sparse.IsCoalesced is { } isCoalesced)
            Code(isCoalesced ? Opcode.NewTrue : Opcode.NewFalse);
        Code(Opcode.Tuple);
        Code(Opcode.Tuple2);
        Code(Opcode.Reduce);
        Remember(sparse);
    }

    /// <summary>Bytes as protocol 2 has them, which weights_only=True reads: a text of letters up to 255, encoded.</summary>
    void Bytes(ReadOnlyMemory<byte> bytes)
    {
        if (Recall(bytes))
            return;
        Global("_codecs", "encode");
        Text(System.Text.Encoding.Latin1.GetString(bytes.Span));
        Text("latin1");
        Code(Opcode.Tuple2);
        Code(Opcode.Reduce);
        Remember(bytes);
    }

    /// <summary>A dictionary of a class of its own that came from an object: made without calling the class.</summary>
    void OfClass(string type, StateDict dict, int depth)
    {
        int dot = type.LastIndexOf('.');
        if (dot <= 0 || !PythonClass.IsName(type))
            throw new ArgumentException($"A dictionary of the class '{type}' can't be saved: that is no name of a class in a module.", nameof(type));
        Global(type[..dot], type[(dot + 1)..]);
        Code(Opcode.EmptyTuple);
        Code(Opcode.NewObj);
        Entries(dict, depth);
        if (dict.Attributes is { } attributes)
        {
            Value(attributes, depth + 1);
            Code(Opcode.Build);
        }
    }

    void Object(PythonObject thing, int depth)
    {
        if (thing.Kind == PythonObjectKind.Reference)
        {
            Global(thing.Module, thing.Name);
            return;
        }
        if (Recall(thing))
            return;
        if (thing.Kind == PythonObjectKind.Storage)
        {
            WholeStorage(thing);
            return;
        }
        if (thing.Callee is { } callee)
            Object(callee, depth + 1);
        else
            Global(thing.Module, thing.Name);
        if (thing is { Type: PythonClass.Set or PythonClass.FrozenSet, Kind: PythonObjectKind.Call, Arguments: [] })
        {
            List(thing.Items ?? [], depth);
            Code(Opcode.Tuple1);
            Code(Opcode.Reduce);
            Remember(thing);
            Contents(thing, [], depth);
            return;
        }
        Arguments(thing, depth);
        if (thing.KeywordArguments is { } names)
        {
            Value(names, depth + 1);
            Code(Opcode.NewObjEx);
        }
        else
        {
            Code(thing.Kind == PythonObjectKind.Call ? Opcode.Reduce : Opcode.NewObj);
        }
        Remember(thing);
        Contents(thing, thing.Items ?? [], depth);
    }

    void Arguments(PythonObject thing, int depth)
    {
        if (thing is { Type: "torch._tensor._rebuild_from_type_v2", Arguments: [PythonObject { Type: "torch._utils._rebuild_tensor_v2" or "torch._utils._rebuild_tensor_v3" }, var type, StateTuple { Count: 1 } inner, var state] }
            && inner[0] is TensorData tensor)
        {
            Code(Opcode.Mark);
            Global("torch._utils", Rebuilder(tensor));
            Value(type, depth + 1);
            TensorArguments(tensor);
            Value(state, depth + 1);
            Code(Opcode.Tuple);
        }
        else
        {
            Tuple(thing.Arguments, depth);
        }
    }

    /// <summary>What an object gets after it was made: items, entries, state.</summary>
    void Contents(PythonObject thing, IReadOnlyList<object?> items, int depth)
    {
        if (items.Count > 0)
        {
            Code(Opcode.Mark);
            foreach (object? item in items)
                Value(item, depth + 1);
            Code(Opcode.Appends);
        }
        if (thing.Entries is { } entries)
            Entries(entries, depth);
        if (thing.Content.TryGetValue(PythonObject.StateName, out object? state))
        {
            Value(state, depth + 1);
            Code(Opcode.Build);
        }
        if (thing.Content.TryGetValue(PythonObject.AfterKey, out object? after))
        {
            Value(after, depth + 1);
            Code(Opcode.Pop);
        }
    }

    void WholeStorage(PythonObject thing)
    {
        if (thing.WholeStorage is not { } all)
            throw new ArgumentException($"The storage '{thing.Type}' can't be saved: its argument must be one tensor with all of its elements.", nameof(thing));
        var (type, parts) = TorchTypes.Stored(thing.Name);
        Storage(all, thing.Name, all.Storage.Bytes / type.Size() / parts);
        Remember(thing);
    }
}
