using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;

namespace OptimSharp.PyTorch;

/// <summary>
/// Reads the pickle of a PyTorch file. It knows the instructions that PyTorch writes and calls nothing: the few constructors are
/// <see cref="PythonCalls"/>' own. Whatever else there is, is refused by its name.
/// </summary>
internal sealed class PickleReader(byte[] pickle, PythonCalls calls, Func<string, CheckpointException> error)
{
    readonly List<object?> stack = [];
    readonly List<int> marks = [];
    readonly List<object?> memo = [];
    int at;

    public object? Read()
    {
        if (Next(1)[0] != (byte)Opcode.Proto)
            throw Error("does not begin as a pickle of PyTorch's files does");
        if (Next(1)[0] is var protocol && protocol != 2)
            throw Error($"is written in pickle protocol {protocol}; PyTorch's files are in protocol 2");
        while (true)
        {
            int place = at;
            var code = (Opcode)Next(1)[0];
            switch (code)
            {
                case Opcode.Stop:
                    object? result = Pop();
                    if (stack.Count > 0 || marks.Count > 0 || at < pickle.Length)
                        throw Error("goes on after its end");
                    return result;
                case Opcode.Mark:
                    marks.Add(stack.Count);
                    break;
                case Opcode.None:
                    stack.Add(null);
                    break;
                case Opcode.NewTrue:
                    stack.Add(true);
                    break;
                case Opcode.NewFalse:
                    stack.Add(false);
                    break;
                case Opcode.BinInt:
                    stack.Add((long)BinaryPrimitives.ReadInt32LittleEndian(Next(4)));
                    break;
                case Opcode.BinInt1:
                    stack.Add((long)Next(1)[0]);
                    break;
                case Opcode.BinInt2:
                    stack.Add((long)BinaryPrimitives.ReadUInt16LittleEndian(Next(2)));
                    break;
                case Opcode.Long1:
                    stack.Add(ReadLong());
                    break;
                case Opcode.BinFloat:
                    stack.Add(BinaryPrimitives.ReadDoubleBigEndian(Next(8)));
                    break;
                case Opcode.BinUnicode:
                    stack.Add(ReadText());
                    break;
                case Opcode.EmptyTuple:
                    stack.Add(new PythonTuple([]));
                    break;
                case Opcode.Tuple1:
                    stack.Add(new PythonTuple(Pop(1)));
                    break;
                case Opcode.Tuple2:
                    stack.Add(new PythonTuple(Pop(2)));
                    break;
                case Opcode.Tuple3:
                    stack.Add(new PythonTuple(Pop(3)));
                    break;
                case Opcode.Tuple:
                    stack.Add(new PythonTuple(PopToMark()));
                    break;
                case Opcode.EmptyList:
                    stack.Add(new PythonList());
                    break;
                case Opcode.Append:
                    object? item = Pop();
                    Top<PythonList>("a list").Items.Add(item);
                    break;
                case Opcode.Appends:
                    object?[] items = PopToMark();
                    Top<PythonList>("a list").Items.AddRange(items);
                    break;
                case Opcode.EmptyDict:
                    stack.Add(new PythonDict());
                    break;
                case Opcode.SetItem:
                    Set(Pop(2));
                    break;
                case Opcode.SetItems:
                    Set(PopToMark());
                    break;
                case Opcode.Global:
                    stack.Add(calls.Find(ReadLine(), ReadLine()));
                    break;
                case Opcode.Reduce:
                    object?[] arguments = Pop() is PythonTuple tuple ? tuple.Items : throw Error($"calls something without a tuple of arguments, at byte {place}");
                    object? callee = Pop();
                    stack.Add(callee is PythonGlobal function ? calls.Call(function, arguments) : throw Error($"calls what is no function, at byte {place}"));
                    break;
                case Opcode.Build:
                    object? state = Pop();
                    Build(state);
                    break;
                case Opcode.BinPersId:
                    stack.Add(calls.Storage(Pop()));
                    break;
                case Opcode.BinPut:
                    Remember(Next(1)[0]);
                    break;
                case Opcode.LongBinPut:
                    Remember(BinaryPrimitives.ReadUInt32LittleEndian(Next(4)));
                    break;
                case Opcode.BinGet:
                    stack.Add(Recall(Next(1)[0]));
                    break;
                case Opcode.LongBinGet:
                    stack.Add(Recall(BinaryPrimitives.ReadUInt32LittleEndian(Next(4))));
                    break;
                default:
                    throw Error($"has the instruction 0x{(byte)code:x2} at byte {place}, which torch.save does not write");
            }
        }
    }

