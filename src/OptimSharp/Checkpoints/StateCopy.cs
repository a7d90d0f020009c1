namespace OptimSharp;

/// <summary>Copies a state with everything in it. Objects that are in several places, or within themselves, are so in the copy.</summary>
internal sealed class StateCopy
{
    readonly Dictionary<PythonObject, PythonObject> copies = [];
    readonly Queue<PythonObject> waiting = []; // not by recursion: objects may lead to each other without an end

    public StateDict Of(StateDict dict)
    {
        var copy = Copy(dict);
        while (waiting.TryDequeue(out var from))
            Fill(copies[from].Content, from.Content);
        return copy;
    }

    StateDict Copy(StateDict dict)
    {
        var copy = new StateDict { PythonType = dict.PythonType, RootName = dict.RootName, Attributes = dict.Attributes is null ? null : Copy(dict.Attributes) };
        Fill(copy, dict);
        return copy;
    }

    void Fill(StateDict copy, StateDict dict)
    {
        foreach (var (key, value) in dict)
            copy[Copy(key)] = Copy(value);
    }

    object? Copy(object? value) => value switch
    {
        StateDict dict => Copy(dict),
        object?[] list => list.Select(Copy).ToArray(),
        StateTuple tuple => new StateTuple(tuple.Select(Copy), tuple.PythonType),
        PythonObject thing => Copy(thing),
        _ => value,
    };

    StateKey Copy(StateKey key) => key.Parts is { } parts ? StateKey.OfParts(Array.ConvertAll(parts, Copy)) : key.Node is PythonObject thing ? StateKey.Of(Copy(thing)) : key;

    PythonObject Copy(PythonObject thing)
    {
        if (!copies.TryGetValue(thing, out var copy))
        {
            copy = new(thing.Module, thing.Name, thing.Kind, new StateDict { RootName = thing.Type });
            copies.Add(thing, copy);
            waiting.Enqueue(thing);
        }
        return copy;
    }
}
