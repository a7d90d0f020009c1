using OptimSharp.Engine;
using OptimSharp.PyTorch;

namespace OptimSharp;

/// <summary>
/// An object of a PyTorch file that is none of a state dict's own kinds: an instance of any class, what a call gave, a class or a function. It is data only: its
/// class's name, and what Python would make it of. Nothing of it is looked up or run, here or ever.
/// </summary>
/// <remarks>
/// <para>
/// What an object is made of are values of a <see cref="StateDict"/>. Unlike dictionaries and lists, which are copied into each place, an object that is in several
/// places of a file is the same one in all, and may be within itself.
/// </para>
/// <para>
/// The getters of <see cref="StateDict"/> look into objects: <see cref="StateDict.GetDict"/> gives the <see cref="Entries"/> of a subclass of <c>dict</c>,
/// <see cref="StateDict.GetList"/> the <see cref="Items"/> of a set, a deque or a subclass of <c>list</c> and the values of a named tuple,
/// <see cref="StateDict.GetTensor"/> the tensor of a subclass of <c>torch.Tensor</c>.
/// </para>
/// </remarks>
/// <example><code>double rate = Convert.ToDouble(Checkpoint.Load("deit.pth").GetObject("args")["lr"]);</code></example>
public sealed class PythonObject
{
    internal const string CalleeKey = "callee", ArgumentsKey = "arguments", KeywordsKey = "keywords", ItemsKey = "items", EntriesKey = "entries", StateName = "state", AfterKey = "after";

    /// <summary>An object to be saved.</summary>
    /// <param name="module">The module that its class is in: <c>argparse</c>.</param>
    /// <param name="name">The class's name there; of a class within another, both with a dot: <c>Namespace</c>.</param>
    /// <param name="kind">How Python is to make it.</param>
    /// <param name="arguments">The arguments, null for none.</param>
    /// <param name="state">What it is given then: for most classes its attributes, a <see cref="StateDict"/>. Null for nothing.</param>
    /// <exception cref="ArgumentException">A name is empty, or has what no name has.</exception>
    /// <exception cref="StateDictException">A value is of a kind that a state can't hold.</exception>
    public PythonObject(string module, string name, PythonObjectKind kind = PythonObjectKind.Instance, IEnumerable<object?>? arguments = null, object? state = null)
        : this(module, name, kind, new StateDict { RootName = $"{module}.{name}" })
    {
        ArgumentException.ThrowIfNullOrEmpty(module);
        ArgumentException.ThrowIfNullOrEmpty(name);
        if (!PythonClass.IsName(module) || !PythonClass.IsName(name))
            throw new ArgumentException($"There can't be a class '{module}.{name}'.", nameof(name));
        if (arguments is not null)
            Content[ArgumentsKey] = arguments;
        if (state is not null)
            Content[StateName] = state;
    }

    internal PythonObject(string module, string name, PythonObjectKind kind, StateDict content) => (Module, Name, Kind, Content) = (module, name, kind, content);

    /// <summary>The module of the class or function.</summary>
    public string Module { get; }

    /// <summary>The name of the class or function in its module.</summary>
    public string Name { get; }

    /// <summary>The qualified name: <c>argparse.Namespace</c>.</summary>
    public string Type => $"{Module}.{Name}";

    /// <summary>How Python would make it.</summary>
    public PythonObjectKind Kind { get; }

    /// <summary>What is called where that is no class or function with a name, but an object itself; else null. <see cref="Type"/> is that object's then.</summary>
    public PythonObject? Callee => Find<PythonObject>(CalleeKey);

    /// <summary>The arguments of the constructor or function.</summary>
    public IReadOnlyList<object?> Arguments => Find<IReadOnlyList<object?>>(ArgumentsKey) ?? [];

    /// <summary>The arguments with names; null for none.</summary>
    public StateDict? KeywordArguments => Find<StateDict>(KeywordsKey);

    /// <summary>What the object is given after it was made: for most classes a <see cref="StateDict"/> of its attributes. Null for nothing.</summary>
    public object? State => Find<object>(StateName);

