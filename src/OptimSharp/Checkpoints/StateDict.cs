using System.Collections;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;

namespace OptimSharp;

/// <summary>
/// A state in plain terms, as PyTorch's <c>state_dict()</c>: what schedulers (and optimizers) are saved as and loaded from.
/// Entries keep the order in which they were added.
/// </summary>
/// <remarks>
/// <para>
/// A key is a string or a whole number. A value is null, a bool, a whole number (<see cref="long"/>), a number
/// (<see cref="double"/>), a string, a <see cref="TensorData"/>, a list of values (<see cref="IReadOnlyList{T}"/> of <see cref="object"/>), or
/// another <see cref="StateDict"/>. Other number types are converted when they are set, lists are copied. So that PyTorch's files can be written as
/// they were read there are besides: a <see cref="StateTuple"/>, which is read as a list; an <see cref="ElementType"/> for a <c>torch.dtype</c>;
/// and a <see cref="StateDevice"/>.
/// </para>
/// <para>The typed getters throw <see cref="StateDictException"/>, whose message names the path of the key.</para>
/// </remarks>
[SuppressMessage("Naming", "CA1710", Justification = "PyTorch's name; a suffix would only make it longer.")]
public sealed class StateDict : IReadOnlyCollection<KeyValuePair<StateKey, object?>>
{
    readonly OrderedDictionary<StateKey, object?> entries = [];
    StateDict? parent;
    Func<string>? nameInParent; // made only when asked for: files may have long keys and long lists

    /// <summary>How many entries there are.</summary>
    public int Count => entries.Count;

    /// <summary>The keys, in order.</summary>
    public IEnumerable<StateKey> Keys => entries.Keys;

    /// <summary>
    /// The name of the Python class that the dictionary is in a PyTorch file when it isn't a plain <c>dict</c>:
    /// <c>collections.Counter</c> for the milestones of <see cref="Schedulers.MultiStepLR"/>. Null for a plain one.
    /// </summary>
    public string? PythonType { get; init; }

    /// <summary>
    /// Attributes that the Python object has beside its entries, null for none: a module's <c>state_dict()</c> has <c>_metadata</c>, the versions
    /// of its layers. They are kept so that they can be written again.
    /// </summary>
    public StateDict? Attributes { get; init; }

    /// <summary>Where the dictionary is in those that hold it, as <c>_schedulers[1]</c>; empty for the outermost.</summary>
    public string Path => parent is null ? "" : parent.PathOf(nameInParent!());

    /// <summary>An entry's value.</summary>
    /// <exception cref="StateDictException">Get: the key is missing. Set: the value is of a kind that a state can't hold.</exception>
    public object? this[StateKey key]
    {
        get => entries.TryGetValue(key, out object? value) ? value : throw Missing(key);
        set => entries[key] = IsPlain(value) ? value : Plain(value, key.ToString);
    }

    /// <summary>Whether there is an entry.</summary>
    public bool ContainsKey(StateKey key) => entries.ContainsKey(key);

    /// <summary>An entry's value, if there is one.</summary>
    public bool TryGetValue(StateKey key, out object? value) => entries.TryGetValue(key, out value);

    /// <summary>Removes an entry, if there is one.</summary>
    public bool Remove(StateKey key) => entries.Remove(key);

    /// <summary>A number; whole ones are converted, and a tensor with one real element is its number.</summary>
    /// <exception cref="StateDictException">The key is missing or its value of another kind.</exception>
    public double GetDouble(StateKey key) => AsDouble(this[key]) ?? throw Wrong(key, this[key], "a number");

    /// <summary>A whole number; a double that is one is converted, and a tensor with one real element is its number.</summary>
    /// <inheritdoc cref="GetDouble"/>
    public long GetInt64(StateKey key) => this[key] switch
    {
        long whole => whole,
        TensorData { Count: 1, ElementType: ElementType.Int64 } tensor => tensor.ToArray<long>()[0],
        var value when AsDouble(value) is { } number && number == Math.Floor(number) && Math.Abs(number) < 1L << 53 => (long)number,
        var value => throw Wrong(key, value, "a whole number"),
    };

    /// <summary>true or false.</summary>
    /// <inheritdoc cref="GetDouble"/>
    public bool GetBoolean(StateKey key) => this[key] is bool flag ? flag : throw Wrong(key, this[key], "true or false");

    /// <summary>A text.</summary>
    /// <inheritdoc cref="GetDouble"/>
    public string GetString(StateKey key) => this[key] as string ?? throw Wrong(key, this[key], "a text");

    /// <summary>A dictionary within this one.</summary>
    /// <inheritdoc cref="GetDouble"/>
    public StateDict GetDict(StateKey key) => this[key] as StateDict ?? throw Wrong(key, this[key], "a dictionary");

    /// <summary>A list.</summary>
    /// <inheritdoc cref="GetDouble"/>
    public IReadOnlyList<object?> GetList(StateKey key) => this[key] as IReadOnlyList<object?> ?? throw Wrong(key, this[key], "a list");

    /// <summary>A list of numbers; a tensor with one real element is its number.</summary>
    /// <inheritdoc cref="GetDouble"/>
    public double[] GetDoubles(StateKey key) => [.. GetList(key).Select((value, i) => AsDouble(value) ?? throw Wrong($"{key}[{i}]", value, "a number"))];

