using OptimSharp.Engine;
using OptimSharp.Rules;

namespace OptimSharp.Distributed;

// State dicts of whole tensors, from and to states of parts.
public sealed unsafe partial class DistributedOptimizer
{
    Dictionary<object, ParameterState>[]? kept; // the parts' states, while whole parameters are in place for loading

    void WriteWholeStates(object? sender, StateDictEventArgs e)
    {
        var states = e.State.GetDict("state");
        int i = 0;
        foreach (var group in Optimizer.ParameterGroups)
        {
            foreach (var _ in group.Parameters)
            {
                if (WholeState(group, i) is { } state)
                    states[i] = state;
                i++;
            }
        }
        // Those that this rank had none of came last; PyTorch's order is by number.
        var ordered = new StateDict();
        foreach (var (key, value) in states.OrderBy(entry => long.Parse(entry.Key.ToString(), System.Globalization.CultureInfo.InvariantCulture)))
            ordered[key] = value;
        e.State["state"] = ordered;
    }

    /// <summary>The state of a parameter as one process would have it; null for none.</summary>
    StateDict? WholeState(ParameterGroup group, int i)
    {
        var part = parts![i];
        var own = Optimizer.StateOf(part.Identity);
        if (ownership.WholeOwner(i) is >= 0 and var owner)
            return Communicator.Broadcast(owner == Communicator.Rank && own is { IsEmpty: false } ? Optimizer.SaveState(own, group, part) : null, owner);
        if (own is null or { IsEmpty: true })
            return null;
        var entries = Optimizer.PartOf(group).AllEntriesOf(part);
        var whole = new ParameterState { Step = own.Step };
        try
        {
            foreach (var entry in entries)
            {
                if (own.TryGetScalar(entry.Key, out double number))
                    whole.Set(entry.Key, number);
                else if (own.Find(entry.Key) is { } tensor)
                    whole.Add(entry.Key, IsCut(entry) ? Gathered(tensor, i, entry) : Copied(tensor), own.Precisions);
            }
            return Optimizer.SaveState(whole, group, part);
        }
        finally
        {
            whole.Dispose();
        }
    }

    static bool IsCut(StateEntry entry) => entry.Shape is StateShape.Parameter or StateShape.Flat;

    static HostTensor Copied(StateTensor tensor)
    {
        var copy = new HostTensor(tensor.Shape, tensor.Type);
        Buffer.MemoryCopy(((HostTensor)tensor).Start, copy.Start, copy.Bytes, copy.Bytes);
        return copy;
    }

    StateTensor Gathered(StateTensor tensor, int i, StateEntry entry)
    {
        var whole = layout.Parameters[i];
        ReadOnlySpan<long> shape = entry.Shape == StateShape.Flat ? [whole.Count] : whole.Shape;
        if (tensor is PackedTensor packed)
        {
            var all = new PackedTensor(shape, packed.Format);
            GatherBytes(packed.Codes, all.Codes, i, numbers => packed.Format.CodeBytes(numbers));
            GatherBytes(packed.Scales, all.Scales, i, numbers => packed.Format.Blocks(numbers) * sizeof(float));
            return all;
        }
        var gathered = new HostTensor(shape, tensor.Type);
        GatherBytes((HostTensor)tensor, gathered, i, numbers => numbers * tensor.Type.Real().Size());
        return gathered;
    }

    /// <summary>Puts the ranks' stretches one after the other.</summary>
    void GatherBytes(HostTensor own, HostTensor all, int i, Func<long, long> bytes)
    {
        var counts = new long[Communicator.Size];
        for (int rank = 0; rank < counts.Length; rank++)
            counts[rank] = bytes(NumbersOf(rank, i));
        Communicator.BeginAllGather((nint)own.Start, (nint)all.Start, counts).Wait();
        GC.KeepAlive(own);
        GC.KeepAlive(all);
    }

    /// <summary>How many numbers of a parameter a rank has.</summary>
    long NumbersOf(int rank, int i)
    {
        long numbers = 0;
        foreach (var (first, last) in ownership.OwnedBy[rank])
        {
            nint from = nint.Max(first, layout.FirstChunk(i)), to = nint.Min(last, layout.FirstChunk(i + 1));
            if (from < to)
                numbers += layout[to - 1] is var end ? end.First + end.Count - layout[from].First : 0;
        }
        return numbers;
    }

    /// <summary>Loading is of whole parameters; when it is done, each rank keeps its part.</summary>
    void BeforeLoading(object? sender, StateDictEventArgs e)
    {
        PutPartsBack();
        kept = Optimizer.PutInPlace(p => ((ParameterPart)p).Whole, null);
    }

    void AfterLoading(object? sender, EventArgs e)
    {
        foreach (var states in kept ?? [])
        {
            foreach (var state in states.Values)
                state.Dispose();
        }
        kept = null;
        CutStates();
    }

    /// <summary>After a loading that failed: everything as it was before.</summary>
    void PutPartsBack()
    {
        if (kept is null)
            return;
        Optimizer.PutInPlace(PartOf, kept);
        kept = null;
    }

    /// <summary>Puts parts in the place of whole parameters, with what they have of their states.</summary>
    void CutStates()
    {
        var cut = new Dictionary<object, ParameterState>[Optimizer.Parts.Length];
        for (int k = 0; k < cut.Length; k++)
        {
            cut[k] = [];
            foreach (var parameter in Optimizer.Parts[k].ParameterGroups.SelectMany(group => group.Parameters))
            {
                if (!Optimizer.Parts[k].States.TryGetValue(parameter.Identity, out var state))
                    continue;
                var part = PartOf(parameter);
                if (part.IsWhole && !part.IsElsewhere)
                    cut[k].Add(part.Identity, state);
                else if (!part.IsWhole)
                    cut[k].Add(part.Identity, Cut(state, part, Optimizer.Parts[k].AllEntriesOf(parameter)));
            }
        }
        var all = Optimizer.PutInPlace(PartOf, cut);
        foreach (var state in all.SelectMany(states => states.Values).Except(cut.SelectMany(states => states.Values)))
            state.Dispose();
    }

    static ParameterState Cut(ParameterState whole, ParameterPart part, IReadOnlyList<StateEntry> entries)
    {
        var cut = new ParameterState { Step = whole.Step, StepWhenLoaded = whole.StepWhenLoaded };
        foreach (var entry in entries)
        {
            if (whole.TryGetScalar(entry.Key, out double number))
                cut.Set(entry.Key, number);
            else if (whole.Find(entry.Key) is { } tensor)
                cut.Add(entry.Key, IsCut(entry) ? Stretch(tensor, part) : Copied(tensor), whole.Precisions);
        }
        return cut;
    }

    static StateTensor Stretch(StateTensor tensor, ParameterPart part)
    {
        if (tensor is PackedTensor packed)
        {
            var blocks = new PackedTensor(part.HeldShape, packed.Format);
            Copy(packed.Codes, packed.Format.CodeBytes(part.First), blocks.Codes);
            Copy(packed.Scales, packed.Format.Blocks(part.First) * sizeof(float), blocks.Scales);
            return blocks;
        }
        var stretch = new HostTensor(part.HeldShape, tensor.Type);
        Copy((HostTensor)tensor, part.First * tensor.Type.Real().Size(), stretch);
        return stretch;

        static void Copy(HostTensor from, long first, HostTensor to)
        {
            long bytes = to.Count * to.Type.Size();
            Buffer.MemoryCopy((byte*)from.Start + first, to.Start, bytes, bytes);
            GC.KeepAlive(from);
        }
    }
}
