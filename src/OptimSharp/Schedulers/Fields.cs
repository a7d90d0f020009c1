using System.Globalization;
using System.Runtime.CompilerServices;
using OptimSharp.Rules;

namespace OptimSharp.Schedulers;

/// <summary>What <see cref="Fields"/> does with the settings it is shown.</summary>
internal enum FieldsMode
{
    /// <summary>Checks constructor arguments: <see cref="ArgumentException"/>.</summary>
    Check,

    /// <summary>Writes them to a state.</summary>
    Save,

    /// <summary>Reads them from a state, and checks: <see cref="StateDictException"/>.</summary>
    Load,
}

/// <summary>
/// Goes over a scheduler's settings, each declared in one place with property, key and range: <c>Gamma = fields.Number(Gamma,
/// "gamma")</c> checks the constructor's argument, writes the state or reads it.
/// </summary>
/// <param name="mode">What is done.</param>
/// <param name="state">The state that is written or read.</param>
/// <param name="owner">The scheduler.</param>
/// <param name="keep">The settings that are not read.</param>
/// <param name="from">The state's group that each of the optimizer's groups has its values from, −1 for none; null: each has its own number.</param>
internal sealed class Fields(FieldsMode mode, StateDict? state, LRScheduler owner, IReadOnlyCollection<string>? keep = null, GroupSources? from = null)
{
    /// <summary>How far a schedule has come, and what functions remember: no settings.</summary>
    static readonly string[] progress = ["last_epoch", "_last_lr", "best", "cooldown_counter", "num_bad_epochs"];

    readonly HashSet<string> known = [];
    readonly List<string> settings = [];

    /// <summary>The settings that were shown, by their paths.</summary>
    public IReadOnlyList<string> Settings => settings;

    public bool IsLoading => mode == FieldsMode.Load;

    public bool IsSaving => mode == FieldsMode.Save;

    public StateDict State => state!;

    /// <summary>In a list of which place each group's value is: of the scheduler's list, by the groups' numbers, when it is saved; of the state's list, by the scheduler's places, when it is read. null: in the same.</summary>
    public int[]? Order { get; set; }

    /// <summary>Whether a state that is being read has a key, and it is to be read.</summary>
    public bool Has(string key) => IsLoading && Known(key) && State.ContainsKey(key) && !Keeps(key);

    /// <summary>Whether a setting stays as it is while others are read.</summary>
    public bool Keeps(string key) => IsLoading && keep is not null && keep.Contains(key);

    public long Whole(long value, string key, long atLeast = 0, bool optional = false, [CallerArgumentExpression(nameof(value))] string name = "")
    {
        value = Exchange(value, key, optional, State => State.GetInt64(key));
        Check(value, new(key) { AtLeast = atLeast }, name);
        return value;
    }

    public int Whole(int value, string key, int atLeast = 0, [CallerArgumentExpression(nameof(value))] string name = "")
    {
        long whole = Whole((long)value, key, atLeast, name: name);
        return whole <= int.MaxValue ? (int)whole : throw State.Wrong(key, whole, $"at most {int.MaxValue}");
    }

    public double Number(double value, string key, double atLeast = 0, double above = double.NaN, double atMost = double.NaN, double below = double.NaN,
        bool optional = false, [CallerArgumentExpression(nameof(value))] string name = "")
    {
        value = Exchange(value, key, optional, State => State.GetDouble(key));
        Check(value, new(key) { AtLeast = atLeast, Above = above, AtMost = atMost, Below = below }, name);
        return value;
    }

    /// <summary>A number that may be anything: not an argument.</summary>
    public double Any(double value, string key, bool optional = false) => Exchange(value, key, optional, State => State.GetDouble(key));

    public bool Flag(bool value, string key, bool optional = false) => Exchange(value, key, optional, State => State.GetBoolean(key));

