using OptimSharp.Engine;

namespace OptimSharp;

// What averages are saved as and loaded from.
public sealed partial class AveragedParameters
{
    /// <summary>PyTorch's key of the number of models.</summary>
    internal const string CountKey = "n_averaged";

    /// <summary>PyTorch's class holds the averages in a field of this name.</summary>
    const string Prefix = "module.";

    /// <summary>A copy of the averages under PyTorch's keys: <c>n_averaged</c>, and <c>module.</c> with each name.</summary>
    public StateDict StateDict()
    {
        using var inside = Enter("StateDict", Stage.Evaluating);
        var state = new StateDict { PythonType = "collections.OrderedDict" };
        state.Add(CountKey, TensorData.Of([Count]));
        for (int i = 0; i < averages.Length; i++)
            state.Add(Prefix + Names[i], TensorData.From(averages[i]));
        return state;
    }

    /// <summary>Takes over a copy of averages, of ours or PyTorch's making, converted to the types they are kept in here.</summary>
    /// <exception cref="StateDictException">Names or shapes do not fit. Nothing has changed.</exception>
    public void LoadStateDict(StateDict state)
    {
        ArgumentNullException.ThrowIfNull(state);
        using var inside = Enter("LoadStateDict", 0);
        var keys = Names.Select(name => Prefix + name).ToHashSet();
        foreach (var key in state.Keys)
        {
            if (key != CountKey && !(key.Name is { } name && keys.Contains(name)))
                throw state.Wrong(key, state[key], $"{CountKey}, or {Prefix} and a name that is averaged: {string.Join(", ", Names)}", StatePrefix.Advice(state, keys));
        }
        foreach (string key in keys)
        {
            if (!state.ContainsKey(key))
                throw new StateDictException(OptimizerState.PathIn(state, key), "is missing" + StatePrefix.Advice(state, keys));
        }
        long count = OptimizerState.Whole(state, CountKey);
        for (int i = 0; i < averages.Length; i++)
            Check(state, Prefix + Names[i], i);
        for (int i = 0; i < averages.Length; i++)
            state.GetTensor(Prefix + Names[i]).Fetch(); // what is damaged in its file is told before anything changes
        for (int i = 0; i < averages.Length; i++)
            state.GetTensor(Prefix + Names[i]).CopyTo(averages[i]);
        Count = count;
        Version++;
    }

    HostTensor Read(StateDict state, string key, int i)
    {
        Check(state, key, i);
        var tensor = new HostTensor(averages[i].Shape, averages[i].Type.IsComplex() || !averages[i].Type.IsTrainable() ? averages[i].Type : averages[i].Type.Compute());
        state.GetTensor(key).CopyTo(tensor);
        return tensor;
    }

    void Check(StateDict state, string key, int i)
    {
        var tensor = state.GetTensor(key);
        var average = averages[i];
        if (!tensor.Shape.SequenceEqual(average.Shape) || !IsLike(tensor.ElementType, average.Type))
            throw state.Wrong(key, tensor, $"[{string.Join(", ", average.Shape.ToArray())}] and {Kind(average.Type)}");
    }

    static string Kind(ElementType type) => !type.IsTrainable() ? type.ToString() : type.IsComplex() ? "complex" : "real";
}
