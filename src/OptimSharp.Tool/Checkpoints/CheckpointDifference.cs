namespace OptimSharp.Tool;

/// <summary>A tensor that two checkpoints have differently.</summary>
/// <param name="Name">Its name in both.</param>
/// <param name="A">The first's.</param>
/// <param name="B">The second's.</param>
/// <param name="Numbers">How its numbers differ; null where the shapes do, or one is complex.</param>
sealed record ChangedTensor(string Name, TensorData A, TensorData B, TensorDifference? Numbers);

/// <summary>What is different between two checkpoints, by name.</summary>
sealed class CheckpointDifference
{
    public List<string> OnlyInFirst { get; } = [];

    public List<string> OnlyInSecond { get; } = [];

    public List<ChangedTensor> Tensors { get; } = [];

    public List<(string Name, object? A, object? B)> Values { get; } = [];

    public int SameTensors { get; private set; }

    public int SameValues { get; private set; }

    public bool IsSame => OnlyInFirst.Count + OnlyInSecond.Count + Tensors.Count + Values.Count == 0;

    public static CheckpointDifference Of(Screen screen, OpenedCheckpoint first, OpenedCheckpoint second, string? only, double absolute, double relative)
    {
        Dictionary<string, object?> a = Leaves(first, only), b = Leaves(second, only);
        if (only is not null && a.Count + b.Count == 0)
            throw new ToolException($"No tensor of '{first.Name}' or '{second.Name}' matches '{only}'.");
        var found = new CheckpointDifference();
        found.OnlyInFirst.AddRange(a.Keys.Where(name => !b.ContainsKey(name)));
        found.OnlyInSecond.AddRange(b.Keys.Where(name => !a.ContainsKey(name)));
        long total = a.Where(x => b.ContainsKey(x.Key)).Sum(x => ((x.Value as TensorData)?.Bytes ?? 0) + ((b[x.Key] as TensorData)?.Bytes ?? 0));
        return screen.Progress($"{first.Name} and {second.Name}", total, progress =>
        {
            foreach (var (name, x) in a)
            {
                if (b.TryGetValue(name, out object? y))
                    found.Compare(name, x, y, absolute, relative, progress);
            }
            return found;
        });
    }

    /// <summary>The place of a number in its tensor.</summary>
    public static long[] Index(TensorData tensor, long at)
    {
        if (tensor.ElementType.IsComplex())
            at /= 2;
        var index = new long[tensor.Shape.Length];
        for (int i = index.Length - 1; i >= 0; i--)
            (at, index[i]) = Math.DivRem(at, tensor.Shape[i]);
        return index;
    }

    public static string Place(TensorData tensor, long at) => $"[{string.Join(", ", Index(tensor, at))}]";

    /// <summary>The number at a place, exactly where it is a whole one, of which a double has 53 bits.</summary>
    public static object Number(TensorData tensor, long at, double value)
    {
        if (tensor.ElementType.IsFloat() || tensor.ElementType.IsComplex())
            return value;
        if (tensor.ElementType is not (ElementType.Int64 or ElementType.UInt64))
            return (long)value;
        Span<byte> bytes = stackalloc byte[8];
        tensor.ReadBytes(at * 8, bytes);
        return tensor.ElementType == ElementType.Int64 ? BitConverter.ToInt64(bytes) : new System.Numerics.BigInteger(BitConverter.ToUInt64(bytes));
    }

    void Compare(string name, object? a, object? b, double absolute, double relative, IProgress<long> progress)
    {
        if (a is TensorData x && b is TensorData y)
        {
            bool isComparable = x.Shape.SequenceEqual(y.Shape) && x.ElementType.IsComplex() == y.ElementType.IsComplex();
            TensorDifference? numbers = isComparable ? TensorDifference.Of(x, y, absolute, relative, progress) : null;
            if (numbers is { Different: 0 } && x.ElementType == y.ElementType)
                SameTensors++;
            else
                Tensors.Add(new(name, x, y, numbers));
        }
        else if (IsSameValue(a, b))
        {
            SameValues++;
        }
        else
        {
            Values.Add((name, a, b));
        }
    }

    static Dictionary<string, object?> Leaves(OpenedCheckpoint file, string? only)
    {
        var leaves = new Dictionary<string, object?>();
        foreach (var (path, value) in StateWalk.Over(file.Value))
        {
            if (only is null || value is TensorData && CommonOptions.Matches(only, path))
                leaves.TryAdd(path, value); // of keys that read alike, 1 and '1', the first
        }
        return leaves;
    }

    static bool IsSameValue(object? a, object? b) => (a, b) switch
    {
        (double x, double y) => x.Equals(y),
        (ReadOnlyMemory<byte> x, ReadOnlyMemory<byte> y) => x.Span.SequenceEqual(y.Span),
        (PythonObject x, PythonObject y) => x.Type == y.Type && x.Kind == y.Kind, // what they hold is compared by itself
        (StateDict x, StateDict y) => x.Count == y.Count,
        (StateTuple x, StateTuple y) when x.PythonType != y.PythonType => false,
        (IReadOnlyList<object?> x, IReadOnlyList<object?> y) => x is StateTuple == y is StateTuple && x.Count == y.Count && x.Zip(y).All(pair => IsSameValue(pair.First, pair.Second)),
        _ => Equals(a, b),
    };
}
