namespace OptimSharp.Tool;

/// <summary>PyTorch's names of element types.</summary>
static class ElementTypeNames
{
    /// <summary>The types that numbers can be converted to.</summary>
    public static IEnumerable<ElementType> Floats { get; } = Enum.GetValues<ElementType>().Where(IsFloat).ToArray();

    /// <summary>The name: <c>float32</c>, <c>float8_e4m3fn</c>.</summary>
    public static string Name(this ElementType type) => type.ToString().ToLowerInvariant().Replace("float8", "float8_", StringComparison.Ordinal);

    public static bool IsFloat(this ElementType type) => StateConversion.IsFloat(type);

    public static bool IsComplex(this ElementType type) => Engine.Storage.IsComplex(type);

    /// <summary>A floating-point type by its name, or by a usual short one.</summary>
    /// <exception cref="ToolException">There is none of this name.</exception>
    public static ElementType ParseFloat(string name) => name.ToLowerInvariant().Replace("torch.", "", StringComparison.Ordinal) switch
    {
        "float" or "fp32" or "f32" => ElementType.Float32,
        "double" or "fp64" or "f64" => ElementType.Float64,
        "half" or "fp16" or "f16" => ElementType.Float16,
        "bf16" => ElementType.BFloat16,
        var other => Floats.Where(type => type.Name() == other).Select(type => (ElementType?)type).FirstOrDefault()
            ?? throw new ToolException($"There is no floating-point type '{name}'; there are: {string.Join(", ", Floats.Select(Name))}."),
    };
}
