using System.Buffers.Binary;
using System.Numerics;

namespace OptimSharp.PyTorch;

/// <summary>
/// Reads a pickle. It knows every instruction that holds data, and calls nothing: what a pickle wants called is <see cref="PythonCalls"/>' business, which knows a few
/// constructors and keeps all others as they are written.
/// </summary>
internal sealed class PickleReader(PickleInput input, PythonCalls calls, Func<string, CheckpointException> error)
{
    readonly PickleStack stack = new(input, error);
    readonly PickleText text = new(input, error);
    readonly List<object?> memo = [];

    /// <summary>What it holds.</summary>
    /// <param name="isAll">Whether nothing may follow.</param>
    public object? Read(bool isAll = true)
    {
        if (input.IsAtEnd || input.Peek is not (byte)Opcode.Proto && "()]}cNXUVIFKJMGilSTL"u8.IndexOf(input.Peek) < 0)
            throw error("does not begin as a pickle does");
        for (; ; )
        {
            int place = input.At;
            var code = (Opcode)Next(1)[0];
            if (code == Opcode.Stop)
            {
                object? result = stack.Pop();
                if (!stack.IsEmpty || isAll && !input.IsAtEnd)
                    throw error("goes on after its end");
                return result;
            }
            if (!Simple(code) && !Container(code) && !Object(code))
                throw error($"has the instruction 0x{(byte)code:x2} at byte {place}, which holds no data");
        }
    }

    /// <summary>Values that are written whole.</summary>
    bool Simple(Opcode code)
    {
        switch (code)
        {
            case Opcode.Proto when Next(1)[0] is var protocol:
                return protocol <= 5 ? true : throw error($"is written in pickle protocol {protocol}; known are those up to 5");
            case Opcode.Frame:
                if (!input.Has((long)Math.Min(PickleInput.U64(Next(8)), long.MaxValue)))
                    throw error("is cut off");
                return true;
            case Opcode.None:
                return Push(null);
            case Opcode.NewTrue:
                return Push(true);
            case Opcode.NewFalse:
                return Push(false);
            case Opcode.BinInt:
                return Push((long)BinaryPrimitives.ReadInt32LittleEndian(Next(4)));
            case Opcode.BinInt1:
                return Push((long)Next(1)[0]);
            case Opcode.BinInt2:
                return Push((long)PickleInput.U16(Next(2)));
            case Opcode.Int:
                return Push(text.Whole(mayBeBool: true));
            case Opcode.Long:
                return Push(text.Whole(mayBeBool: false));
            case Opcode.Long1:
                return Push(Whole(Next(Next(1)[0])));
            case Opcode.Long4:
                return Push(Whole(text.Take(BinaryPrimitives.ReadInt32LittleEndian(Next(4)), "a whole number")));
            case Opcode.BinFloat:
                return Push(BinaryPrimitives.ReadDoubleBigEndian(Next(8)));
            case Opcode.Float:
                return Push(text.Number());
            case Opcode.BinUnicode:
                return Push(text.Utf8(PickleInput.U32(Next(4))));
            case Opcode.ShortBinUnicode:
                return Push(text.Utf8(Next(1)[0]));
            case Opcode.BinUnicode8:
                return Push(text.Utf8((long)Math.Min(PickleInput.U64(Next(8)), long.MaxValue)));
            case Opcode.Unicode:
                return Push(text.RawUnicode());
            case Opcode.String:
                return Push(text.Quoted());
            case Opcode.BinString:
                return Push(text.Old(BinaryPrimitives.ReadInt32LittleEndian(Next(4))));
            case Opcode.ShortBinString:
                return Push(text.Old(Next(1)[0]));
            case Opcode.BinBytes:
                return Push(text.Bytes(PickleInput.U32(Next(4))));
            case Opcode.ShortBinBytes:
                return Push(text.Bytes(Next(1)[0]));
            case Opcode.BinBytes8:
                return Push(text.Bytes((long)Math.Min(PickleInput.U64(Next(8)), long.MaxValue)));
            case Opcode.ByteArray8:
                return Push(PythonCalls.ByteArray(text.Bytes((long)Math.Min(PickleInput.U64(Next(8)), long.MaxValue))));
            default:
                return false;
        }
    }

