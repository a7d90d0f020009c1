namespace OptimSharp.Doors;

/// <summary>The doors by name, and what they are tried with.</summary>
public static class Door
{
    public static IReadOnlyDictionary<string, Action> All { get; } = new SortedDictionary<string, Action>(
        new[] { HandlerDoors.All, ThreadDoors.All, DisposedDoors.All, HostDoors.All, SharedDoors.All, AverageDoors.All, TensorDoors.All, TensorGradientDoors.All }
            .SelectMany(doors => doors).ToDictionary(door => door.Name, door => door.Try), StringComparer.Ordinal);

    /// <summary>Throws unless an action is refused in words that contain this.</summary>
    public static void Refused<TException>(Action action, string words) where TException : Exception
    {
        try
        {
            action();
        }
        catch (TException e) when (e.Message.Contains(words, StringComparison.Ordinal))
        {
            return;
        }
        throw new InvalidOperationException($"It was not refused with \"{words}\".");
    }

    /// <summary>Throws unless two sequences are the same.</summary>
    public static void Same<T>(IEnumerable<T> expected, IEnumerable<T> actual)
    {
        T[] a = [.. expected], b = [.. actual];
        if (!a.SequenceEqual(b))
            throw new InvalidOperationException($"[{string.Join(", ", b.Take(20))}] is not [{string.Join(", ", a.Take(20))}].");
    }

    /// <inheritdoc cref="Same{T}(IEnumerable{T}, IEnumerable{T})"/>
    public static void Same<T>(T[] expected, T[] actual) => Same((IEnumerable<T>)expected, actual);

    /// <summary>Throws unless two values are the same.</summary>
    public static void Same<T>(T expected, T actual) => Same((IEnumerable<T>)[expected], [actual]);

    /// <summary>A parameter of ones, with a gradient of ones.</summary>
    public static Parameter<float> Ones(string name, int count)
    {
        var values = new float[count];
        Array.Fill(values, 1);
        var parameter = Parameter.Of(name, values);
        parameter.Gradient = (float[])values.Clone();
        return parameter;
    }
}
