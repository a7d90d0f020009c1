using System.Buffers.Binary;
using System.Numerics;
using System.Text;
using OptimSharp.Engine;

namespace OptimSharp.PyTorch;

/// <summary>NumPy's numbers and arrays in a pickle, made numbers and tensors: those of real, complex, boolean and whole types. All others stay objects.</summary>
internal sealed unsafe class NumpyValues(Func<string, CheckpointException> error)
{
    const int MostDimensions = 64, LongestText = 1024, LongestNumber = 16;

    // A file may name the same bytes many times: each is copied once.
    readonly Dictionary<object, ReadOnlyMemory<byte>> texts = new(ReferenceEqualityComparer.Instance);
    readonly Dictionary<int, Dictionary<object, TensorStorage>> storages = [];

    /// <summary>A NumPy scalar's value; null when the call is none, or of a type that stays an object.</summary>
    public static object? Scalar(PythonInstance call)
    {
        if (call is not { FullName: "numpy.core.multiarray.scalar" or "numpy._core.multiarray.scalar", HasState: false, Arguments: [PythonInstance dtype, var data] }
            || TypeOf(dtype) is not var (kind, size, isSwapped) || data is string { Length: > LongestNumber } || BytesOf(data) is not { } bytes || size != bytes.Length)
            return null;
        if (kind == 'S')
            return bytes;
        if (kind == 'U')
            return size > LongestText ? null : TextOf(bytes.Span, isSwapped);
        if (ElementOf(kind, size) is not { } type)
            return null;
        byte[] element = bytes.ToArray();
        if (isSwapped)
            Swap(element, PartSize(type));
        fixed (byte* at = element)
        {
            double* parts = stackalloc double[2];
            switch (type)
            {
                case ElementType.Bool:
                    return *at != 0;
                case ElementType.Int64:
                    return *(long*)at;
                case ElementType.UInt64:
                    return *(ulong*)at is var large && large <= long.MaxValue ? (long)large : (BigInteger)large;
                case ElementType.Complex64 or ElementType.Complex128:
                    Engine.Storage.Load(at, type.Real(), parts, 2);
                    return new Complex(parts[0], parts[1]);
                default:
                    Engine.Storage.Load(at, type, parts, 1);
                    return kind == 'f' ? parts[0] : (object)(long)parts[0];
            }
        }
    }

    /// <summary>A NumPy array as a tensor; null when the call is none, or of a type that stays an object.</summary>
    public TensorData? Array(PythonInstance call) => call switch
    {
        { FullName: "numpy.core.multiarray._reconstruct" or "numpy._core.multiarray._reconstruct", Arguments: [PythonGlobal { FullName: "numpy.ndarray" }, ..],
            State: PythonTuple { Items: [long, PythonTuple shape, PythonInstance dtype, bool or long, var data] state } } => Tensor(dtype, shape, state[3] is true or 1L, data),
        { FullName: "numpy.core.numeric._frombuffer" or "numpy._core.numeric._frombuffer", HasState: false, Arguments: [var data, PythonInstance dtype, PythonTuple shape, "C" or "F"] } =>
            Tensor(dtype, shape, call.Arguments[3] is "F", data is PythonInstance { FullName: PythonClass.ByteArray, Arguments: [var inner] } ? inner : data),
        _ => null,
    };

    TensorData? Tensor(PythonInstance dtype, PythonTuple shape, bool isByColumns, object? data)
    {
        if (TypeOf(dtype) is not var (kind, size, isSwapped) || ElementOf(kind, size) is not { } type || Bytes(data) is not { } bytes || shape.Items.Length > MostDimensions)
            return null;
        var sizes = new long[shape.Items.Length];
        Int128 count = 1;
        for (int i = 0; i < sizes.Length; i++)
        {
            sizes[i] = shape.Items[i] is long n and >= 0 ? n : throw error("has a NumPy array whose shape is of something other than whole numbers");
            count = Int128.Min(count * sizes[i], (Int128)1 << 64);
        }
        if (count * size != bytes.Length)
            throw error($"has a NumPy array [{string.Join(", ", sizes)}] of {size} bytes each with {bytes.Length} bytes");
        var storage = StorageOf(data!, bytes, isSwapped ? PartSize(type) : 1);
        if (!isByColumns)
            return new(storage, type, sizes);
        var strides = new long[sizes.Length];
        long stride = 1;
        for (int i = 0; i < sizes.Length; i++)
        {
            strides[i] = stride;
            stride *= Math.Max(sizes[i], 1);
        }
        return new(storage, type, 0, sizes, count > 0 ? strides : new long[sizes.Length]);
    }

