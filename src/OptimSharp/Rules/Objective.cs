using System.Numerics;
using OptimSharp.Engine;

namespace OptimSharp.Rules;

/// <summary>
/// What is minimized in a step of a <see cref="ClosureOptimizer{TOptions}"/>: the loss as a function of all parameters' numbers, one behind the other as one vector, and what
/// the optimizer remembers. Good until the step ends.
/// </summary>
/// <remarks>The vectors are on the parameters' device when all are on one and it can be computed there, else in host memory.</remarks>
/// <typeparam name="T">The type computed in.</typeparam>
public sealed unsafe class Objective<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    readonly Optimizer optimizer;
    readonly List<VectorList<T>> lists = [];
    readonly List<(StateEntry Entry, Matrices<T> Vector)> kept = [];
    readonly List<(StateEntry Entry, double Value)> numbers = [];
    readonly List<(StateEntry Entry, List<double> Values)> numberLists = [];
    Parameter[] parameters = [];
    IReadOnlyList<StateEntry> entries = [];
    ParameterState state = null!;
    Func<double>? closure;
    Matrices<T> start;

    internal Objective(Optimizer optimizer) => this.optimizer = optimizer;

    /// <summary>What is computed with.</summary>
    public TensorMath Math { get; private set; } = new();

    /// <summary>How many numbers all parameters have: the vectors' length. A complex element is two.</summary>
    public nint Count { get; private set; }

    /// <summary>How often the closure was evaluated in this step.</summary>
    public int Evaluations { get; private set; }

    /// <summary>A vector of scratch memory, with anything in it, until the step ends.</summary>
    public Matrices<T> Take() => Math.Take<T>(1, Count);

    /// <summary>Evaluates the closure where the parameters are.</summary>
    /// <param name="gradient">Gets the gradient.</param>
    /// <returns>The loss.</returns>
    /// <exception cref="ArgumentException">The vector is of another length.</exception>
    /// <exception cref="InvalidOperationException">The closure returned no number. Or the step is over.</exception>
    public double Evaluate(Matrices<T> gradient)
    {
        CheckLength(gradient, nameof(gradient));
        double loss = (closure ?? throw Over())();
        Evaluations++;
        Read(gradient, ofGradient: true);
        return loss;
    }

    /// <summary>Copies the parameters to a vector.</summary>
    /// <exception cref="ArgumentException">The vector is of another length.</exception>
    public void ReadParameters(Matrices<T> to)
    {
        CheckLength(to, nameof(to));
        Read(to, ofGradient: false);
    }

    /// <summary>Gives the parameters a vector's values, rounded to their types.</summary>
    /// <exception cref="ArgumentException">The vector is of another length.</exception>
    public void WriteParameters(Matrices<T> from)
    {
        CheckLength(from, nameof(from));
        nint first = 0;
        foreach (var parameter in parameters)
            Math.Write(Part(from, parameter, ref first), parameter);
    }

    void Read(Matrices<T> to, bool ofGradient)
    {
        nint first = 0;
        foreach (var parameter in parameters)
            Math.Read(parameter, ofGradient, Part(to, parameter, ref first));
    }

    /// <summary>A parameter's numbers in a vector.</summary>
    static Matrices<T> Part(Matrices<T> vector, Parameter parameter, ref nint first)
    {
        nint count = (nint)parameter.Numbers;
        var part = vector.As(vector.Count, 1).RowRange(first, count);
        first += count;
        return part;
    }

    /// <summary>Whether the state has this vector, from earlier steps, and as many numbers as the parameters have.</summary>
    public bool Has(StateEntry entry) => state.Find(Declared(entry, StateKind.Tensor).Key) is { } vector && vector.Numbers == Count;

    /// <summary>Copies a vector of the state.</summary>
    /// <exception cref="InvalidOperationException">It is not there (<see cref="Has"/>).</exception>
    public void Read(StateEntry entry, Matrices<T> to)
    {
        if (!Has(entry))
            throw new InvalidOperationException($"{optimizer.GetType().Name} has no '{entry}' of {Count} numbers yet.");
        CheckLength(to, nameof(to));
        Math.Read(state.Find(entry.Key)!, to);
    }

    /// <summary>Leaves a vector in the state, with the numbers that it has when the step ends, if that succeeds.</summary>
    /// <exception cref="ArgumentException">The vector is of another length.</exception>
    public void Keep(StateEntry entry, Matrices<T> vector)
    {
        CheckLength(vector, nameof(vector));
        kept.Add((Declared(entry, StateKind.Tensor), vector));
    }

    /// <summary>A number of the state from earlier steps, or what it starts with.</summary>
    public double Number(StateEntry entry) =>
        state.TryGetScalar(Declared(entry, StateKind.Number, StateKind.Whole).Key, out double value) ? value : entry.Initial;

    /// <summary>Leaves a number in the state, if the step succeeds.</summary>
    public void SetNumber(StateEntry entry, double value) => numbers.Add((Declared(entry, StateKind.Number, StateKind.Whole), value));

    /// <summary>A list of numbers of the state. What is done to it is in the state if the step succeeds.</summary>
    public IList<double> Numbers(StateEntry entry)
    {
        _ = Declared(entry, StateKind.Numbers);
        foreach (var (known, values) in numberLists)
        {
            if (known.Key == entry.Key)
                return values;
        }
        var list = new List<double>();
        foreach (var number in state.FindList(entry.Key) ?? [])
        {
            double value;
            number.Read(&value);
            list.Add(value);
        }
        numberLists.Add((entry, list));
        return list;
    }

    /// <summary>A list of vectors of the state. What is done to it is in the state if the step succeeds.</summary>
    public VectorList<T> Vectors(StateEntry entry)
    {
        var list = lists.Find(list => list.Entry.Key == entry.Key);
        if (list is null)
            lists.Add(list = new(Math, Declared(entry, StateKind.Tensors)));
        if (!list.IsOpen)
            list.Open(state, Count);
        return list;
    }

    /// <summary>Says that something is probably not meant, by <see cref="Warnings"/>.</summary>
    /// <param name="message">What, and what to do.</param>
    public void Warn(string message) => Warnings.Raise(optimizer, message);

    internal void Begin(Parameter[] parameters, IReadOnlyList<StateEntry> entries, ParameterState state, Func<double> closure)
    {
        (this.parameters, this.entries, this.state, this.closure, Evaluations, Count) = (parameters, entries, state, closure, 0, 0);
        foreach (var parameter in parameters)
            Count = checked(Count + (nint)parameter.Numbers);
        if (!AreAllFor(Math.Device))
            ChooseMath();
        start = Take();
        ReadParameters(start);
    }

    /// <summary>Computes on the parameters' device when they have one, else in host memory.</summary>
    void ChooseMath()
    {
        var device = parameters[0].Backend.CreateDeviceOps(parameters[0]);
        if (!AreAllFor(device))
            device = null;
        if (device is null && Math.Device is null)
            return;
        Math = new(device);
        lists.Clear(); // the state keeps what they had
    }

    bool AreAllFor(DeviceOps? device) => Array.TrueForAll(parameters, p => p.Backend.IsFor(device, p));

    /// <summary>Makes what the step leaves the state.</summary>
    internal void SaveState()
    {
        foreach (var (entry, vector) in kept)
            Save(entry.Key, vector);
        foreach (var (entry, value) in numbers)
            state.Set(entry.Key, value);
        foreach (var list in lists)
            list.Save(state);
        foreach (var (entry, values) in numberLists)
            Save(entry.Key, values);
    }

    /// <summary>Gives the parameters the values that they had, and forgets what the step has made.</summary>
    internal void TakeBack()
    {
        nint first = 0;
        foreach (var parameter in parameters)
        {
            var values = Part(start, parameter, ref first);
            try
            {
                Math.Write(values, parameter);
            }
            catch (InvalidOperationException) // disposed, or made another tensor, in the closure: the step throws what it failed by
            {
            }
        }
        foreach (var list in lists)
            list.TakeBack();
    }

    internal void End()
    {
        Math.End();
        foreach (var list in lists)
            list.Close();
        kept.Clear();
        numbers.Clear();
        numberLists.Clear();
        closure = null;
    }

    void Save(string key, Matrices<T> values)
    {
        if (state.Find(key) is { } old && (old.Numbers != Count || !Math.Holds<T>(old)))
            state.Remove(key);
        if (state.Find(key) is not { } tensor)
            state.Add(key, tensor = Math.CreateState([Count], Storage.Of<T>()), NamedPrecisions.Compute);
        Math.Write(values, tensor);
    }

    void Save(string key, List<double> values)
    {
        var list = state.FindList(key) ?? state.AddList(key);
        while (list.Count > values.Count)
        {
            list[^1].Dispose();
            list.RemoveAt(list.Count - 1);
        }
        while (list.Count < values.Count)
            list.Add(new HostTensor([], ElementType.Float64));
        for (int i = 0; i < values.Count; i++)
            list[i].Fill(values[i]);
    }

    StateEntry Declared(StateEntry entry, params ReadOnlySpan<StateKind> kinds)
    {
        ArgumentNullException.ThrowIfNull(entry);
        if (closure is null)
            throw Over();
        if (!kinds.Contains(entry.Kind))
            throw new InvalidOperationException($"State '{entry}' of {optimizer.GetType().Name} is of another kind: it was declared as {entry.Kind}.");
        foreach (var declared in entries)
        {
            if (declared.Key == entry.Key && declared.IsLike(entry))
                return entry;
        }
        throw new InvalidOperationException($"State '{entry}' is not among {optimizer.GetType().Name}'s StateEntries: it would not be saved.");
    }

    void CheckLength(Matrices<T> vector, string name)
    {
        if (vector.Count != Count)
            throw new ArgumentException($"A vector of {Count} numbers is needed, but it has {vector.Count}.", name);
        _ = vector.Start; // throws when the step is over
    }

    static InvalidOperationException Over() => new("The step that the objective was for is over.");
}