    /// <summary>The items of a subclass of <c>list</c>, of a set or a deque; null when there are none.</summary>
    public IReadOnlyList<object?>? Items => Find<IReadOnlyList<object?>>(ItemsKey);

    /// <summary>The entries of a subclass of <c>dict</c>; null when there are none.</summary>
    public StateDict? Entries => Find<StateDict>(EntriesKey);

    /// <summary>
    /// The object's attributes, as Python's <c>vars(…)</c>: the <see cref="State"/> where it is a dictionary (or, for a class with <c>__slots__</c>, their
    /// values); empty for an object without.
    /// </summary>
    public StateDict Attributes => State switch
    {
        StateDict attributes => attributes,
        StateTuple { Count: 2 } pair when pair[0] is StateDict or null && pair[1] is StateDict => pair[0] as StateDict ?? (StateDict)pair[1]!,
        _ => [],
    };

    /// <summary>An attribute.</summary>
    /// <exception cref="StateDictException">There is none of this name.</exception>
    public object? this[string attribute] => TryGetAttribute(attribute, out object? value) ? value : throw new StateDictException($"{Type}.{attribute}", "is missing");

    /// <summary>Everything that it is made of, by the names of the keys above: where there is one.</summary>
    internal StateDict Content { get; }

    /// <summary>An attribute, if there is one.</summary>
    public bool TryGetAttribute(string attribute, out object? value) =>
        Attributes.TryGetValue(attribute, out value) || State is StateTuple { Count: 2 } pair && pair[1] is StateDict slots && slots.TryGetValue(attribute, out value);

    /// <summary>
    /// The state dict of a whole <c>nn.Module</c> that was saved as an object: its parameters and buffers, and those of the modules within it, in the order and by
    /// the names of PyTorch's <c>state_dict()</c>. What a class of one's own adds to its state dict is not in it.
    /// </summary>
    /// <exception cref="StateDictException">The object is no module: it lacks <c>_parameters</c>, <c>_buffers</c> or <c>_modules</c>; or it has too many within each other.</exception>
    public StateDict ModuleStateDict() => ModuleObject.StateDictOf(this);

    /// <summary>The object as Python would write it, about: <c>argparse.Namespace(lr=0.1, epochs=3)</c>.</summary>
    public override string ToString() => StateDict.Text(this);

    /// <summary>The dictionary that it is, if it is one; empty for an object of nothing.</summary>
    internal StateDict? AsDict => Entries ?? (IsEmpty ? new StateDict { PythonType = Type } : null);

    /// <summary>The list that it is, if it is one.</summary>
    internal IReadOnlyList<object?>? AsList => Items ?? (IsEmpty ? [] : Kind == PythonObjectKind.Instance && Entries is null && State is null && KeywordArguments is null ? Arguments : null);

    /// <summary>The tensor that it is, if it is one: of a subclass, or with attributes.</summary>
    internal TensorData? AsTensor => (Type, Arguments) switch
    {
        ("torch.nn.parameter.Parameter" or "torch._utils._rebuild_parameter_with_state", [TensorData data, ..]) => data,
        ("torch._tensor._rebuild_from_type_v2", [_, _, StateTuple { Count: > 0 } inner, ..]) => inner[0] as TensorData ?? (inner[0] as PythonObject)?.AsTensor,
        _ => null,
    };

    /// <summary>The elements of a storage that stands for itself, if it is one and they are all of it.</summary>
    internal TensorData? WholeStorage => this is { Kind: PythonObjectKind.Storage, Module: "torch", Arguments: [TensorData { Shape.Length: 1, Offset: 0, IsContiguous: true } all] }
        && TorchTypes.IsStorage(Name) && TorchTypes.Stored(Name) == (all.ElementType, TorchTypes.Stored(Name).Parts) && all.Storage.Bytes - all.Count * all.ElementType.Size() is >= 0 and < 16 ? all : null;

    bool IsEmpty => Kind is PythonObjectKind.Instance or PythonObjectKind.Call && Content.Count == 0;

    T? Find<T>(string key) where T : class => Content.TryGetValue(key, out object? value) ? value as T : null;
}
