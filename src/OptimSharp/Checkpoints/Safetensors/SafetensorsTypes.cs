namespace OptimSharp.Safetensors;

/// <summary>The names of element types in safetensors.</summary>
internal static class SafetensorsTypes
{
    static readonly (string Name, ElementType Type)[] All =
    [
        ("F32", ElementType.Float32), ("F64", ElementType.Float64), ("F16", ElementType.Float16), ("BF16", ElementType.BFloat16), ("C64", ElementType.Complex64),
        ("BOOL", ElementType.Bool), ("U8", ElementType.UInt8), ("I8", ElementType.Int8), ("I16", ElementType.Int16), ("I32", ElementType.Int32),
        ("I64", ElementType.Int64), ("U16", ElementType.UInt16), ("U32", ElementType.UInt32), ("U64", ElementType.UInt64),
        ("F8_E4M3", ElementType.Float8E4M3FN), ("F8_E5M2", ElementType.Float8E5M2), ("F8_E4M3FNUZ", ElementType.Float8E4M3FNUZ), ("F8_E5M2FNUZ", ElementType.Float8E5M2FNUZ),
        ("F8_E8M0", ElementType.Float8E8M0FNU),
    ];

    /// <summary>The name of a type; that of its parts for the one that safetensors lacks, complex numbers of two doubles.</summary>
    public static string NameOf(ElementType type) => Array.Find(All, x => x.Type == type).Name ?? "F64";

    public static bool Has(ElementType type) => Array.Exists(All, x => x.Type == type);

    public static ElementType? Find(string name) => Array.Find(All, x => x.Name == name) is { Name: not null } found ? found.Type : null;

    public static string Names => string.Join(", ", All.Select(x => x.Name));
}
