namespace OptimSharp.Engine;

/// <summary>
/// One pass over the gradients of many parameters at once: it measures them, or changes them in place. Gradients are cut into chunks of fixed
/// size, whose results are gathered in order, so that the bits do not depend on the number of threads. Kept between uses,
/// so that its lists are allocated once.
/// </summary>
internal sealed unsafe partial class GradientPass
{
    const int Chunk = GradientChunk.Size;

    /// <summary>One parameter's gradient.</summary>
    struct Entry
    {
        public Parameter Parameter;
        public Address Memory;      // null: the backend's own storage
        public ElementType Type;
        public nint Count;          // real numbers
        public nint ChunksBefore;
        public double Gathered;
        public bool IsCopy;
        public bool IsShared; // its memory is an earlier entry's, which changes it
        public TouchedRows? Rows;
        public SparseRows Raw;

        public readonly bool IsElsewhere => Memory.IsNull && Rows is null && Count > 0;

        public readonly nint Chunks => Memory.IsNull ? 0 : (Count + Chunk - 1) / Chunk;
    }

    readonly TensorOps ops = new();
    readonly List<TouchedRows> rows = []; // for reuse: the first rowCount are in this pass
    readonly HashSet<object> seen = [];
    readonly PlaceSet places = new();
    int rowCount;
    Entry[] entries = new Entry[8];
    int count;
    nint chunks;
    long numbers;
    bool isReserved;

    /// <summary>Forgets all gradients.</summary>
    public void Clear()
    {
        Array.Clear(entries, 0, count);
        for (; rowCount > 0; rowCount--)
            rows[rowCount - 1].Clear();
        ClearElsewhere();
        seen.Clear();
        places.Clear();
        (count, chunks, numbers, isReserved) = (0, 0, 0, false);
    }

    /// <summary>Whether there is no gradient at all.</summary>
    public bool IsEmpty => count == 0;

    /// <summary>How many gradients there are.</summary>
    public int Count => count;

    /// <summary>Whose a gradient is.</summary>
    public Parameter ParameterOf(int i) => entries[i].Parameter;

    /// <summary>What a gradient's numbers came to when a norm was taken the last time.</summary>
    public double GatheredOf(int i) => entries[i].Gathered;

    /// <summary>The memory of a gradient as it came; of a sparse one, of its parts and their indices.</summary>
    public long BytesOf(int i)
    {
        ref var entry = ref entries[i];
        return entry.Rows is { } rows ? entry.Raw.Count * ((long)rows.RowSize * entry.Type.Real().Size() + sizeof(long)) : (long)entry.Count * entry.Type.Real().Size();
    }

    /// <summary>Adds an open gradient.</summary>
    /// <param name="parameter">The parameter.</param>
    /// <param name="memory">Where values and gradient lie.</param>
    /// <param name="collected">A sparse gradient's rows.</param>
    public void Add(Parameter parameter, in HostMemory memory, TouchedRows? collected) => Add(parameter, memory, collected, parameter.ElementType);

    /// <summary>Adds an open gradient that is stored as another type than the parameter.</summary>
    public void Add(Parameter parameter, in HostMemory memory, TouchedRows? collected, ElementType type)
    {
        if (count == entries.Length)
            Array.Resize(ref entries, 2 * count);
        entries[count++] = new()
        {
            Parameter = parameter,
            Memory = collected?.Values ?? memory.Gradient,
            Type = type,
            Count = collected?.Numbers ?? (nint)parameter.Numbers,
            ChunksBefore = chunks,
            IsCopy = memory.IsCopy,
            Rows = collected,
            Raw = memory.Rows ?? default,
        };
        chunks += entries[count - 1].Chunks;
        numbers += entries[count - 1].Count;
    }

    /// <summary>The norm of all gradients, as they are after a change.</summary>
    public double Norm(NormOrder order, in GradientChange change)
    {
        Gather(order, change);
        double total = order.Start;
        for (int i = 0; i < count; i++)
            total = order.Combine(total, order.OfTensor(entries[i].Gathered));
        return count == 0 ? 0 : order.Root(total);
    }

