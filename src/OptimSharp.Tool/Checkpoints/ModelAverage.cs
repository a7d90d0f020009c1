using System.Numerics;

namespace OptimSharp.Tool;

/// <summary>The average of models that come one after the other; one at a time is in memory besides.</summary>
/// <param name="averaging">How they are averaged.</param>
/// <param name="fromLast">Patterns of names that are not averaged.</param>
sealed class ModelAverage(Averaging averaging, IReadOnlyList<string> fromLast) : IDisposable
{
    readonly NonFinite nonFinite = new();
    AveragedParameters? averages;
    string first = "";
    StateDict model = []; // the last that came
    Dictionary<string, string>? ties; // in all models

    /// <summary>The names of tensors that are averaged.</summary>
    public IReadOnlyList<string> Averaged { get; private set; } = [];

    /// <summary>The names of what is taken from the last model: whole numbers, bools, what is no tensor, what was asked to be.</summary>
    public IReadOnlyList<string> FromLast => [.. model.Keys.Select(key => key.ToString()).Except(Averaged)];

    /// <summary>Takes a model in.</summary>
    /// <exception cref="ToolException">It is not the first one's model.</exception>
    public void Add(string file, StateDict next)
    {
        if (averages is null)
        {
            Averaged = [.. next.Where(entry => entry.Key.Name is { } name && entry.Value is TensorData tensor && (tensor.ElementType.IsFloat() || tensor.ElementType.IsComplex()) && !fromLast.Any(pattern => CommonOptions.Matches(pattern, name))).Select(entry => entry.Key.Name!)];
            if (Averaged.Count == 0)
                throw new ToolException($"'{file}' has no floating-point tensors to average.");
            averages = new(Averaged.Select(name => Memory(name, next.GetTensor(name))), averaging);
            first = file;
        }
        else
        {
            Compare(file, next);
        }
        var now = TiesOf(next);
        ties = ties is null ? now : ties.Where(tie => now.GetValueOrDefault(tie.Key) == tie.Value).ToDictionary();
        foreach (string name in Averaged)
            nonFinite.Add(name, next.GetTensor(name));
        // Tensors of 8 bits are averaged in single precision.
        averages.Update(next.WithFloats(ElementType.Float32, (_, tensor) => IsSmall(tensor.ElementType)));
        model = next;
    }

    /// <summary>The average, with the names and types of the last model.</summary>
    public StateDict Result()
    {
        var result = model.Clone();
        foreach (string name in Averaged)
        {
            TensorData average = averages!.Average(name), tensor = model.GetTensor(name);
            if (!tensor.ElementType.IsComplex())
                average = nonFinite.In(name, average.To(tensor.ElementType));
            result[name] = ties!.TryGetValue(name, out string? other) ? result[other] : average;
        }
        return result;
    }

    /// <summary>The names of tensors that have the memory of an earlier one, with that one's name.</summary>
    Dictionary<string, string> TiesOf(StateDict of)
    {
        var (firsts, found) = (new Dictionary<TensorPlace, string>(), new Dictionary<string, string>());
        foreach (string name in Averaged)
        {
            if (!firsts.TryAdd(TensorPlace.Of(of.GetTensor(name)), name))
                found.Add(name, firsts[TensorPlace.Of(of.GetTensor(name))]);
        }
        return found;
    }

    public void Dispose() => averages?.Dispose();

    void Compare(string file, StateDict next)
    {
        string[] before = [.. model.Keys.Select(key => key.ToString())], now = [.. next.Keys.Select(key => key.ToString())];
        if (before.Except(now).FirstOrDefault() is { } lacking)
            throw new ToolException($"'{file}' is not a model like that of '{first}': it lacks '{lacking}'.");
        if (now.Except(before).FirstOrDefault() is { } more)
            throw new ToolException($"'{file}' is not a model like that of '{first}': it has '{more}' besides.");
        foreach (string name in Averaged)
        {
            TensorData a = model.GetTensor(name), b = next[name] as TensorData ?? throw new ToolException($"'{name}' of '{file}' is no tensor.");
            if (!a.Shape.SequenceEqual(b.Shape) || a.ElementType.IsComplex() != b.ElementType.IsComplex() || !(b.ElementType.IsFloat() || b.ElementType.IsComplex()))
                throw new ToolException($"'{name}' is {ValueText.Of(b)} in '{file}', but {ValueText.Of(a)} in those before.");
        }
    }

    static bool IsSmall(ElementType type) => type.IsFloat() && type.ToString().StartsWith("Float8", StringComparison.Ordinal);

    /// <summary>A parameter as large as a tensor: the averages are made to its measure.</summary>
    static Parameter Memory(string name, TensorData tensor) => tensor.ElementType switch
    {
        ElementType.Float64 => Parameter.Of(name, new double[tensor.Count], tensor.Shape),
        ElementType.Float16 => Parameter.Of(name, new Half[tensor.Count], tensor.Shape),
        ElementType.BFloat16 => Parameter.Of(name, new BFloat16[tensor.Count], tensor.Shape),
        ElementType.Complex64 => Parameter.Of(name, new Complex64[tensor.Count], tensor.Shape),
        ElementType.Complex128 => Parameter.Of(name, new Complex[tensor.Count], tensor.Shape),
        _ => Parameter.Of(name, new float[tensor.Count], tensor.Shape),
    };
}
