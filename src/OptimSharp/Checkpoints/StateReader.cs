using OptimSharp.Engine;
using OptimSharp.Rules;

namespace OptimSharp;

/// <summary>Reads what an optimizer remembers of a parameter.</summary>
internal sealed class StateReader(Optimizer optimizer, LoadStateOptions options, List<LoadedEntry> report)
{
    bool IsLenient => options.Missing != MissingState.Refuse && !optimizer.SharesState;

    /// <summary>Reads a parameter's state. It may say, rather than throw, why it does not fit.</summary>
    /// <param name="parameter">The parameter.</param>
    /// <param name="from">What is saved of it.</param>
    /// <param name="group">The saved group that it was in: some optimizers count their steps there.</param>
    /// <param name="precisions">What state is kept in.</param>
    /// <param name="state">Where it goes.</param>
    /// <exception cref="StateDictException">An entry is of no use at all; or it does not fit, and that is to be refused.</exception>
    public string? Read(Parameter parameter, StateDict from, StateDict group, NamedPrecisions precisions, ParameterState state)
    {
        var entries = optimizer.AllEntriesOf(parameter);
        if (BitsAndBytes.Is(from))
            from = BitsAndBytes.Translate(from, entries);
        bool isOfUse = false;
        string? dropped = null;
        foreach (var (key, value) in from)
        {
            if (value is null)
                continue;
            if (entries.Any(e => e.Key == key.Name))
            {
                isOfUse = true;
                continue;
            }
            if (options.Unexpected == UnexpectedState.Refuse)
            {
                throw new StateDictException(OptimizerState.PathIn(from, key), $"is nothing that {optimizer.GetType().Name} remembers of parameter {parameter}; it remembers: "
                    + (entries.Count > 0 ? string.Join(", ", entries.Where(e => e.Kind != StateKind.Ignored).Select(e => e.Key)) : "nothing"));
            }
            report.Add(new(OptimizerState.PathIn(from, key), LoadOutcome.Dropped, key.ToString()));
            dropped ??= key.ToString();
        }
        if (dropped is not null && !isOfUse)
            return $"it has '{dropped}', and nothing that {optimizer.GetType().Name} remembers";
        foreach (var entry in entries)
        {
            string key = entry.Key;
            var precision = precisions.Of(key);
            bool present = from.TryGetValue(key, out object? value) && value is not null;
            if (entry.Kind == StateKind.Ignored || !present && entry.IsOptional || entry.Type is not null && parameter.Backend is not HostBackend) // what is beside a parameter is of use in host memory alone
                continue;
            bool countedInGroup = !present && entry.Kind == StateKind.Step && group.ContainsKey(optimizer.CountOfGroup);
            if (!present && !countedInGroup && IsLenient)
                return $"'{key}' is missing";
            switch (entry.Kind)
            {
                case StateKind.Step:
                    state.Step = countedInGroup ? OptimizerState.Whole(group, optimizer.CountOfGroup) : OptimizerState.Whole(from, key);
                    break;
                case StateKind.Number or StateKind.Whole:
                    state.Set(key, OptimizerState.Read(entry.Kind, from, key));
                    break;
                case StateKind.Tensor:
                    var (tensor, misfit) = ReadTensor(parameter, from, entry, key, from[key], precision);
                    if (tensor is null)
                        return misfit;
                    state.Add(key, tensor, entry.Type is null ? precisions : null);
                    break;
                case StateKind.Tensors:
                    var tensors = state.AddList(key);
                    foreach (var (i, item) in from.GetList(key).Index())
                    {
                        var (one, unlike) = ReadTensor(parameter, from, entry, $"{key}[{i}]", item, precision);
                        if (one is null)
                            return unlike;
                        tensors.Add(one);
                    }
                    break;
                case StateKind.Matrices:
                    var (matrices, bad) = ReadMatrices(parameter, from, key);
                    if (matrices is null)
                        return bad;
                    state.AddMatrices(key, matrices);
                    break;
                default:
                    var numbers = state.AddList(key);
                    foreach (var (i, item) in from.GetList(key).Index())
                    {
                        var number = new HostTensor([], ElementType.Float64);
                        numbers.Add(number);
                        number.Fill(OptimizerState.Plain(item) switch { double x => x, long x => x, _ => throw from.Wrong($"{key}[{i}]", item, "a number") });
                    }
                    break;
            }
        }
        if (optimizer.WrongTogether(parameter, from) is { } wrong)
            throw new StateDictException(OptimizerState.PathIn(from, wrong.Entry.Key), wrong.Problem);
        return null;
    }