    TensorStorage StorageOf(object data, ReadOnlyMemory<byte> bytes, int swappedBy)
    {
        if (!storages.TryGetValue(swappedBy, out var made))
            storages.Add(swappedBy, made = new(ReferenceEqualityComparer.Instance));
        if (made.TryGetValue(data, out var known))
            return known;
        var storage = new TensorStorage(bytes.Length);
        var to = new Span<byte>(storage.Start, bytes.Length);
        bytes.Span.CopyTo(to);
        Swap(to, swappedBy);
        GC.KeepAlive(storage);
        made.Add(data, storage);
        return storage;
    }

    ReadOnlyMemory<byte>? Bytes(object? data)
    {
        if (data is not string)
            return BytesOf(data);
        if (!texts.TryGetValue(data, out var bytes))
            texts.Add(data, bytes = BytesOf(data)!.Value);
        return bytes;
    }

    /// <summary>Kind, size and whether its bytes are the other way round, of <c>numpy.dtype('f8', …)</c> with state <c>(3, '&gt;', …)</c>; null for none of one number.</summary>
    static (char Kind, int Size, bool IsSwapped)? TypeOf(PythonInstance dtype)
    {
        if (dtype is not { FullName: "numpy.dtype", Arguments: [string { Length: >= 2 and <= 12 } name, ..] } || !int.TryParse(name.AsSpan(1), System.Globalization.NumberStyles.None, null, out int size) || size == 0)
            return null;
        bool isSwapped = dtype.State is PythonTuple { Items: [_, ">", ..] };
        if (dtype.State is PythonTuple { Items: [_, _, not null, ..] }) // of several numbers
            return null;
        return name[0] == 'U' ? size > int.MaxValue / 4 ? null : ('U', size * 4, isSwapped) : (name[0], size, isSwapped);
    }

    static ElementType? ElementOf(char kind, int size) => (kind, size) switch
    {
        ('b', 1) => ElementType.Bool,
        ('f', 2) => ElementType.Float16,
        ('f', 4) => ElementType.Float32,
        ('f', 8) => ElementType.Float64,
        ('c', 8) => ElementType.Complex64,
        ('c', 16) => ElementType.Complex128,
        ('i', 1) => ElementType.Int8,
        ('i', 2) => ElementType.Int16,
        ('i', 4) => ElementType.Int32,
        ('i', 8) => ElementType.Int64,
        ('u', 1) => ElementType.UInt8,
        ('u', 2) => ElementType.UInt16,
        ('u', 4) => ElementType.UInt32,
        ('u', 8) => ElementType.UInt64,
        _ => null,
    };

    static int PartSize(ElementType type) => type.Real().Size();

    /// <summary>Bytes; or a text of Python 2, which happens to be UTF-8.</summary>
    static ReadOnlyMemory<byte>? BytesOf(object? data) => data switch
    {
        ReadOnlyMemory<byte> bytes => bytes,
        string text => Encoding.UTF8.GetBytes(text),
        _ => null,
    };

    static string? TextOf(ReadOnlySpan<byte> utf32, bool isSwapped)
    {
        var text = new StringBuilder(utf32.Length / 4);
        for (; utf32.Length >= 4; utf32 = utf32[4..])
        {
            uint letter = isSwapped ? BinaryPrimitives.ReadUInt32BigEndian(utf32) : BinaryPrimitives.ReadUInt32LittleEndian(utf32);
            if (!Rune.IsValid(letter))
                return null;
            text.Append(new Rune(letter).ToString());
        }
        return text.ToString().TrimEnd('\0');
    }

    static void Swap(Span<byte> bytes, int size)
    {
        for (; size > 1 && bytes.Length >= size; bytes = bytes[size..])
            bytes[..size].Reverse();
    }
}
