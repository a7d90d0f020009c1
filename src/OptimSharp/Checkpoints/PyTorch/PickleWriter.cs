using System.Buffers;
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using OptimSharp.Kernels;

namespace OptimSharp.PyTorch;

/// <summary>Writes a state dict as the pickle of PyTorch's files, and gives numbers to the storages that go beside it.</summary>
internal sealed class PickleWriter
{
    readonly ArrayBufferWriter<byte> pickle = new();
    readonly Dictionary<object, int> memo = []; // texts and names of globals by what they say, tensors by being the same object
    readonly Dictionary<(TensorStorage, string), int> numbers = [];
    readonly List<TensorStorage> storages = [];

    /// <summary>The pickle, and the storages in the order of their numbers.</summary>
    public static (byte[] Pickle, IReadOnlyList<TensorStorage> Storages) Write(StateDict state)
    {
        var writer = new PickleWriter();
        writer.Code(Opcode.Proto);
        writer.Byte(2);
        writer.Value(state, 0);
        writer.Code(Opcode.Stop);
        return (writer.pickle.WrittenSpan.ToArray(), writer.storages);
    }

    void Value(object? value, int depth)
    {
        PythonClass.CheckDepth(depth);
        switch (value)
        {
            case null:
                Code(Opcode.None);
                break;
            case bool flag:
                Code(flag ? Opcode.NewTrue : Opcode.NewFalse);
                break;
            case long number:
                Number(number);
                break;
            case double number:
                Code(Opcode.BinFloat);
                BinaryPrimitives.WriteDoubleBigEndian(Room(8), number);
                break;
            case string text:
                Text(text);
                break;
            case ElementType type:
                Global("torch", type.Name());
                break;
            case StateDevice device:
                Global("torch", "device");
                Text(device.Type);
                if (device.Index is { } index)
                    Number(index);
                Code(device.Index is null ? Opcode.Tuple1 : Opcode.Tuple2);
                Code(Opcode.Reduce);
                break;
            case TensorData tensor:
                Tensor(tensor);
                break;
            case StateDict dict:
                Dictionary(dict, depth);
                break;
            case StateTuple { PythonType: null } tuple:
                Tuple(tuple, depth);
                break;
            case StateTuple tuple:
                PythonClass.Check(tuple);
                Global("torch", "Size");
                Tuple(tuple, depth);
                Code(Opcode.Tuple1);
                Code(Opcode.Reduce);
                break;
            default:
                List((IReadOnlyList<object?>)value, depth);
                break;
        }
    }

    void Dictionary(StateDict dict, int depth)
    {
        PythonClass.Check(dict);
        switch (dict.PythonType)
        {
            case null:
                Code(Opcode.EmptyDict);
                Entries(dict, depth);
                break;
            case PythonClass.Counter:
                Global("collections", "Counter");
                Code(Opcode.EmptyDict);
                Entries(dict, depth);
                Code(Opcode.Tuple1);
                Code(Opcode.Reduce);
                break;
            default:
                Global("collections", "OrderedDict");
                Code(Opcode.EmptyTuple);
                Code(Opcode.Reduce);
                Entries(dict, depth);
                if (dict.Attributes is { } attributes)
                {
                    Value(attributes, depth + 1);
                    Code(Opcode.Build);
                }
                break;
        }
    }

    void Entries(StateDict dict, int depth)
    {
        if (dict.Count == 0)
            return;
        Code(Opcode.Mark);
        foreach (var (key, value) in dict)
        {
            if (key.Name is { } name)
                Text(name);
            else
                Number(key.Number);
            Value(value, depth + 1);
        }
        Code(Opcode.SetItems);
    }

    void List(IReadOnlyList<object?> list, int depth)
    {
        Code(Opcode.EmptyList);
        if (list.Count == 0)
            return;
        Code(Opcode.Mark);
        foreach (object? item in list)
            Value(item, depth + 1);
        Code(Opcode.Appends);
    }

    void Tuple(StateTuple items, int depth)
    {
        if (items.Count > 3)
            Code(Opcode.Mark);
        foreach (object? item in items)
            Value(item, depth + 1);
        Code(items.Count switch { 0 => Opcode.EmptyTuple, 1 => Opcode.Tuple1, 2 => Opcode.Tuple2, 3 => Opcode.Tuple3, _ => Opcode.Tuple });
    }

