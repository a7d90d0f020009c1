namespace OptimSharp.PyTorch;

/// <summary>Finds objects that <c>torch.load(weights_only=True)</c> would refuse.</summary>
internal static class ForeignObjects
{
    /// <exception cref="ArgumentException">There is such an object.</exception>
    public static void Refuse(StateDict state)
    {
        var seen = new HashSet<PythonObject>();
        var waiting = new Queue<StateDict>(); // not by recursion: objects may lead to each other without an end
        waiting.Enqueue(state);
        while (waiting.TryDequeue(out var next))
            InDict(next, 0);

        void InDict(StateDict dict, int depth)
        {
            PythonClass.CheckDepth(depth);
            foreach (var (key, value) in dict)
            {
                Look(dict, key, value, depth);
                InKey(dict, key);
            }
            if (dict.Attributes is { } attributes)
                InDict(attributes, depth + 1);
        }

        void Look(StateDict dict, StateKey key, object? value, int depth)
        {
            PythonClass.CheckDepth(depth);
            switch (value)
            {
                case StateDict inner:
                    InDict(inner, depth + 1);
                    break;
                case IReadOnlyList<object?> list:
                    for (int i = 0; i < list.Count; i++)
                        Look(dict, list[i] is PythonObject or IReadOnlyList<object?> ? $"{key}[{i}]" : key, list[i], depth + 1);
                    break;
                case PythonObject thing when seen.Add(thing):
                    if (!PythonClass.IsPlain(thing.Module, thing.Name) || thing.Callee is not null || thing.Kind == PythonObjectKind.Instance)
                        throw new ArgumentException($"The state '{dict.PathTo(key)}' is an object of Python's class or function '{thing.Type}': a file that has it is one that torch.load reads only with weights_only=False. "
                            + $"To write it set {nameof(CheckpointSaveOptions)}.{nameof(CheckpointSaveOptions.AllowObjects)}; else remove the entry.", nameof(state));
                    waiting.Enqueue(thing.Content);
                    break;
            }
        }

        void InKey(StateDict dict, StateKey key)
        {
            foreach (var part in key.Parts ?? [])
                InKey(dict, part);
            if (key.Node is PythonObject thing)
                Look(dict, key, thing, 0);
        }
    }
}
