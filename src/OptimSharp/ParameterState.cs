using OptimSharp.Engine;

namespace OptimSharp;

/// <summary>
/// What an optimizer remembers of one parameter between steps, under PyTorch's names (<c>"exp_avg"</c>,
/// <c>"momentum_buffer"</c>). Made on the first step with a gradient, each entry when it is first needed.
/// </summary>
public sealed class ParameterState
{
    // A handful of entries: looking through a list is faster than hashing, and keeps PyTorch's order.
    readonly List<(string Key, StateTensor Tensor)> tensors = [];
    readonly List<(string Key, double Value)> scalars = [];
    readonly List<(string Key, List<StateTensor> Tensors)> lists = [];
    bool hasMatrices; // its lists are of matrices

    internal ParameterState()
    {
    }

    /// <summary>How many steps the parameter was in; 0 for an optimizer that does not count them.</summary>
    public long Step { get; internal set; }

    /// <summary>How many there were when it was loaded the last time; 0 when it never was.</summary>
    internal long StepWhenLoaded { get; set; }

    /// <summary>The names of the state's tensors.</summary>
    public IEnumerable<string> TensorKeys => tensors.Select(t => t.Key);

    /// <summary>The names of the state's numbers, other than <see cref="Step"/>.</summary>
    public IEnumerable<string> ScalarKeys => scalars.Select(s => s.Key);

    /// <summary>The names of the state's lists of tensors (<see cref="LBFGS"/> and <see cref="SOAP"/> have some).</summary>
    public IEnumerable<string> ListKeys => lists.Select(l => l.Key);

    /// <summary>Whether there is nothing in it.</summary>
    public bool IsEmpty => Step == 0 && tensors.Count == 0 && scalars.Count == 0 && lists.Count == 0;

    /// <summary>The bytes that its tensors take.</summary>
    public long Bytes
    {
        get
        {
            long bytes = 0;
            foreach (var (_, tensor) in tensors) // not AllTensors: statistics ask at each step, and it allocates
                bytes += tensor.Bytes;
            foreach (var (_, list) in lists)
            {
                foreach (var tensor in list)
                    bytes += tensor.Bytes;
            }
            return bytes;
        }
    }

    /// <summary>The tensors, and those of its lists, with their names.</summary>
    internal IEnumerable<(string Key, StateTensor Tensor)> AllTensors => tensors.Concat(lists.SelectMany(list => list.Tensors, (list, tensor) => (list.Key, tensor)));

    /// <summary>A copy of a tensor's elements, row by row. A complex element is two numbers: real part, imaginary part.</summary>
    /// <exception cref="KeyNotFoundException">There is no tensor of this name.</exception>
    public double[] Tensor(string key)
    {
        var tensor = Find(key) ?? throw new KeyNotFoundException(
            $"There is no state tensor '{key}'; there are: {string.Join(", ", TensorKeys)}.");
        var copy = new double[tensor.Numbers];
        tensor.CopyTo(copy);
        return copy;
    }

    /// <summary>The sizes of a state tensor.</summary>
    /// <exception cref="KeyNotFoundException">There is no tensor of this name.</exception>
    public ReadOnlySpan<long> ShapeOf(string key) =>
        (Find(key) ?? throw new KeyNotFoundException($"There is no state tensor '{key}'.")).Shape;

    /// <summary>The element type that a state tensor is kept in.</summary>
    /// <exception cref="KeyNotFoundException">There is no tensor of this name.</exception>
    public ElementType TypeOf(string key) =>
        (Find(key) ?? throw new KeyNotFoundException($"There is no state tensor '{key}'.")).Type;

    /// <summary>A number of the state.</summary>
    /// <exception cref="KeyNotFoundException">There is no number of this name.</exception>
    public double Scalar(string key)
    {
        return TryGetScalar(key, out double value) ? value : throw new KeyNotFoundException(
            $"There is no state number '{key}'; there are: {string.Join(", ", ScalarKeys)}.");
    }

    /// <summary>Copies of a list's tensors.</summary>
    /// <exception cref="KeyNotFoundException">There is no list of this name.</exception>
    public IReadOnlyList<double[]> TensorList(string key)
    {
        var list = FindList(key) ?? throw new KeyNotFoundException(
            $"There is no list of state tensors '{key}'; there are: {string.Join(", ", ListKeys)}.");
        return list.ConvertAll(tensor =>
        {
            var copy = new double[tensor.Numbers];
            tensor.CopyTo(copy);
            return copy;
        });
    }

