using System.Globalization;
using OptimSharp.Kernels;

namespace OptimSharp;

/// <summary>Between an optimizer and PyTorch's structure: <c>state</c> by running number, and <c>param_groups</c>.</summary>
internal static class OptimizerState
{
    /// <summary>PyTorch's choices of an implementation. They change no result, and we have none of them.</summary>
    static readonly string[] Implementation = ["foreach", "fused", "capturable", "differentiable"];

    /// <summary>What PyTorch's schedulers leave in groups.</summary>
    static readonly string[] ExtraKeys = ["initial_lr", "max_lr", "min_lr", "swa_lr", "max_momentum", "base_momentum"];

    static readonly string[] Structure = ["params", "param_names"];

    public static StateDict Save(Optimizer optimizer)
    {
        var states = new StateDict();
        var groups = new List<StateDict>();
        bool named = optimizer.ParameterGroups.All(g => g.Parameters.All(p => p.Name.Length > 0));
        long id = 0;
        foreach (var group in optimizer.ParameterGroups)
        {
            var ids = new List<long>();
            foreach (var parameter in group.Parameters)
            {
                if (optimizer.StateOf(parameter) is { } state)
                    states.Add(id, Save(state, optimizer.StateEntries(parameter)));
                ids.Add(id++);
            }
            var saved = new StateDict();
            group.SaveOptions(saved);
            foreach (var (key, value) in group.Extras)
                saved[key] = value;
            if (named)
                saved["param_names"] = group.Parameters.Select(p => p.Name).ToArray();
            saved["params"] = ids;
            groups.Add(saved);
        }
        return new() { { "state", states }, { "param_groups", groups } };
    }

    static StateDict Save(ParameterState state, IReadOnlyList<StateEntry> entries)
    {
        var saved = new StateDict();
        foreach (var (key, kind, _) in entries)
        {
            switch (kind)
            {
                case StateKind.Step:
                    saved[key] = state.Step;
                    break;
                case StateKind.Tensor when state.Find(key) is { } tensor:
                    saved[key] = TensorData.From(tensor);
                    break;
                case StateKind.Number or StateKind.Whole when state.TryGetScalar(key, out double number):
                    saved[key] = kind == StateKind.Whole ? (long)number : number;
                    break;
                case StateKind.Tensors or StateKind.Numbers when state.FindList(key) is { } list:
                    saved[key] = list.Select(TensorData.From).ToArray();
                    break;
            }
        }
        return saved;
    }

    /// <summary>Reads and checks everything, and changes nothing.</summary>
    public static (Dictionary<object, ParameterState> States, (OptimizerOptions Options, OrderedDictionary<string, double> Extras)[] Groups) Read(
        Optimizer optimizer, StateDict dict, LoadStateOptions options)
    {
        var groups = optimizer.ParameterGroups;
        CheckKeep(groups, options);
        var saved = dict.GetDicts("param_groups");
        if (saved.Length != groups.Count)
            throw new StateDictException(PathIn(dict, "param_groups"), $"must have the optimizer's {groups.Count} groups, but has {saved.Length}");
        var standard = optimizer.StandardOptions;
        var read = groups.Zip(saved, (group, from) => (ReadOptions(group, from, options, standard), ReadExtras(group, from, options))).ToArray();
        var states = dict.GetDict("state");
        var ids = saved.Select(ReadIds).ToArray();
        var known = ids.SelectMany(x => x).ToHashSet();
        foreach (var (key, _) in states)
        {
            if (!key.IsNumber || !known.Contains(key.Number))
                throw states.Wrong(key, states[key], "the state of a parameter that a group has");
        }

        var made = new Dictionary<object, ParameterState>();
        try
        {
            foreach (var (parameter, group, id) in Match(optimizer, saved, ids, options))
            {
                if (id is null)
                {
                    if (optimizer.StateOf(parameter) is { } present)
                        made.Add(parameter.Identity, present);
                }
                else if (states.ContainsKey(id.Value) && states.GetDict(id.Value) is { Count: > 0 } entry)
                {
                    var state = new ParameterState();
                    made.Add(parameter.Identity, state);
                    Read(optimizer, parameter, entry, read[group].Item1.StatePrecision, options.Strict, state);
                }
            }
        }
        catch
        {
            foreach (var (identity, state) in made)
            {
                if (!optimizer.Has(identity, state))
                    state.Dispose();
            }
            throw;
        }
        return (made, read);
    }

