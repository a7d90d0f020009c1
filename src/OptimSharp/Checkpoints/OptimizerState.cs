using System.Globalization;
using OptimSharp.Engine;
using OptimSharp.Rules;

namespace OptimSharp;

/// <summary>Between an optimizer and PyTorch's structure: <c>state</c> by running number, and <c>param_groups</c>.</summary>
internal static class OptimizerState
{
    public static StateDict Save(Optimizer optimizer)
    {
        var states = new StateDict();
        var groups = new List<StateDict>();
        bool named = optimizer.ParameterGroups.All(g => g.Parameters.All(p => p.Name.Length > 0));
        long id = 0;
        foreach (var group in optimizer.ParameterGroups)
        {
            var ids = new List<long>();
            var part = optimizer.PartOf(group);
            foreach (var parameter in group.Parameters)
            {
                if (part.StateOf(parameter) is { } state)
                    states.Add(id, Save(state, part.AllEntriesOf(parameter)));
                ids.Add(id++);
            }
            var saved = new StateDict();
            if (part != optimizer)
                saved[SavedGroup.Algorithm] = part.GetType().Name;
            group.SaveOptions(saved, part.StandardOptions);
            foreach (var (key, value) in group.Numbers.All)
                saved[key] = value;
            foreach (var (key, value) in group.Extras.Clone())
            {
                saved[key] = GroupReader.CanBeExtra(group, key) ? value : throw new InvalidOperationException(
                    $"An extra of parameter group {groups.Count} is named '{key}', which is the name of an option or of what makes up a group; give it another.");
            }
            if (named)
                saved["param_names"] = group.Parameters.Select(p => p.Name).ToArray();
            saved["params"] = ids;
            groups.Add(saved);
        }
        return new() { { "state", states }, { "param_groups", groups } };
    }

    /// <summary>A state as state dicts have it.</summary>
    /// <param name="state">The state.</param>
    /// <param name="entries">What it can have.</param>
    /// <param name="save">Gives a tensor as state dicts have it; null: a copy.</param>
    public static StateDict Save(ParameterState state, IReadOnlyList<StateEntry> entries, Func<StateTensor, StateEntry, object>? save = null)
    {
        save ??= (tensor, _) => tensor is PackedTensor packed ? PackedState.Save(packed) : TensorData.From(tensor);
        var saved = new StateDict();
        foreach (var entry in entries)
        {
            string key = entry.Key;
            switch (entry.Kind)
            {
                case StateKind.Step:
                    saved[key] = state.Step;
                    break;
                case StateKind.Tensor when state.Find(key) is { } tensor:
                    saved[key] = save(tensor, entry);
                    break;
                case StateKind.Number or StateKind.Whole when state.TryGetScalar(key, out double number):
                    saved[key] = Saved(entry.Kind, number);
                    break;
                case StateKind.Tensors or StateKind.Numbers when state.FindList(key) is { } list:
                    saved[key] = list.Select(tensor => save(tensor, entry)).ToArray();
                    break;
                case StateKind.Matrices when state.FindList(key) is { } matrices:
                    saved[key] = matrices.Select(m => m.Count == 0 ? Array.Empty<object?>() : save(m, entry)).ToArray();
                    break;
            }
        }
        return saved;
    }

    /// <summary>A value with tensors of one element as numbers: PyTorch keeps counts and rates as such.</summary>
    public static object? Plain(object? value) => value switch
    {
        TensorData { Count: 1 } tensor when !tensor.ElementType.IsComplex() => tensor.ToDoubles()[0],
        IReadOnlyList<object?> list => list.Select(Plain).ToArray(),
        _ => value,
    };

    /// <summary>A number as files have it.</summary>
    public static object Saved(StateKind kind, double number) => kind switch
    {
        StateKind.Whole => (long)number,
        StateKind.Flag => number != 0,
        _ => number,
    };

    /// <summary>A number of this kind.</summary>
    public static double Read(StateKind kind, StateDict from, string key) => kind switch
    {
        StateKind.Whole => Whole(from, key),
        StateKind.Flag => from.GetBoolean(key) ? 1 : 0,
        _ => Number(from, key),
    };

    public static double Number(StateDict from, string key) => Plain(from[key]) switch
    {
        double number => number,
        long whole => whole,
        _ => throw from.Wrong(key, from[key], "a number"),
    };

    public static long Whole(StateDict from, string key) =>
        Number(from, key) is >= 0 and < 1L << 53 and var number && number == Math.Floor(number) ? (long)number
            : throw from.Wrong(key, from[key] is TensorData ? Number(from, key) : from[key], "a whole number ≥ 0");

    public static string PathIn(StateDict dict, StateKey key) =>
        dict.Path.Length == 0 ? key.ToString() : string.Create(CultureInfo.InvariantCulture, $"{dict.Path}.{key}");
}
