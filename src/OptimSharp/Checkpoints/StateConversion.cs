using OptimSharp.Engine;

namespace OptimSharp;

/// <summary>State dicts whose numbers are of another type.</summary>
public static class StateConversion
{
    /// <summary>
    /// A copy whose floating-point tensors are of another floating-point type, rounded as <see cref="TensorData.To"/> does. Tensors that share memory share it in the copy. Whole numbers, bools, complex
    /// and sparse tensors, and what is in objects of classes of their own, stay as they are.
    /// </summary>
    /// <remarks>Numbers are converted when they are used, each time, so that a state that is not in memory (<see cref="CheckpointLoadOptions.OnDemand"/>) can be saved in another type without being in memory.</remarks>
    /// <param name="state">The state dict, with others and lists in it.</param>
    /// <param name="type">A floating-point type, of 8 bits or more.</param>
    /// <param name="where">Which tensors: is given the keys that lead to one, as <c>optimizer_states[0].state.0.step</c>, and the tensor. Null for all.</param>
    /// <exception cref="ArgumentException">The type is none of them.</exception>
    public static StateDict WithFloats(this StateDict state, ElementType type, Func<string, TensorData, bool>? where = null)
    {
        ArgumentNullException.ThrowIfNull(state);
        if (!IsFloat(type))
            throw new ArgumentException($"Tensors can be converted to floating-point types, but not to {type}.", nameof(type));
        var copy = state.Clone();
        var storages = new Dictionary<(TensorStorage, ElementType), ConvertedStorage>();
        Convert(copy);
        return copy;

        void Convert(StateDict dict)
        {
            foreach (var (key, value) in dict.ToArray())
            {
                if (value is StateDict inner)
                    Convert(inner);
                else if (value is TensorData or IReadOnlyList<object?>)
                    dict[key] = Converted(value, dict.PathTo(key));
            }
        }

        object? Converted(object? value, string path)
        {
            switch (value)
            {
                case StateDict inner:
                    Convert(inner);
                    return inner;
                case StateTuple tuple:
                    return new StateTuple(tuple.Select((item, i) => Converted(item, $"{path}[{i}]")), tuple.PythonType);
                case object?[] list:
                    return list.Select((item, i) => Converted(item, $"{path}[{i}]")).ToArray();
                case TensorData tensor when IsFloat(tensor.ElementType) && tensor.ElementType != type && where?.Invoke(path, tensor) != false:
                    var key = (tensor.Storage, tensor.ElementType);
                    if (!storages.TryGetValue(key, out var storage))
                        storages.Add(key, storage = new(tensor.Storage, tensor.ElementType, type));
                    return new TensorData(storage, type, tensor.Offset, tensor.Shape.ToArray(), tensor.Strides.ToArray());
                default:
                    return value;
            }
        }
    }

    internal static bool IsFloat(ElementType type) => type is ElementType.Float32 or ElementType.Float64 or ElementType.Float16 or ElementType.BFloat16 || Float8.Has(type);
}