    static void CheckKeep(IReadOnlyList<ParameterGroup> groups, LoadStateOptions options)
    {
        foreach (string key in options.Keep)
        {
            if (!groups.Any(g => g.HasOption(key)) && !ExtraKeys.Contains(key))
                throw new ArgumentException($"There is no option '{key}' to keep; there are: {string.Join(", ", groups[0].OptionKeys.Concat(ExtraKeys))}.", nameof(options));
        }
    }

    static OptimizerOptions ReadOptions(ParameterGroup group, StateDict from, LoadStateOptions options, OptimizerOptions standard)
    {
        foreach (var key in from.Keys)
        {
            if (key.Name is not { } name || !(group.HasOption(name) || ExtraKeys.Contains(name) || Implementation.Contains(name) || Structure.Contains(name)))
            {
                throw new StateDictException(PathIn(from, key), "is an option that the optimizer does not have; it has: "
                    + string.Join(", ", group.OptionKeys));
            }
        }
        return group.ReadOptions(from, options.Keep, standard);
    }

    static OrderedDictionary<string, double> ReadExtras(ParameterGroup group, StateDict from, LoadStateOptions options)
    {
        var read = new OrderedDictionary<string, double>();
        foreach (string key in ExtraKeys)
        {
            if (options.Keep.Contains(key))
            {
                if (group.Extras.TryGetValue(key, out double present))
                    read[key] = present;
            }
            else if (from.ContainsKey(key))
                read[key] = Number(from, key);
        }
        return read;
    }

    static long[] ReadIds(StateDict group) =>
        [.. group.GetList("params").Select((id, i) => id is long number ? number : throw group.Wrong($"params[{i}]", id, "a whole number"))];

    /// <summary>Each of the optimizer's parameters, with the number that it has in the state dict; null when it is not in it.</summary>
    static List<(Parameter Parameter, int Group, long? Id)> Match(Optimizer optimizer, StateDict[] saved, long[][] ids, LoadStateOptions options)
    {
        var groups = optimizer.ParameterGroups;
        var names = saved.Zip(ids, ReadNames).ToArray();
        var live = groups.SelectMany(g => g.Parameters).Select(p => p.Name).ToArray();
        bool byName = !options.ByPosition && !names.Contains(null) && AreUnique(live) && AreUnique([.. names.SelectMany(n => n!)]);
        if (byName && (options.Strict || optimizer.SharesState))
        {
            for (int i = 0; i < groups.Count; i++)
            {
                string[] mine = [.. groups[i].Parameters.Select(p => p.Name)], theirs = names[i]!;
                string path = PathIn(saved[i], "param_names");
                if (mine.Except(theirs).FirstOrDefault() is { } missing)
                    throw new StateDictException(path, $"lacks '{missing}', a parameter of the optimizer's group (ByPosition matches without names)");
                if (theirs.Except(mine).FirstOrDefault() is { } extra)
                    throw new StateDictException(path, $"has '{extra}', no parameter of the optimizer's group (ByPosition matches without names)");
                if (optimizer.SharesState && !mine.SequenceEqual(theirs))
                    throw new StateDictException(path, $"must be in the optimizer's order, because {optimizer.GetType().Name} has one state for all parameters: {string.Join(", ", mine)}");
            }
        }
        var byNames = byName ? names.SelectMany(n => n!).Zip(ids.SelectMany(x => x)).ToDictionary(x => x.First, x => x.Second) : null;
        var matched = new List<(Parameter, int, long?)>();
        for (int i = 0; i < groups.Count; i++)
        {
            if (!byName && ids[i].Length != groups[i].Parameters.Count)
                throw new StateDictException(PathIn(saved[i], "params"), $"must have the {groups[i].Parameters.Count} parameters of the optimizer's group, but has {ids[i].Length}");
            foreach (var (k, parameter) in groups[i].Parameters.Index())
                matched.Add((parameter, i, byNames is null ? ids[i][k] : byNames.TryGetValue(parameter.Name, out long id) ? id : null));
        }
        return matched;

        static bool AreUnique(string[] names) => !names.Contains("") && names.Distinct().Count() == names.Length;
    }

