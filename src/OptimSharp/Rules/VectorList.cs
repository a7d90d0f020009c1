using System.Diagnostics.CodeAnalysis;
using System.Numerics;
using OptimSharp.Engine;

namespace OptimSharp.Rules;

/// <summary>
/// A list of vectors that a <see cref="ClosureOptimizer{TOptions}"/> remembers, in the precision computed in. Nothing is copied from step to step: vectors from earlier steps are the state
/// itself, to be read only; new ones may be written to.
/// </summary>
/// <typeparam name="T">The type computed in.</typeparam>
[SuppressMessage("Design", "CA1001", Justification = "Vectors that are not in the state are freed by their finalizers.")]
public sealed unsafe class VectorList<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    readonly TensorMath math;
    readonly List<StateTensor> vectors = [], spare = []; // in the order of the list; and for reuse
    nint length;

    internal VectorList(TensorMath math, StateEntry entry) => (this.math, Entry) = (math, entry);

    /// <summary>How many vectors there are.</summary>
    public int Count => vectors.Count;

    /// <summary>A vector; the oldest is the first.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such vector.</exception>
    public Matrices<T> this[int index] => math.At<T>(vectors[index], 1, 1, length);

    /// <summary>Adds a vector at the end, with anything in it.</summary>
    public Matrices<T> Add()
    {
        vectors.Add(Made());
        return this[Count - 1];
    }

    /// <summary>Takes all vectors out of the list.</summary>
    public void Clear()
    {
        while (Count > 0)
            RemoveAt(Count - 1);
    }

    /// <summary>Takes a vector out of the list.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There is no such vector.</exception>
    public void RemoveAt(int index)
    {
        var removed = vectors[index];
        vectors.RemoveAt(index);
        if (!Remembered.Contains(removed)) // else the step may still fail
            spare.Add(removed);
    }

    internal StateEntry Entry { get; }

    internal bool IsOpen { get; private set; }

    List<StateTensor> Remembered { get; set; } = [];

    internal void Open(ParameterState state, nint length)
    {
        if (this.length != length)
            spare.Clear();
        this.length = length;
        Remembered = state.FindList(Entry.Key) ?? [];
        IsOpen = true;
        if (Remembered.Exists(tensor => tensor.Numbers != length))
            return; // of other parameters: nothing to go on with
        foreach (var tensor in Remembered)
        {
            if (math.Holds<T>(tensor))
            {
                vectors.Add(tensor);
                continue;
            }
            vectors.Add(Made());
            math.Read(tensor, this[Count - 1]);
        }
    }

    /// <summary>Makes the list the state's.</summary>
    internal void Save(ParameterState state)
    {
        if (!IsOpen)
            return;
        var list = state.FindList(Entry.Key) ?? state.AddList(Entry.Key);
        foreach (var old in list)
        {
            if (vectors.Contains(old))
                continue;
            if (old.Numbers == length && math.Holds<T>(old))
                spare.Add(old);
            else
                old.Dispose();
        }
        list.Clear();
        list.AddRange(vectors);
    }

    /// <summary>Takes back what a step that failed had made.</summary>
    internal void TakeBack() => spare.AddRange(vectors.Where(vector => !Remembered.Contains(vector)));

    internal void Close()
    {
        vectors.Clear();
        Remembered = [];
        IsOpen = false;
    }

    StateTensor Made()
    {
        if (spare.Count == 0)
            return math.CreateState([length], Storage.Of<T>());
        var last = spare[^1];
        spare.RemoveAt(spare.Count - 1);
        return last;
    }
}