    /// <summary>Lists, tuples, dictionaries and sets; and what is remembered.</summary>
    bool Container(Opcode code)
    {
        switch (code)
        {
            case Opcode.Mark:
                stack.Mark();
                return true;
            case Opcode.EmptyTuple:
                return Push(new PythonTuple([]));
            case Opcode.Tuple1:
                return Push(new PythonTuple(stack.Pop(1)));
            case Opcode.Tuple2:
                return Push(new PythonTuple(stack.Pop(2)));
            case Opcode.Tuple3:
                return Push(new PythonTuple(stack.Pop(3)));
            case Opcode.Tuple:
                return Push(new PythonTuple(stack.PopToMark()));
            case Opcode.EmptyList:
                return Push(new PythonList());
            case Opcode.List:
                object?[] all = stack.PopToMark();
                Push(new PythonList());
                Add(all);
                return true;
            case Opcode.Append:
                Add([stack.Pop()]);
                return true;
            case Opcode.Appends:
                Add(stack.PopToMark());
                return true;
            case Opcode.EmptySet:
                return Push(PythonCalls.Set(PythonClass.Set, []));
            case Opcode.FrozenSet:
                return Push(PythonCalls.Set(PythonClass.FrozenSet, stack.PopToMark()));
            case Opcode.AddItems:
                object?[] members = stack.PopToMark();
                (stack.Top() is PythonInstance set ? set.Items ??= [] : throw error($"adds to what is no set, before byte {input.At}")).AddRange(members);
                return true;
            case Opcode.EmptyDict:
                return Push(new PythonDict());
            case Opcode.Dict:
                object?[] entries = stack.PopToMark();
                Push(new PythonDict());
                Set(entries);
                return true;
            case Opcode.SetItem:
                Set(stack.Pop(2));
                return true;
            case Opcode.SetItems:
                Set(stack.PopToMark());
                return true;
            case Opcode.Pop when !stack.PopMark():
                PythonCalls.Dropped(stack.Pop(), stack.IsAtFloor ? null : stack.Top());
                return true;
            case Opcode.Pop:
                return true;
            case Opcode.PopMark:
                stack.PopToMark();
                return true;
            case Opcode.Dup:
                return Push(stack.Top());
            case Opcode.BinPut:
                return Remember(Next(1)[0]);
            case Opcode.LongBinPut:
                return Remember(PickleInput.U32(Next(4)));
            case Opcode.Put:
                return Remember(text.Place());
            case Opcode.Memoize:
                return Remember(memo.Count);
            case Opcode.BinGet:
                return Push(Recall(Next(1)[0]));
            case Opcode.LongBinGet:
                return Push(Recall(PickleInput.U32(Next(4))));
            case Opcode.Get:
                return Push(Recall(text.Place()));
            default:
                return false;
        }
    }

    /// <summary>What refers to classes and storages, and what is made of them.</summary>
    bool Object(Opcode code)
    {
        switch (code)
        {
            case Opcode.Global:
                return Push(calls.Find(text.Name(), text.Name()));
            case Opcode.StackGlobal:
                return Push(stack.Pop(2) is [string module, string name] ? calls.Find(module, name) : throw error($"has a class whose name is no text, before byte {input.At}"));
            case Opcode.Reduce:
                object?[] arguments = Tuple(stack.Pop());
                return Push(calls.Call(stack.Pop(), arguments));
            case Opcode.NewObj:
                arguments = Tuple(stack.Pop());
                return Push(calls.New(stack.Pop(), arguments, null));
            case Opcode.NewObjEx:
                object?[] parts = stack.Pop(3);
                return Push(calls.New(parts[0], Tuple(parts[1]), parts[2] as PythonDict ?? throw error($"has names of arguments that are no dictionary, before byte {input.At}")));
            case Opcode.Inst:
                return Push(calls.Old(calls.Find(text.Name(), text.Name()), stack.PopToMark()));
            case Opcode.Obj:
                object?[] all = stack.PopToMark();
                return Push(all.Length > 0 ? calls.Old(all[0], all[1..]) : throw error($"has an object without a class, before byte {input.At}"));
            case Opcode.Build:
                object? state = stack.Pop();
                calls.Build(stack.Top(), state);
                return true;
            case Opcode.BinPersId:
                return Push(calls.Persistent(stack.Pop()));
            case Opcode.ReadOnlyBuffer:
                return true;
            default:
                return false;
        }
    }

    bool Push(object? value)
    {
        stack.Push(value);
        return true;
    }

    object?[] Tuple(object? arguments) => arguments is PythonTuple tuple ? tuple.Items : throw error($"calls something without a tuple of arguments, before byte {input.At}");

    ReadOnlySpan<byte> Next(int count) => input.Has(count) ? input.Take(count) : throw error("is cut off");

    /// <summary>A whole number in two's complement, the lowest byte first.</summary>
    static object Whole(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length > 8)
            return new BigInteger(bytes) is var large && large >= long.MinValue && large <= long.MaxValue ? (long)large : large;
        long number = bytes is [.., >= 0x80] ? -1 : 0;
        for (int i = bytes.Length - 1; i >= 0; i--)
            number = number << 8 | bytes[i];
        return number;
    }

    void Add(object?[] items)
    {
        switch (stack.Top())
        {
            case PythonList list:
                list.Items.AddRange(items);
                break;
            case PythonInstance thing:
                (thing.Items ??= []).AddRange(items);
                break;
            default:
                throw error($"adds to what is not a list, before byte {input.At}");
        }
    }

    void Set(object?[] pairs)
    {
        var entries = stack.Top() switch
        {
            PythonDict dict => dict.Items,
            PythonInstance thing => thing.Entries ??= [],
            _ => throw error($"adds to what is not a dictionary, before byte {input.At}"),
        };
        if (pairs.Length % 2 != 0)
            throw error($"has a key without a value, before byte {input.At}");
        for (int i = 0; i < pairs.Length; i += 2)
            entries[calls.Key(pairs[i])] = pairs[i + 1];
    }

    /// <summary>Objects are numbered one after the other, from 0 or from 1 on.</summary>
    bool Remember(long place)
    {
        if (place > memo.Count + 1)
            throw error($"numbers an object {place}, but has {memo.Count} before it");
        while (place >= memo.Count)
            memo.Add(Missing);
        memo[(int)place] = stack.Top();
        return true;
    }

    object? Recall(long place) => place < memo.Count && memo[(int)place] is var known && known != Missing ? known : throw error($"refers to the object {place}, which it has not");

    static readonly object Missing = new();
}