    static string[]? ReadNames(StateDict group, long[] ids)
    {
        if (!group.TryGetValue("param_names", out object? value) || value is null)
            return null;
        string[] names = [.. group.GetList("param_names").Select((name, i) => name as string ?? throw group.Wrong($"param_names[{i}]", name, "a text"))];
        return names.Length == ids.Length ? names
            : throw new StateDictException(PathIn(group, "param_names"), $"must have {ids.Length} names, as many as there are parameters, but has {names.Length}");
    }

    static void Read(Optimizer optimizer, Parameter parameter, StateDict from, StatePrecision precision, bool strict, ParameterState state)
    {
        var entries = optimizer.StateEntries(parameter);
        foreach (var (key, value) in from)
        {
            if (strict && value is not null && !entries.Any(e => e.Key == key.Name))
            {
                throw new StateDictException(PathIn(from, key), $"is nothing that {optimizer.GetType().Name} remembers of parameter {parameter}; it remembers: "
                    + (entries.Count > 0 ? string.Join(", ", entries.Where(e => e.Kind != StateKind.Ignored).Select(e => e.Key)) : "nothing"));
            }
        }
        foreach (var (key, kind, optional) in entries)
        {
            bool present = from.TryGetValue(key, out object? value) && value is not null;
            if (kind == StateKind.Ignored || !present && optional)
                continue;
            switch (kind)
            {
                case StateKind.Step:
                    state.Step = Whole(from, key);
                    break;
                case StateKind.Number:
                    state.Set(key, Number(from, key));
                    break;
                case StateKind.Whole:
                    state.Set(key, Whole(from, key));
                    break;
                case StateKind.Tensor:
                    state.Add(key, ReadTensor(from, key, from[key]));
                    break;
                case StateKind.Tensors:
                    var tensors = state.AddList(key);
                    foreach (var (i, item) in from.GetList(key).Index())
                        tensors.Add(ReadTensor(from, $"{key}[{i}]", item));
                    break;
                default:
                    var numbers = state.AddList(key);
                    foreach (var (i, item) in from.GetList(key).Index())
                    {
                        var number = new HostTensor([], ElementType.Float64);
                        numbers.Add(number);
                        number.Fill(Plain(item) switch { double x => x, long x => x, _ => throw from.Wrong($"{key}[{i}]", item, "a number") });
                    }
                    break;
            }
        }
        optimizer.CheckState(state, from);

        StateTensor ReadTensor(StateDict dict, string key, object? value)
        {
            var data = value as TensorData ?? throw dict.Wrong(key, value, "a tensor");
            var tensor = optimizer.CreateState(parameter, key, precision);
            if (data.Shape.SequenceEqual(tensor.Shape) && data.ElementType.IsComplex() == tensor.Type.IsComplex())
            {
                data.CopyTo(tensor);
                return tensor;
            }
            string expected = $"[{string.Join(", ", tensor.Shape.ToArray())}] and {(tensor.Type.IsComplex() ? "complex" : "real")} for parameter {parameter}";
            tensor.Dispose();
            throw dict.Wrong(key, value, expected);
        }
    }

    /// <summary>A value with tensors of one element as numbers: PyTorch keeps counts and rates as such.</summary>
    public static object? Plain(object? value) => value switch
    {
        TensorData { Count: 1 } tensor when !tensor.ElementType.IsComplex() => tensor.ToDoubles()[0],
        IReadOnlyList<object?> list => list.Select(Plain).ToArray(),
        _ => value,
    };

    static double Number(StateDict from, string key) => Plain(from[key]) switch
    {
        double number => number,
        long whole => whole,
        _ => throw from.Wrong(key, from[key], "a number"),
    };

    static long Whole(StateDict from, string key) =>
        Number(from, key) is >= 0 and < 1L << 53 and var number && number == Math.Floor(number) ? (long)number
            : throw from.Wrong(key, from[key] is TensorData ? Number(from, key) : from[key], "a whole number ≥ 0");

    static string PathIn(StateDict dict, StateKey key) =>
        dict.Path.Length == 0 ? key.ToString() : string.Create(CultureInfo.InvariantCulture, $"{dict.Path}.{key}");
}