    /// <summary>One of an enumeration's values, which PyTorch writes as words.</summary>
    public T Choice<T>(T value, string key, ReadOnlySpan<string> words, bool optional = false, [CallerArgumentExpression(nameof(value))] string name = "")
        where T : unmanaged, Enum
    {
        int number = Convert.ToInt32(value, CultureInfo.InvariantCulture);
        if (number < 0 || number >= words.Length)
            throw new ArgumentOutOfRangeException(Argument(name), value, $"{Argument(name)} must be one of {string.Join(", ", Enum.GetNames<T>())}, but is {value}.");
        string word = Exchange(words[number], key, optional, State => State.GetString(key));
        int found = words.IndexOf(word);
        return found >= 0 ? Enum.GetValues<T>()[found] : throw State.Wrong(key, word, $"one of {string.Join(", ", words.ToArray())}");
    }

    /// <summary>A list of rates, one a group, none below <paramref name="least"/>; fewer are allowed where groups were added since, and NaN is read for those between others.</summary>
    public double[] Numbers(double[] value, string key, int atMost, double least = 0, bool optional = false)
    {
        double[] read = Exchange(IsSaving ? InOrder(value, double.NaN) : value, key, optional, State => State.GetDoubles(key));
        if (!IsLoading)
            return value;
        if (read.Length > (from?.Count ?? atMost))
            throw State.Wrong(key, read.Length, $"a list with at most one number for each of the {(from is null ? $"optimizer's {atMost}" : $"state's {from.Count}")} parameter groups, by its length");
        foreach (double number in read)
        {
            if (read != value || !double.IsNaN(number))
                Check(number, new(key) { AtLeast = least }, key);
        }
        return read != value ? InOrder(read, double.NaN) : value;
    }

    /// <inheritdoc cref="Numbers(double[], string, int, double, bool)"/>
    public void Numbers(List<double> value, string key, int atMost, double least = 0)
    {
        double[] numbers = Numbers(value.ToArray(), key, atMost, least);
        if (!IsLoading)
            return;
        value.Clear();
        value.AddRange(numbers);
    }

    /// <summary>A value for each group.</summary>
    public PerGroup Each(PerGroup value, string key, double atLeast = 0, double below = double.NaN, bool optional = false,
        [CallerArgumentExpression(nameof(value))] string name = "")
    {
        int groups = owner.Optimizer.ParameterGroups.Count;
        if (mode == FieldsMode.Check)
            value.CheckCount(groups, Argument(name));
        Setting(key);
        if (!Keeps(key) && (!optional || !IsLoading || Has(key)))
        {
            double[] mine = IsSaving ? value.Expand(groups) : [];
            double[] numbers = Exchange(Order is null || value.IsSame || Order.Max() >= mine.Length ? mine : InOrder(mine, double.NaN), key, optional: false, State => State.GetDoubles(key));
            if (IsLoading && Order is not null && numbers.Length == (from?.Count ?? groups))
                numbers = [.. Order.Where(place => place >= 0 && place < numbers.Length).Select(place => numbers[place])];
            if (IsLoading)
                value = PerGroup.Loaded(numbers, groups, value.IsSame) ?? throw State.Wrong(key, numbers.Length, $"a list with one number for each of the optimizer's {groups} parameter groups, by its length");
        }
        foreach (double number in value.Distinct)
            Check(number, new(key) { AtLeast = atLeast, Below = below }, name);
        return value;
    }

    /// <summary>The states of a composite's schedulers.</summary>
    public void Children(IReadOnlyList<LRScheduler> children, string key)
    {
        Known(key);
        if (IsSaving)
        {
            State[key] = children.Select((child, i) =>
            {
                var saved = new Fields(FieldsMode.Save, [], child);
                child.Save(saved);
                settings.AddRange(saved.Settings.Select(name => $"{key}[{i}].{name}"));
                return saved.State;
            }).ToArray();
        }
        if (!IsLoading)
            return;
        var states = State.GetDicts(key);
        if (states.Length != children.Count)
            throw State.Wrong(key, states.Length, $"a list of {children.Count} schedulers' states, by its length");
        foreach (var (i, child) in children.Index())
        {
            string path = $"{key}[{i}].";
            child.Load(states[i], [.. (keep ?? []).Where(name => name.StartsWith(path, StringComparison.Ordinal)).Select(name => name[path.Length..])], from);
        }
    }