    /// <summary>State in blocks: kept as it is where this parameter's is kept so too, else converted.</summary>
    (StateTensor? Tensor, string Misfit) ReadPacked(Parameter parameter, StateDict from, StateEntry entry, string name, StateDict value, StatePrecision precision)
    {
        var packed = PackedState.Read(value);
        var tensor = optimizer.CreateState(parameter, entry, precision);
        if (!packed.Shape.SequenceEqual(tensor.Shape) || tensor.Type.IsComplex())
        {
            string expected = $"[{string.Join(", ", tensor.Shape.ToArray())}] for parameter {parameter}", present = $"[{string.Join(", ", packed.Shape.ToArray())}]";
            packed.Dispose();
            tensor.Dispose();
            return IsLenient ? (null, $"'{name}' must be {expected}, but is {present}") : throw from.Wrong(name, present, expected);
        }
        if (tensor is PackedTensor { Format: var format } && format.HasCodesOf(packed.Format))
        {
            tensor.Dispose();
            return (packed.As(format), "");
        }
        var numbers = new double[packed.Numbers];
        packed.CopyTo(numbers);
        tensor.CopyFrom(numbers);
        packed.Dispose();
        return (tensor, "");
    }

    (List<StateTensor>? Matrices, string Misfit) ReadMatrices(Parameter parameter, StateDict from, string key)
    {
        var made = new List<StateTensor>();
        foreach (var (i, item) in from.GetList(key).Index())
        {
            if (item is IReadOnlyList<object?> { Count: 0 })
            {
                made.Add(parameter.Backend.CreateMatrix(parameter, [0, 0], parameter.ElementType.Compute()));
                continue;
            }
            if (item is TensorData { Shape.Length: 2 } data && !data.ElementType.IsComplex())
            {
                var matrix = parameter.Backend.CreateMatrix(parameter, data.Shape, parameter.ElementType.Compute());
                made.Add(matrix);
                data.CopyTo(matrix);
                continue;
            }
            made.ForEach(matrix => matrix.Dispose());
            string expected = $"a real matrix, or an empty list, for parameter {parameter}";
            return IsLenient ? (null, $"'{key}[{i}]' must be {expected}") : throw from.Wrong($"{key}[{i}]", item, expected);
        }
        return (made, "");
    }

    (StateTensor? Tensor, string Misfit) ReadTensor(Parameter parameter, StateDict from, StateEntry entry, string name, object? value, StatePrecision precision)
    {
        if (TorchAO.Is(value))
            value = TorchAO.Read(value!, OptimizerState.PathIn(from, name));
        if (PackedState.Is(value))
            return ReadPacked(parameter, from, entry, name, (StateDict)value!, precision);
        var data = value as TensorData ?? throw from.Wrong(name, value, "a tensor");
        var tensor = optimizer.CreateState(parameter, entry, precision);
        if (data.Shape.SequenceEqual(tensor.Shape) && data.ElementType.IsComplex() == tensor.Type.IsComplex())
        {
            data.CopyTo(tensor);
            return (tensor, "");
        }
        if (entry.Shape == StateShape.Flat && data is { Shape.Length: 0 } && !data.ElementType.IsComplex())
        {
            tensor.Fill(data.ToDoubles()[0]); // one number for all: of a parameter of zeros, no more is saved
            return (tensor, "");
        }
        string expected = $"[{string.Join(", ", tensor.Shape.ToArray())}] and {(tensor.Type.IsComplex() ? "complex" : "real")} for parameter {parameter}";
        tensor.Dispose();
        return IsLenient ? (null, $"'{name}' must be {expected}, but is {data}") : throw from.Wrong(name, value, expected);
    }
}
