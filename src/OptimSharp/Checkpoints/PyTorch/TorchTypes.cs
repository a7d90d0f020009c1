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
    ];

    /// <summary><c>float32</c>.</summary>
    public static string Name(this ElementType type) => All[(int)type].Name;

    /// <summary><c>FloatStorage</c>.</summary>
    public static string StorageName(this ElementType type) => All[(int)type].Storage;

    public static ElementType? OfName(string name) => Array.Find(All, x => x.Name == name) is { Name: not null } found ? found.Type : null;

    public static ElementType? OfStorage(string name) =>
        name != UntypedStorage && Array.Find(All, x => x.Storage == name) is { Name: not null } found ? found.Type : null;
}
