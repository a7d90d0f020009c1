
namespace OptimSharp.Tests.Checkpoints.RoundTrips;

/// <summary>Compares state dicts in depth, with numbers at a tolerance that depends on where they are.</summary>
/// <param name="tolerance">By path: of the largest magnitude in a tensor, or of a number. Null: not compared.</param>
sealed class StateComparison(Func<string, double?> tolerance)
{
    /// <summary>What differs, in words; null when nothing does.</summary>
    public string? Difference(object? expected, object? actual, string path = "")
    {
        if (tolerance(path) is not { } within)
            return null;
        (expected, actual) = (NothingIfEmpty(expected), NothingIfEmpty(actual));
        if (expected is StateDict expectedDict && actual is StateDict actualDict)
        {
            return expectedDict.Keys.Union(actualDict.Keys).Select(key =>
            {
                expectedDict.TryGetValue(key, out object? e);
                actualDict.TryGetValue(key, out object? a);
                return Difference(e, a, path.Length == 0 ? key.ToString() : $"{path}.{key}");
            }).FirstOrDefault(d => d is not null);
        }
        if (AsList(expected) is { } expectedList && AsList(actual) is { } actualList)
        {
            return expectedList.Count != actualList.Count ? $"{path}: {expectedList.Count} values expected, {actualList.Count} found"
                : expectedList.Zip(actualList).Select((x, i) => Difference(x.First, x.Second, $"{path}[{i}]")).FirstOrDefault(d => d is not null);
        }
        if (Numbers(expected) is { } e && Numbers(actual) is { } a)
            return Comparison.Difference(e, a, within) is { } difference ? $"{path}: {difference}" : null;
        return Equals(expected, actual) ? null : $"{path}: {Text(actual)}, but {Text(expected)} was expected";
    }

    /// <summary>PyTorch before 2.0 has a state of SGD without momentum: {momentum_buffer: None}.</summary>
    static object? NothingIfEmpty(object? value) => value is StateDict dict && dict.All(entry => NothingIfEmpty(entry.Value) is null) ? null : value;

    static IReadOnlyList<object?>? AsList(object? value) => value as IReadOnlyList<object?>;

    static double[]? Numbers(object? value) => value switch
    {
        TensorData tensor => tensor.ToDoubles(),
        double number => [number],
        long number => [number],
        _ => null,
    };

    static string Text(object? value) => value is null ? "nothing" : value.ToString()!;
}
