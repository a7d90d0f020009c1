using OptimSharp.Engine;

namespace OptimSharp.Distributed;

// Sharded state: the optimizer has parts in the place of parameters, and asks for what concerns all of them.
public sealed unsafe partial class DistributedOptimizer : IRanks
{
    ParameterPart[]? parts; // in the order of the layout; null when every rank steps all
    Dictionary<Parameter, ParameterPart>? partOf;
    double[] table = [], packed = [], gathered = [];

    Span<double> IRanks.Table(int width)
    {
        if (table.Length < layout.Chunks * width)
            table = new double[layout.Chunks * StepPlan.MostSums];
        return table.AsSpan(0, checked((int)layout.Chunks * width));
    }

    void IRanks.GatherTable(int width)
    {
        if (pieces.Ranks == 1)
            return;
        var all = ((IRanks)this).Table(width);
        int me = Communicator.Rank;
        Array.Resize(ref packed, Math.Max(packed.Length, pieces[me].Length * width));
        Array.Resize(ref gathered, Math.Max(gathered.Length, all.Length));
        foreach (var (i, chunk) in pieces[me].ToArray().Index())
            all.Slice((int)chunk * width, width).CopyTo(packed.AsSpan(i * width));
        long[] counts = [.. Enumerable.Range(0, pieces.Ranks).Select(rank => (long)pieces[rank].Length * width * sizeof(double))];
        Communicator.AllGather(Bytes(packed.AsSpan(0, pieces[me].Length * width)), Bytes(gathered.AsSpan(0, all.Length)), counts);
        int at = 0;
        for (int rank = 0; rank < pieces.Ranks; rank++)
        {
            foreach (nint chunk in pieces[rank])
            {
                gathered.AsSpan(at, width).CopyTo(all[((int)chunk * width)..]);
                at += width;
            }
        }
    }

    void IRanks.GatherParameters() => gather.Run(Value, Value);

    Address Value(in ChunkPlace place) => layout.Parameters[place.Parameter].Locate().Plus((nint)place.First * layout.ValueSize(place.Parameter));

    static Span<byte> Bytes(Span<double> numbers) => System.Runtime.InteropServices.MemoryMarshal.AsBytes(numbers);

    void RefuseSharding()
    {
        if (Optimizer.NeedsClosure)
            throw new ArgumentException($"{Optimizer.GetType().Name} keeps one state for all parameters together and evaluates the closure by itself: its state can't be sharded. Use StateSharding.Replicated.", "optimizer");
        if (layout.Parameters.FirstOrDefault(p => p.Backend is not HostBackend) is { } elsewhere)
            throw new ArgumentException($"Parameter {elsewhere} is not in this process's memory, contiguous: with StateSharding.Sharded each rank steps stretches of memory. Use StateSharding.Replicated.", "optimizer");
    }

    /// <summary>The parameters that get rules which need them whole: the optimizer is asked, with parts of which nobody has anything.</summary>
    HashSet<Parameter> FindWhole()
    {
        var nobody = new Nobody(layout);
        var asked = layout.Parameters.ToDictionary(p => p, p => new ParameterPart(p, nobody, 0, 0, 0, isWhole: true, null));
        foreach (var part in asked.Values)
            part.SetGradient(true);
        var states = Optimizer.PutInPlace(p => asked[p], null);
        try
        {
            return [.. Optimizer.FindWhole()];
        }
        finally
        {
            Optimizer.PutInPlace(p => ((ParameterPart)p).Whole, states);
        }
    }

    void PutPartsInPlace()
    {
        var made = new ParameterPart[layout.Parameters.Length];
        var stretches = new (long First, long Last)[made.Length];
        foreach (nint chunk in pieces[Communicator.Rank])
        {
            var (i, first, count) = layout[chunk];
            stretches[i] = (stretches[i].Last == 0 ? first : stretches[i].First, first + count);
        }
        var offsets = new nint[made.Length + 1];
        for (int i = 0; i < made.Length; i++)
            offsets[i + 1] = offsets[i] + ((nint)(stretches[i].Last - stretches[i].First) * layout.ValueSize(i) + 63) / 64 * 64;
        byte* memory = (byte*)gradients.Ensure(offsets[^1]);
        for (int i = 0; i < made.Length; i++)
        {
            var (first, last) = stretches[i];
            made[i] = new(layout.Parameters[i], this, first, last - first, layout.FirstChunk(i), ownership.WholeOwner(i) >= 0, memory + offsets[i]);
            gradientStarts[i] = (nint)(memory + offsets[i]) - (nint)first * layout.ValueSize(i);
        }
        bool hasState = false;
        foreach (var part in Optimizer.Parts)
            hasState |= part.States.Count > 0;
        parts = made;
        partOf = made.ToDictionary(part => part.Whole);
        if (hasState)
            CutStates();
        else
            Optimizer.PutInPlace(PartOf, null);
        Optimizer.StateSaved += WriteWholeStates;
        Optimizer.StateLoading += BeforeLoading;
        Optimizer.StateLoaded += AfterLoading;
    }

    void TakePartsOut()
    {
        if (parts is null)
            return;
        Optimizer.StateSaved -= WriteWholeStates;
        Optimizer.StateLoading -= BeforeLoading;
        Optimizer.StateLoaded -= AfterLoading;
        foreach (var states in Optimizer.PutInPlace(p => (p as ParameterPart)?.Whole ?? p, null))
        {
            foreach (var state in states.Values)
                state.Dispose();
        }
    }

    ParameterPart PartOf(Parameter whole) => partOf![whole];

    /// <summary>Ranks that have nothing.</summary>
    sealed class Nobody(GradientLayout layout) : IRanks
    {
        readonly double[] zeros = new double[layout.Parameters.Max(p => (int)ParameterPart.ChunksOf(p.Numbers)) * StepPlan.MostSums];

        public Span<double> Table(int width) => zeros;

        public void GatherTable(int width)
        {
        }

        public void GatherParameters()
        {
        }
    }
}