    /// <summary>A list of dictionaries.</summary>
    /// <inheritdoc cref="GetDouble"/>
    public StateDict[] GetDicts(StateKey key) => [.. GetList(key).Select((value, i) =>
        value as StateDict ?? throw Wrong($"{key}[{i}]", value, "a dictionary"))];

    /// <summary>A tensor.</summary>
    /// <inheritdoc cref="GetDouble"/>
    public TensorData GetTensor(StateKey key) => this[key] as TensorData ?? throw Wrong(key, this[key], "a tensor");

    /// <summary>A copy that shares nothing with this one that could change; tensors never do.</summary>
    public StateDict Clone()
    {
        var copy = new StateDict { PythonType = PythonType, Attributes = Attributes?.Clone() };
        foreach (var (key, value) in entries)
            copy[key] = Copy(value);
        return copy;

        static object? Copy(object? value) => value switch
        {
            StateDict dict => dict.Clone(),
            object?[] list => list.Select(Copy).ToArray(),
            StateTuple tuple => new StateTuple(tuple.Select(Copy), tuple.PythonType),
            _ => value,
        };
    }

    /// <summary>The entries, in order.</summary>
    public IEnumerator<KeyValuePair<StateKey, object?>> GetEnumerator() => entries.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>Adds an entry: what makes <c>new StateDict { { "lr", 0.1 } }</c> work.</summary>
    /// <exception cref="ArgumentException">The key is there already.</exception>
    /// <exception cref="StateDictException">The value is of a kind that a state can't hold.</exception>
    public void Add(StateKey key, object? value) => entries.Add(key, IsPlain(value) ? value : Plain(value, key.ToString));

    /// <summary>The entries as people read them: <c>{gamma: 0.5, milestones: {2: 1}}</c>.</summary>
    public override string ToString() => Text(this);

    internal StateDictException Wrong(StateKey key, object? value, string expected, string advice = "") =>
        new(PathOf(key.ToString()), $"must be {expected}, but is {Text(value, most: 200)}{advice}");

    StateDictException Missing(StateKey key) => new(PathOf(key.ToString()), "is missing");

    string PathOf(string name)
    {
        string path = Path;
        return path.Length == 0 ? name : name.StartsWith('[') ? path + name : $"{path}.{name}";
    }

    static double? AsDouble(object? value) => value switch
    {
        double number => number,
        long whole => whole,
        TensorData { Count: 1 } tensor when tensor.ToDoubles() is [var number] => number,
        _ => null,
    };

    static bool IsPlain(object? value) => value is null or bool or long or double or string or TensorData or StateDevice;

    object? Plain(object? value, Func<string> name)
    {
        switch (value)
        {
            case int or short or sbyte or byte or ushort or uint:
                return Convert.ToInt64(value, CultureInfo.InvariantCulture);
            case float or Half or BFloat16:
                return value switch { float f => f, Half h => (double)h, var b => (double)(float)(BFloat16)b };
            case ElementType type:
                return Enum.IsDefined(type) ? type : throw new StateDictException(PathOf(name()), $"can't be the element type {type}, which there is not");
            case StateDict dict:
                for (var outer = this; outer is not null; outer = outer.parent)
                {
                    if (outer == dict)
                        throw new StateDictException(PathOf(name()), "can't be a dictionary that it is in itself");
                }
                (dict.parent, dict.nameInParent) = (this, name);
                return dict;
            case StateTuple tuple:
                return new StateTuple(tuple.Select(Item), tuple.PythonType);
            case ITuple tuple:
                return new StateTuple(Enumerable.Range(0, tuple.Length).Select(i => Item(tuple[i], i)));
            case IEnumerable list and not IDictionary:
                return list.Cast<object?>().Select(Item).ToArray();
            default:
                throw new StateDictException(PathOf(name()), $"can't be a {value!.GetType().Name}: a state holds null, bools, numbers, texts, tensors, lists and state dicts");
        }

        object? Item(object? item, int i) => IsPlain(item) ? item : Plain(item, NameOf(i));

        Func<string> NameOf(int i) => () => $"{name()}[{i}]";
    }

    /// <summary>A value as people read it, cut off after about as many letters.</summary>
    internal static string Text(object? value, int most = int.MaxValue)
    {
        var text = new StringBuilder();
        Write(value);
        return text.Length <= most ? text.ToString() : text.ToString(0, most) + "…";

        void Write(object? value)
        {
            switch (value)
            {
                case null:
                    text.Append("null");
                    break;
                case bool flag:
                    text.Append(flag ? "true" : "false");
                    break;
                case string letters:
                    text.Append('\'').Append(letters.AsSpan(0, Math.Min(letters.Length, most))).Append('\'');
                    break;
                case StateDict dict:
                    Items('{', dict, entry => { text.Append(entry.Key).Append(": "); Write(entry.Value); }, "}");
                    break;
                case object?[] list:
                    Items('[', list, Write, "]");
                    break;
                case StateTuple tuple:
                    Items('(', tuple, Write, tuple.Count == 1 ? ",)" : ")");
                    break;
                default:
                    text.Append(Convert.ToString(value, CultureInfo.InvariantCulture));
                    break;
            }
        }

        void Items<T>(char start, IEnumerable<T> items, Action<T> write, string end)
        {
            text.Append(start);
            string comma = "";
            foreach (var item in items)
            {
                if (text.Length > most)
                    return;
                text.Append(comma);
                write(item);
                comma = ", ";
            }
            text.Append(end);
        }
    }
}