    /// <summary>The state of functions that are methods of objects with state; null for the others.</summary>
    public void Functions(IReadOnlyList<Delegate> functions, string key)
    {
        Known(key);
        if (IsSaving)
            State[key] = InOrder([.. functions.Select(f => (f.Target as IStateful)?.StateDict())], null);
        if (!IsLoading)
            return;
        var states = State.GetList(key);
        if (states.Count > (from?.Count ?? functions.Count))
            throw State.Wrong(key, states.Count, $"a list of {from?.Count ?? functions.Count} functions' states, by its length");
        foreach (var (function, value) in functions.Zip(InOrder(states.ToArray(), null)))
            Load(function, value, key);
    }

    /// <inheritdoc cref="Functions"/>
    public void Function(Delegate? function, string key)
    {
        Known(key);
        if (IsSaving)
            State[key] = (function?.Target as IStateful)?.StateDict();
        if (IsLoading && State.TryGetValue(key, out object? value))
            Load(function, value, key);
    }

    /// <summary>A setting that is read in a way of its own.</summary>
    public void Setting(string key)
    {
        if (!progress.Contains(key) && !settings.Contains(key))
            settings.Add(key);
    }

    /// <summary>Written for PyTorch, which keeps it; follows from the rest when it is read.</summary>
    public void Derived(string key, object? value)
    {
        Known(key);
        if (IsSaving)
            State[key] = value;
    }

    /// <summary>Keys of earlier versions that carry nothing of use.</summary>
    public void Ignore(params ReadOnlySpan<string> keys)
    {
        foreach (string key in keys)
            Known(key);
    }

    /// <summary>Warns of keys that nothing asked for: the state of another scheduler, or of a later version.</summary>
    public void ReportUnknown()
    {
        var unknown = State.Keys.Select(k => k.ToString()).Where(k => !known.Contains(k)).ToArray();
        if (unknown.Length > 0)
            Warnings.Raise(owner, $"{owner.Title} does not know these entries of its state, and left them out: {string.Join(", ", unknown)}.");
    }

    static void Load(Delegate? function, object? value, string key)
    {
        if (value is not StateDict { Count: > 0 } dict) // a functools.partial has an empty one
            return;
        if (function?.Target is not IStateful target)
            throw new StateDictException(key, "holds a function's state, but the scheduler's function is not a method of an object with state (IStateful)");
        target.LoadStateDict(dict.Clone());
    }

    T Exchange<T>(T value, string key, bool optional, Func<StateDict, T> get)
    {
        Known(key);
        Setting(key);
        if (IsSaving)
            State[key] = value;
        return IsLoading && !Keeps(key) && !(optional && !State.ContainsKey(key)) ? get(State) : value;
    }

    /// <summary>A list's values in <see cref="Order"/>.</summary>
    T[] InOrder<T>(T[] list, T none) => Order is null ? list : [.. Order.Select(place => place >= 0 && place < list.Length ? list[place] : none)];

    bool Known(string key) => known.Add(key) || true;

    void Check(double value, OptionAttribute range, string name)
    {
        if (double.IsFinite(value) && range.Allows(value))
            return;
        string text = value.ToString(CultureInfo.InvariantCulture);
        throw mode == FieldsMode.Load
            ? State.Wrong(range.Key, value, $"a number {range.Range}")
            : new ArgumentOutOfRangeException(Argument(name), text, $"{Argument(name)} must be {range.Range}{(double.IsInfinity(value) ? " and finite" : "")}, but is {text}.");
    }

    /// <summary>The constructor's argument for a property.</summary>
    static string Argument(string property) => char.ToLowerInvariant(property[0]) + property[1..];
}