    /// <summary>A list itself: what is done to it is done to the state.</summary>
    internal List<StateTensor>? FindList(string key)
    {
        foreach (var (name, list) in lists)
        {
            if (name == key)
                return list;
        }
        return null;
    }

    /// <summary>Adds a list of matrices, which it is to have all at once.</summary>
    internal void AddMatrices(string key, List<StateTensor> matrices)
    {
        lists.Add((key, matrices));
        hasMatrices = true;
    }

    internal List<StateTensor> AddList(string key)
    {
        var list = new List<StateTensor>();
        lists.Add((key, list));
        return list;
    }

    internal StateTensor? Find(string key)
    {
        foreach (var (name, tensor) in tensors)
        {
            if (ReferenceEquals(name, key) || name == key)
                return tensor;
        }
        return null;
    }

    /// <summary>What the tensors are kept in: as options were when the first was made; null before there is one.</summary>
    internal NamedPrecisions? Precisions { get; private set; }

    internal bool TryGetScalar(string key, out double value)
    {
        int i = IndexOfScalar(key);
        value = i >= 0 ? scalars[i].Value : 0;
        return i >= 0;
    }

    /// <summary>Adds a tensor that is kept in a precision; null: in a type of its own.</summary>
    internal void Add(string key, StateTensor tensor, in NamedPrecisions? precisions)
    {
        tensors.Add((key, tensor));
        Precisions = precisions ?? Precisions;
    }

    internal void Set(string key, double value)
    {
        int i = IndexOfScalar(key);
        if (i >= 0)
            scalars[i] = (key, value);
        else
            scalars.Add((key, value));
    }

    int IndexOfScalar(string key)
    {
        for (int i = 0; i < scalars.Count; i++)
        {
            if (ReferenceEquals(scalars[i].Key, key) || scalars[i].Key == key)
                return i;
        }
        return -1;
    }

    /// <summary>Forgets what a failed step had made. Nothing happens when it is not there.</summary>
    internal void Remove(string key)
    {
        int i = tensors.FindIndex(t => t.Key == key);
        if (i >= 0)
        {
            tensors[i].Tensor.Dispose();
            tensors.RemoveAt(i);
            if (tensors.TrueForAll(t => ParameterStorage.IsOwn(t.Key)))
                Precisions = null;
        }
        else if (lists.FindIndex(l => l.Key == key) is >= 0 and var k)
        {
            lists[k].Tensors.ForEach(tensor => tensor.Dispose());
            lists.RemoveAt(k);
        }
        else if (IndexOfScalar(key) is >= 0 and var n)
        {
            scalars.RemoveAt(n);
        }
    }

    /// <summary>
    /// Moves the tensors to another parameter's backend and type, matrices in the type computed in. Lists of a <see cref="ClosureOptimizer{TOptions}"/> stay as they are: its next step moves them.
    /// </summary>
    internal void MoveTo(Parameter parameter, in NamedPrecisions precisions)
    {
        ParameterStorage.Forget(this); // it belongs to memory that stays behind
        for (int i = 0; i < tensors.Count; i++)
        {
            var (key, old) = tensors[i];
            var precision = precisions.Of(key);
            var format = old is PackedTensor packed && precision.IsInBlocks() ? packed.Format : BlockFormat.None;
            bool isExact = precision == StatePrecision.BFloat16 && old.Type != ElementType.BFloat16; // was not rounded, and is not now
            var moved = parameter.Backend.CreateState(parameter, old.Shape, (isExact ? StatePrecision.Compute : precision).TypeFor(parameter.ElementType), format);
            var values = new double[old.Numbers];
            old.CopyTo(values);
            moved.CopyFrom(values);
            tensors[i] = (key, moved);
            old.Dispose();
        }
        Precisions = precisions;
        if (!hasMatrices)
            return;
        var type = parameter.ElementType.Compute();
        foreach (var (_, list) in lists)
        {
            for (int i = 0; i < list.Count; i++)
            {
                var old = list[i];
                list[i] = parameter.Backend.CreateMatrix(parameter, old.Shape, type);
                var values = new double[old.Numbers];
                old.CopyTo(values);
                list[i].CopyFrom(values);
                old.Dispose();
            }
        }
    }

    internal void Dispose()
    {
        foreach (var (_, tensor) in tensors)
            tensor.Dispose();
        tensors.Clear();
        foreach (var (_, list) in lists)
            list.ForEach(tensor => tensor.Dispose());
        lists.Clear();
    }
}