    /// <summary>A call that makes a view of a storage: torch._utils._rebuild_tensor_v2, or, for the types since 2.3, _v3.</summary>
    void Tensor(TensorData tensor)
    {
        if (Recall(tensor))
            return;
        string storage = tensor.ElementType.StorageName();
        bool isUntyped = storage == TorchTypes.UntypedStorage;
        Global("torch._utils", isUntyped ? "_rebuild_tensor_v3" : "_rebuild_tensor_v2");
        Code(Opcode.Mark);
        Storage(tensor, storage);
        Number(tensor.Offset);
        Sizes(tensor.Shape);
        Sizes(tensor.Strides);
        Code(Opcode.NewFalse); // requires_grad
        Global("collections", "OrderedDict"); // no hooks
        Code(Opcode.EmptyTuple);
        Code(Opcode.Reduce);
        if (isUntyped)
            Global("torch", tensor.ElementType.Name());
        Code(Opcode.Tuple);
        Code(Opcode.Reduce);
        Remember(tensor);
    }

    void Storage(TensorData tensor, string name)
    {
        ref int number = ref CollectionsMarshal.GetValueRefOrAddDefault(numbers, (tensor.Storage, name), out bool isKnown);
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
        Number(name == TorchTypes.UntypedStorage ? tensor.Storage.Bytes : tensor.Storage.Bytes / tensor.ElementType.Size());
        Code(Opcode.Tuple);
        Code(Opcode.BinPersId);
    }

    void Sizes(ReadOnlySpan<long> sizes)
    {
        if (sizes.Length > 3)
            Code(Opcode.Mark);
        foreach (long size in sizes)
            Number(size);
        Code(sizes.Length switch { 0 => Opcode.EmptyTuple, 1 => Opcode.Tuple1, 2 => Opcode.Tuple2, 3 => Opcode.Tuple3, _ => Opcode.Tuple });
    }

    void Number(long number)
    {
        switch (number)
        {
            case >= 0 and <= byte.MaxValue:
                Code(Opcode.BinInt1);
                Byte((byte)number);
                break;
            case >= 0 and <= ushort.MaxValue:
                Code(Opcode.BinInt2);
                BinaryPrimitives.WriteUInt16LittleEndian(Room(2), (ushort)number);
                break;
            case >= int.MinValue and <= int.MaxValue:
                Code(Opcode.BinInt);
                BinaryPrimitives.WriteInt32LittleEndian(Room(4), (int)number);
                break;
            default:
                Code(Opcode.Long1);
                Byte(8);
                BinaryPrimitives.WriteInt64LittleEndian(Room(8), number);
                break;
        }
    }

    void Text(string text)
    {
        if (Recall(text))
            return;
        byte[] utf8;
        try
        {
            utf8 = StrictUtf8.GetBytes(text);
        }
        catch (EncoderFallbackException e)
        {
            throw new ArgumentException("A text with half of a surrogate pair can't be saved.", nameof(text), e);
        }
        Code(Opcode.BinUnicode);
        BinaryPrimitives.WriteInt32LittleEndian(Room(4), utf8.Length);
        pickle.Write(utf8);
        Remember(text);
    }

    static readonly UTF8Encoding StrictUtf8 = new(false, throwOnInvalidBytes: true);

    void Global(string module, string name)
    {
        var global = (module, name); // no text, so that a text like it is another object
        if (Recall(global))
            return;
        Code(Opcode.Global);
        pickle.Write(Encoding.ASCII.GetBytes($"{module}\n{name}\n"));
        Remember(global);
    }

    bool Recall(object thing)
    {
        if (!memo.TryGetValue(thing, out int place))
            return false;
        Place(place, Opcode.BinGet, Opcode.LongBinGet);
        return true;
    }

    void Remember(object thing)
    {
        Place(memo.Count, Opcode.BinPut, Opcode.LongBinPut);
        memo.Add(thing, memo.Count);
    }

    void Place(int place, Opcode small, Opcode large)
    {
        Code(place <= byte.MaxValue ? small : large);
        if (place <= byte.MaxValue)
            Byte((byte)place);
        else
            BinaryPrimitives.WriteInt32LittleEndian(Room(4), place);
    }

    void Code(Opcode code) => Byte((byte)code);

    void Byte(byte value) => Room(1)[0] = value;

    Span<byte> Room(int count)
    {
        var room = pickle.GetSpan(count)[..count];
        pickle.Advance(count);
        return room;
    }
}
