namespace OptimSharp.PyTorch;

/// <summary>PyTorch's names for element types and for the storages of such elements.</summary>
internal static class TorchTypes
{
    /// <summary>The storage of bytes whose meaning each tensor knows: that of the types since PyTorch 2.3.</summary>
    public const string UntypedStorage = "UntypedStorage";

    static readonly (ElementType Type, string Name, string Storage)[] All =
    [
        (ElementType.Float32, "float32", "FloatStorage"),
        (ElementType.Float64, "float64", "DoubleStorage"),
        (ElementType.Float16, "float16", "HalfStorage"),
        (ElementType.BFloat16, "bfloat16", "BFloat16Storage"),
        (ElementType.Complex64, "complex64", "ComplexFloatStorage"),
        (ElementType.Complex128, "complex128", "ComplexDoubleStorage"),
        (ElementType.Bool, "bool", "BoolStorage"),
        (ElementType.UInt8, "uint8", "ByteStorage"),
        (ElementType.Int8, "int8", "CharStorage"),
        (ElementType.Int16, "int16", "ShortStorage"),
        (ElementType.Int32, "int32", "IntStorage"),
        (ElementType.Int64, "int64", "LongStorage"),
        (ElementType.UInt16, "uint16", UntypedStorage),
        (ElementType.UInt32, "uint32", UntypedStorage),
        (ElementType.UInt64, "uint64", UntypedStorage),
        (ElementType.Float8E4M3FN, "float8_e4m3fn", UntypedStorage),
        (ElementType.Float8E5M2, "float8_e5m2", UntypedStorage),
        (ElementType.Float8E4M3FNUZ, "float8_e4m3fnuz", UntypedStorage),
        (ElementType.Float8E5M2FNUZ, "float8_e5m2fnuz", UntypedStorage),
        (ElementType.Float8E8M0FNU, "float8_e8m0fnu", UntypedStorage),
    ];

    /// <summary>Storages of elements that tensors here can't have: what is taken for them, and how many of it an element is.</summary>
    static readonly (string Storage, ElementType Stored, int Parts)[] Others =
    [
        ("QInt8Storage", ElementType.Int8, 1), ("QUInt8Storage", ElementType.UInt8, 1), ("QInt32Storage", ElementType.Int32, 1), ("QUInt4x2Storage", ElementType.UInt8, 1),
        ("QUInt2x4Storage", ElementType.UInt8, 1), ("ComplexHalfStorage", ElementType.Float16, 2), (UntypedStorage, ElementType.UInt8, 1),
    ];

    /// <summary><c>float32</c>.</summary>
    public static string Name(this ElementType type) => All[(int)type].Name;

    /// <summary><c>FloatStorage</c>.</summary>
    public static string StorageName(this ElementType type) => All[(int)type].Storage;

    public static ElementType? OfName(string name) => Array.Find(All, x => x.Name == name) is { Name: not null } found ? found.Type : null;

    public static ElementType? OfStorage(string name) =>
        name != UntypedStorage && Array.Find(All, x => x.Storage == name) is { Name: not null } found ? found.Type : null;

    public static bool IsStorage(string name) => OfStorage(name) is not null || Array.Exists(Others, x => x.Storage == name);

    /// <summary>What a storage of this name holds, and how many of it one of its elements is.</summary>
    public static (ElementType Type, int Parts) Stored(string name) =>
        OfStorage(name) is { } type ? (type, 1) : Array.Find(Others, x => x.Storage == name) is { Storage: not null } other ? (other.Stored, other.Parts) : throw new ArgumentOutOfRangeException(nameof(name), name, "No storage.");

    /// <summary>The dtypes that tensors here can't have.</summary>
    public static bool IsOther(string name) => name is "complex32" or "qint8" or "quint8" or "qint32" or "quint4x2" or "quint2x4" or "float4_e2m1fn_x2" or "bits1x8" or "bits2x4" or "bits4x2" or "bits8" or "bits16"
        || (name.StartsWith("uint", StringComparison.Ordinal) || name.StartsWith("int", StringComparison.Ordinal)) && name[^1] is >= '1' and <= '7' && name.Length == name.IndexOf('t', StringComparison.Ordinal) + 2;
}
