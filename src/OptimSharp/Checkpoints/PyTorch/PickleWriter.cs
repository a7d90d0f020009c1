using System.Buffers;
using System.Buffers.Binary;
using System.Numerics;
using System.Text;

namespace OptimSharp.PyTorch;

/// <summary>Writes a state dict as the pickle of PyTorch's files, and gives numbers to the storages that go beside it.</summary>
internal sealed partial class PickleWriter
{
    readonly ArrayBufferWriter<byte> pickle = new();
    readonly Dictionary<object, int> memo = []; // texts and names of globals by what they say, tensors by being the same object
    readonly Dictionary<(TensorStorage, string), int> numbers = [];
    readonly List<TensorStorage> storages = [];

    readonly bool allowObjects;

    PickleWriter(bool allowObjects) => this.allowObjects = allowObjects;

    /// <summary>The pickle, and the storages in the order of their numbers.</summary>
    public static (byte[] Pickle, IReadOnlyList<TensorStorage> Storages) Write(StateDict state, bool allowObjects)
    {
        var writer = new PickleWriter(allowObjects);
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
            case BigInteger number:
                Number(number);
                break;
            case Complex number:
                Global("builtins", "complex");
                Value(number.Real, depth);
                Value(number.Imaginary, depth);
                Code(Opcode.Tuple2);
                Code(Opcode.Reduce);
                break;
            case ReadOnlyMemory<byte> bytes:
                Bytes(bytes);
                break;
            case PythonObject thing:
                Object(thing, depth);
                break;
            case SparseTensorData sparse:
                Sparse(sparse);
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
        if (!allowObjects)
            PythonClass.Check(dict);
        switch (dict.PythonType)
        {
            case { } type when !PythonClass.IsKnown(type, null):
                OfClass(type, dict, depth);
                break;
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
                Value(key.Value, depth + 1);
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

    void Tuple(IReadOnlyList<object?> items, int depth)
    {
        if (items.Count > 3)
            Code(Opcode.Mark);
        foreach (object? item in items)
            Value(item, depth + 1);
        Code(items.Count switch { 0 => Opcode.EmptyTuple, 1 => Opcode.Tuple1, 2 => Opcode.Tuple2, 3 => Opcode.Tuple3, _ => Opcode.Tuple });
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

    void Number(BigInteger number)
    {
        byte[] bytes = number.ToByteArray();
        Code(bytes.Length <= byte.MaxValue ? Opcode.Long1 : Opcode.Long4);
        if (bytes.Length <= byte.MaxValue)
            Byte((byte)bytes.Length);
        else
            BinaryPrimitives.WriteInt32LittleEndian(Room(4), bytes.Length);
        pickle.Write(bytes);
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
        if (name.LastIndexOf('.') is >= 0 and var dot) // a class within another: Python's protocol 2 has it so
        {
            Global("builtins", "getattr");
            Global(module, name[..dot]);
            Text(name[(dot + 1)..]);
            Code(Opcode.Tuple2);
            Code(Opcode.Reduce);
        }
        else
        {
            Code(Opcode.Global);
            pickle.Write(StrictUtf8.GetBytes($"{module}\n{name}\n"));
        }
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