    /// <summary>
    /// A parameter whose gradient has a number that is not finite; null when there is none. To be asked after <see cref="Norm"/>, for the
    /// same order and change; goes over the gradients again only where the norm can't tell.
    /// </summary>
    public Parameter? FindNotFinite(NormOrder order, in GradientChange change)
    {
        bool sure = true;
        for (int i = 0; i < count; i++)
        {
            bool finite = double.IsFinite(entries[i].Gathered), tells = order.TellsFinite(entries[i].Parameter.ElementType);
            if (!finite && tells)
                return entries[i].Parameter;
            sure &= tells || finite && order.IsSumOfAll;
        }
        if (sure)
            return null;
        Gather(NormOrder.Infinity, change);
        for (int i = 0; i < count; i++)
        {
            if (!double.IsFinite(entries[i].Gathered))
                return entries[i].Parameter;
        }
        return null;
    }

    /// <summary>A parameter with complex numbers; null when there is none.</summary>
    public Parameter? FindComplex() => Find(type => type.IsComplex());

    /// <summary>A parameter with Float16 numbers; null when there is none.</summary>
    public Parameter? FindHalf() => Find(type => type == ElementType.Float16);

    Parameter? Find(Predicate<ElementType> match)
    {
        for (int i = 0; i < count; i++)
        {
            if (match(entries[i].Type))
                return entries[i].Parameter;
        }
        return null;
    }

    /// <summary>
    /// Finds gradients that are the same memory, of which one is to be changed for all. Throws, with nothing changed, for those that begin at one
    /// place and end at others.
    /// </summary>
    public bool FindShared()
    {
        bool any = false;
        places.Begin(count);
        for (int i = 0; i < count; i++)
        {
            ref var entry = ref entries[i];
            if (entry.Count == 0)
                continue;
            var place = entry.IsElsewhere ? new(entry.Parameter.LocateGradient()) : entry.Memory;
            int first = places.Add(place, i);
            entry.IsShared = first != i;
            if (!entry.IsShared)
                continue;
            any = true;
            if (entries[first].Count != entry.Count || entries[first].Type != entry.Type)
                throw new InvalidOperationException($"The gradients of parameters {entries[first].Parameter} and {entry.Parameter} share memory without being the same: what is done to the one would be done to a part of the other. Give them gradients of their own.");
        }
        return any;
    }

    /// <summary>Takes the memory that a change needs, and changes nothing yet.</summary>
    public void Reserve(in GradientChange change)
    {
        if (change.IsNone || isReserved)
            return;
        FindShared();
        foreach (var of in Elsewhere(shared: false))
        {
            if (!of.Parameters.IsEmpty)
                of.Backend.ReserveChange(of.Parameters, change);
        }
        isReserved = true;
    }

    /// <summary>Changes all gradients in place, those that several parameters share once.</summary>
    /// <param name="change">What is done to each number.</param>
    /// <param name="keeps">Whether gradients of which only copies could be opened are to be as the copies are then.</param>
    public void Change(in GradientChange change, bool keeps)
    {
        if (change.IsNone)
            return;
        Reserve(change); // of all, before any is changed
        if (chunks > 0)
            ops.For(new ChangeLoop { Pass = this, Change = change }, chunks, CostOfChunk);
        foreach (var of in Elsewhere(shared: false))
        {
            if (!of.Parameters.IsEmpty)
                of.Backend.ChangeGradients(of.Parameters, change);
        }
        if (keeps)
            Keep();
    }

    /// <summary>Makes gradients of which only copies could be opened as the copies are.</summary>
    public void Keep()
    {
        for (int i = 0; i < count; i++)
        {
            ref var entry = ref entries[i];
            entry.Rows?.Store(entry.Raw);
            if (entry.IsCopy)
                entry.Parameter.KeepGradient();
        }
    }

    nint CostOfChunk => (nint)Math.Max(1, numbers / chunks);

    /// <summary>Leaves in each entry what its numbers gather to.</summary>
    void Gather(NormOrder order, in GradientChange change)
    {
        double* partial = ops.Take<double>(chunks);
        if (chunks > 0)
            ops.For(new GatherLoop { Pass = this, Order = order, Change = change, Changes = !change.IsNone, Partial = partial }, chunks, CostOfChunk);
        GatherOverRanks(partial);
        GatherElsewhere(order, change);
        for (int i = 0; i < count; i++)
        {
            ref var entry = ref entries[i];
            if (entry.Parameter is ParameterPart part)
            {
                entry.Gathered = GatheredOf(part, order);
                continue;
            }
            if (entry.IsElsewhere)
                continue;
            entry.Gathered = order.Start;
            for (nint k = 0; k < entry.Chunks; k++)
                entry.Gathered = order.Combine(entry.Gathered, partial[entry.ChunksBefore + k]);
        }
        ops.Release();
    }
}
