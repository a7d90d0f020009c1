using System.Collections;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Numerics;
using System.Runtime.CompilerServices;

namespace OptimSharp;

/// <summary>
/// A state in plain terms, as PyTorch's <c>state_dict()</c>: what schedulers (and optimizers) are saved as and loaded from.
/// Entries keep the order in which they were added.
/// </summary>
/// <remarks>
/// <para>
/// A key is a string or a whole number; files from elsewhere may have others (<see cref="StateKey"/>). A value is null, a bool, a whole number
/// (<see cref="long"/>; a <see cref="BigInteger"/> beyond 64 bits), a number (<see cref="double"/>; a <see cref="Complex"/>), a string, a <see cref="TensorData"/>, a
/// list of values (<see cref="IReadOnlyList{T}"/> of <see cref="object"/>), or another <see cref="StateDict"/>. Other number types are converted when they are set,
/// lists are copied.
/// </para>
/// <para>
/// So that PyTorch's files can be written as they were read there are besides: a <see cref="StateTuple"/>, which is read as a list; bytes, as
/// <see cref="ReadOnlyMemory{T}"/> of <see cref="byte"/>, which nobody may change; a <see cref="SparseTensorData"/>; an <see cref="ElementType"/> for a
/// <c>torch.dtype</c>; a <see cref="StateDevice"/>; and a <see cref="PythonObject"/> for whatever else there is.
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

    /// <summary>Where the dictionary is in those that hold it, as <c>_schedulers[1]</c>; empty for the outermost. Within a <see cref="PythonObject"/> it begins with the object's class.</summary>
    public string Path => parent is null ? RootName : parent.PathOf(nameInParent!());

    /// <summary>What the path begins with.</summary>
    internal string RootName { get; init; } = "";

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

    /// <summary>A whole number of any size.</summary>
    /// <inheritdoc cref="GetDouble"/>
    public BigInteger GetBigInteger(StateKey key) => this[key] is BigInteger large ? large : GetInt64(key);

    /// <summary>true or false.</summary>
    /// <inheritdoc cref="GetDouble"/>
    public bool GetBoolean(StateKey key) => this[key] is bool flag ? flag : throw Wrong(key, this[key], "true or false");

    /// <summary>A text.</summary>
    /// <inheritdoc cref="GetDouble"/>
    public string GetString(StateKey key) => this[key] as string ?? throw Wrong(key, this[key], "a text");

    /// <summary>Bytes: Python's <c>bytes</c> or <c>bytearray</c>.</summary>
    /// <inheritdoc cref="GetDouble"/>
    public ReadOnlyMemory<byte> GetBytes(StateKey key) => this[key] switch
    {
        ReadOnlyMemory<byte> bytes => bytes,
        PythonObject { Type: PyTorch.PythonClass.ByteArray, Arguments: [] } => default,
        PythonObject { Type: PyTorch.PythonClass.ByteArray, Arguments: [ReadOnlyMemory<byte> bytes] } => bytes,
        var value => throw Wrong(key, value, "bytes"),
    };

    /// <summary>A dictionary within this one; also one of a class of its own.</summary>
    /// <inheritdoc cref="GetDouble"/>
    public StateDict GetDict(StateKey key) => AsDict(this[key]) ?? throw Wrong(key, this[key], "a dictionary");

    /// <summary>A list, a tuple, a set; also one of a class of its own.</summary>
    /// <inheritdoc cref="GetDouble"/>
    public IReadOnlyList<object?> GetList(StateKey key) => this[key] switch
    {
        IReadOnlyList<object?> list => list,
        PythonObject { AsList: { } list } => list,
        var value => throw Wrong(key, value, "a list"),
    };

    /// <summary>A list of numbers; a tensor with one real element is its number.</summary>
    /// <inheritdoc cref="GetDouble"/>
    public double[] GetDoubles(StateKey key) => [.. GetList(key).Select((value, i) => AsDouble(value) ?? throw Wrong($"{key}[{i}]", value, "a number"))];

    /// <summary>A list of dictionaries.</summary>
    /// <inheritdoc cref="GetDouble"/>
    public StateDict[] GetDicts(StateKey key) => [.. GetList(key).Select((value, i) => AsDict(value) ?? throw Wrong($"{key}[{i}]", value, "a dictionary"))];

    /// <summary>A tensor; also one of a class of its own, or with attributes.</summary>
    /// <inheritdoc cref="GetDouble"/>
    public TensorData GetTensor(StateKey key) => this[key] switch
    {
        TensorData tensor => tensor,
        PythonObject { AsTensor: { } tensor } => tensor,
        var value => throw Wrong(key, value, "a tensor"),
    };

    /// <summary>A sparse tensor.</summary>
    /// <inheritdoc cref="GetDouble"/>
    public SparseTensorData GetSparseTensor(StateKey key) => this[key] as SparseTensorData ?? throw Wrong(key, this[key], "a sparse tensor");

    /// <summary>An object of a class that is none of a state dict's own.</summary>
    /// <inheritdoc cref="GetDouble"/>
    public PythonObject GetObject(StateKey key) => this[key] as PythonObject ?? throw Wrong(key, this[key], "an object");

    /// <summary>A copy that shares nothing with this one that could change; tensors never do.</summary>
    public StateDict Clone() => new StateCopy().Of(this);

    /// <summary>The entries, in order.</summary>
    public IEnumerator<KeyValuePair<StateKey, object?>> GetEnumerator() => entries.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>Adds an entry: what makes <c>new StateDict { { "lr", 0.1 } }</c> work.</summary>
    /// <exception cref="ArgumentException">The key is there already.</exception>
    /// <exception cref="StateDictException">The value is of a kind that a state can't hold.</exception>
    public void Add(StateKey key, object? value) => entries.Add(key, IsPlain(value) ? value : Plain(value, key.ToString));

    /// <summary>The entries as people read them: <c>{gamma: 0.5, milestones: {2: 1}}</c>.</summary>
    public override string ToString() => Text(this);

    /// <summary>Where an entry is, as <c>groups[0].lr</c>.</summary>
    internal string PathTo(StateKey key) => PathOf(key.ToString());

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
        BigInteger large => (double)large,
        TensorData { Count: 1 } tensor when tensor.ToDoubles() is [var number] => number,
        _ => null,
    };

    static StateDict? AsDict(object? value) => value as StateDict ?? (value as PythonObject)?.AsDict;

    static bool IsPlain(object? value) =>
        value is null or bool or long or double or string or TensorData or StateDevice or PythonObject or SparseTensorData or Complex or ReadOnlyMemory<byte>;

    /// <summary>More than any file may have; a thread's stack has room for them.</summary>
    const int DeepestList = 1000;

    object? Plain(object? value, Func<string> name, int depth = 0)
    {
        if (depth > DeepestList)
            throw new StateDictException(PathOf("…"), $"can't be lists of more than {DeepestList} levels within each other, or one that is in itself");
        switch (value)
        {
            case int or short or sbyte or byte or ushort or uint:
                return Convert.ToInt64(value, CultureInfo.InvariantCulture);
            case ulong or UInt128 or Int128 or BigInteger:
                var large = value switch { ulong u => u, UInt128 u => u, Int128 i => i, var b => (BigInteger)b };
                return large >= long.MinValue && large <= long.MaxValue ? (long)large : large;
            case Complex64 number:
                return new Complex(number.Real, number.Imaginary);
            case Memory<byte> bytes:
                return (ReadOnlyMemory<byte>)bytes;
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

        object? Item(object? item, int i) => IsPlain(item) ? item : Plain(item, NameOf(i), depth + 1);

        Func<string> NameOf(int i) => () => $"{name()}[{i}]";
    }

    /// <summary>A value as people read it, cut off after about as many letters.</summary>
    internal static string Text(object? value, int most = int.MaxValue) => new StateText(most).Of(value);
}
