namespace OptimSharp.PyTorch;

/// <summary>A whole <c>nn.Module</c> as an inert object, and the state dict that it would give.</summary>
internal static class ModuleObject
{
    const int MostTensors = 1 << 20; // a module that is in many places has its tensors in each

    public static StateDict StateDictOf(PythonObject module)
    {
        var state = new StateDict { PythonType = PythonClass.OrderedDict };
        Add(state, module, "", 0);
        return state;
    }

    /// <summary>Parameters, then buffers that are not left out, then the modules within: as Module.state_dict() goes.</summary>
    static void Add(StateDict state, PythonObject module, string prefix, int depth)
    {
        if (depth > PythonClass.Deepest)
            throw new StateDictException(prefix, $"has more than {PythonClass.Deepest} modules within each other, or one that is within itself");
        AddTensors("_parameters", []);
        AddTensors("_buffers", module.TryGetAttribute("_non_persistent_buffers_set", out object? left) && left is PythonObject { Items: { } names } ? [.. names.OfType<string>()] : []);
        foreach (var (key, value) in Part("_modules"))
        {
            if (value is not null)
                Add(state, value as PythonObject ?? throw Wrong(key, "no module"), $"{prefix}{key}.", depth + 1);
        }

        void AddTensors(string part, HashSet<string> leftOut)
        {
            foreach (var (key, value) in Part(part))
            {
                if (value is null || leftOut.Contains(key.ToString()))
                    continue;
                if (state.Count == MostTensors)
                    throw new StateDictException(prefix, $"is a module with more than {MostTensors} tensors");
                state[$"{prefix}{key}"] = value is TensorData or SparseTensorData ? value : value is PythonObject thing ? (object?)thing.AsTensor ?? thing : throw Wrong(key, "no tensor");
            }
        }

        StateDict Part(string name) => module.TryGetAttribute(name, out object? part) ? part as StateDict ?? (part as PythonObject)?.AsDict ?? throw Wrong(name, "no dictionary")
            : throw new StateDictException($"{prefix}{module.Type}", $"is no nn.Module: it has no {name}");

        StateDictException Wrong(StateKey key, string what) => new($"{prefix}{key}", $"is {what} in a module {module.Type}");
    }
}
