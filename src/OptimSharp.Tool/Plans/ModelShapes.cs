namespace OptimSharp.Tool;

/// <summary>The parameters of a model in a checkpoint, as shapes without numbers.</summary>
/// <param name="Parameters">By name, the shape and type of each.</param>
/// <param name="Tied">Names of parameters that are others' memory, each with the name that it is counted by.</param>
/// <param name="LeftOut">The names of what is no parameter: whole numbers, and the running statistics of batch normalisation.</param>
sealed record ModelShapes(IReadOnlyList<(string Name, long[] Shape, ElementType Type)> Parameters, IReadOnlyList<(string Name, string Of)> Tied, IReadOnlyList<string> LeftOut)
{
    /// <summary>Names of buffers: PyTorch's batch normalisation has them beside a count of batches.</summary>
    static readonly string[] statistics = ["running_mean", "running_var"];

    /// <summary>How many numbers.</summary>
    public long Count => Parameters.Sum(p => p.Shape.Aggregate(1L, (a, b) => checked(a * b)));

    /// <param name="model">Tensors by name; also those that PyTorch saved on its meta device, which are shapes alone.</param>
    /// <param name="type">The type that parameters are to have; null for their own.</param>
    /// <param name="exclude">Patterns of names that are no parameters.</param>
    public static ModelShapes Of(StateDict model, ElementType? type, IReadOnlyList<string> exclude)
    {
        var (parameters, tied, left) = (new List<(string, long[], ElementType)>(), new List<(string, string)>(), new List<string>());
        var names = new Dictionary<object, string>();
        foreach (var (key, value) in model)
        {
            string name = key.ToString();
            if (ShapeOf(value) is not { } tensor)
                continue;
            bool isParameter = (tensor.Type.IsFloat() || tensor.Type.IsComplex()) && !exclude.Any(pattern => CommonOptions.Matches(pattern, name)) && !IsStatistic(model, name);
            if (!isParameter)
                left.Add(name);
            else if (!names.TryAdd(PlaceOf(value!), name))
                tied.Add((name, names[PlaceOf(value!)]));
            else
                parameters.Add((name, tensor.Shape, tensor.Type.IsComplex() ? tensor.Type : type ?? Trained(tensor.Type)));
        }
        return new(parameters, tied, left);
    }

    /// <summary>Parameters without memory.</summary>
    public Parameter[] Meta() => [.. Parameters.Select(p => Parameter.Meta(p.Name, p.Shape, p.Type))];

    /// <summary>Shape and type of a tensor, with numbers or without; null for what is none.</summary>
    public static (long[] Shape, ElementType Type)? ShapeOf(object? value) => value switch
    {
        TensorData tensor => (tensor.Shape.ToArray(), tensor.ElementType),
        PythonObject { Type: "torch._utils._rebuild_meta_tensor_no_storage", Arguments: [ElementType type, IReadOnlyList<object?> sizes, ..] } when sizes.All(size => size is long and >= 0) =>
            ([.. sizes.Select(size => (long)size!)], type),
        _ => null,
    };

    /// <summary>What two entries have alike that are one tensor, also without numbers.</summary>
    static object PlaceOf(object value) => value is TensorData tensor ? TensorPlace.Of(tensor) : value;

    /// <summary>Weights of 8 bits are trained in more.</summary>
    static ElementType Trained(ElementType type) => type is ElementType.Float32 or ElementType.Float64 or ElementType.Float16 or ElementType.BFloat16 ? type : ElementType.BFloat16;

    static bool IsStatistic(StateDict model, string name) =>
        Array.Exists(statistics, end => name == end || name.EndsWith("." + end, StringComparison.Ordinal)) && model.ContainsKey(name[..(name.LastIndexOf('.') + 1)] + "num_batches_tracked");
}