    ReadOnlySpan<byte> Next(int count)
    {
        if (count > pickle.Length - at)
            throw Error("is cut off");
        at += count;
        return pickle.AsSpan(at - count, count);
    }

    long ReadLong()
    {
        int length = Next(1)[0];
        var bytes = Next(length);
        if (length > 8)
            throw Error($"has a whole number of {length} bytes; they may have 64 bits");
        if (length == 0)
            return 0;
        long number = bytes[^1] >= 0x80 ? -1 : 0;
        for (int i = length - 1; i >= 0; i--)
            number = number << 8 | bytes[i];
        return number;
    }

    string ReadText()
    {
        uint length = BinaryPrimitives.ReadUInt32LittleEndian(Next(4));
        if (length > pickle.Length - at)
            throw Error($"has a text of {length} bytes, but only {pickle.Length - at} are left");
        return Decode(Next((int)length));
    }

    string ReadLine()
    {
        int length = pickle.AsSpan(at).IndexOf((byte)'\n');
        if (length < 0)
            throw Error("is cut off");
        string line = Decode(Next(length + 1)[..length]);
        return line.Length <= 200 ? line : throw Error($"has a name of {line.Length} letters: '{line[..200]}…'");
    }

    string Decode(ReadOnlySpan<byte> utf8)
    {
        try
        {
            return StrictUtf8.GetString(utf8);
        }
        catch (DecoderFallbackException)
        {
            throw Error("has a text that is no UTF-8");
        }
    }

    static readonly UTF8Encoding StrictUtf8 = new(false, throwOnInvalidBytes: true);

    int Floor => marks.Count > 0 ? marks[^1] : 0;

    object? Pop() => Pop(1)[0];

    object?[] Pop(int count)
    {
        if (stack.Count - Floor < count)
            throw Error($"takes more from its stack than is there, before byte {at}");
        return Take(stack.Count - count);
    }

    object?[] PopToMark()
    {
        if (marks.Count == 0)
            throw Error($"has the end of a list without its start, before byte {at}");
        object?[] items = Take(marks[^1]);
        marks.RemoveAt(marks.Count - 1);
        return items;
    }

    object?[] Take(int first)
    {
        object?[] items = CollectionsMarshal.AsSpan(stack)[first..].ToArray();
        stack.RemoveRange(first, stack.Count - first);
        return items;
    }

    object? Top() => stack.Count > Floor ? stack[^1] : throw Error($"takes more from its stack than is there, before byte {at}");

    T Top<T>(string what) where T : class => Top() as T ?? throw Error($"adds to what is not {what}, before byte {at}");

    /// <summary>Objects are numbered one after the other.</summary>
    void Remember(uint place)
    {
        if (place > memo.Count)
            throw Error($"numbers an object {place}, but has {memo.Count} before it");
        if (place == memo.Count)
            memo.Add(Top());
        else
            memo[(int)place] = Top();
    }

    object? Recall(uint place) => place < memo.Count ? memo[(int)place] : throw Error($"refers to the object {place}, which it has not");

    void Set(object?[] pairs)
    {
        var dict = Top<PythonDict>("a dictionary");
        if (pairs.Length % 2 != 0)
            throw Error($"has a key without a value, before byte {at}");
        for (int i = 0; i < pairs.Length; i += 2)
            dict.Items[calls.Key(pairs[i])] = pairs[i + 1];
    }

    /// <summary>Attributes of an object: only ordered dictionaries have them, as the _metadata of a module's state dict.</summary>
    void Build(object? state)
    {
        if (Top() is not PythonDict { Type: PythonClass.OrderedDict, Attributes: null } dict || state is not PythonDict { Type: null } attributes)
            throw Error($"gives attributes to what is no {PythonClass.OrderedDict} or has some, before byte {at}");
        dict.Attributes = attributes;
    }

    CheckpointException Error(string reason) => error(reason);
}
