using OptimSharp.Engine;
using OptimSharp.Rules;

namespace OptimSharp.Distributed;

// State dicts of whole tensors, from and to states of parts.
public sealed unsafe partial class DistributedOptimizer
{
    Dictionary<object, ParameterState>[]? kept; // the parts' states, while whole parameters are in place for loading
    SpreadState? spread; // while Save runs: tensors stay on their ranks

    /// <summary>Saves the optimizer's state, of which no rank has all in memory: rank 0 writes, and fetches each piece from the rank that has it. All ranks call it.</summary>
    /// <param name="save">
    /// Called on rank 0 alone, with the state dict that <see cref="Optimizer.StateDict"/> would give: <c>state => Checkpoint.Save(path, state)</c>, or with more in the checkpoint. The state is there while this
    /// runs, and not after it. What all ranks have to call can't be called in it; with sharded state that is <see cref="Optimizer.StateDict"/>, too.
    /// </param>
    /// <exception cref="CommunicationException">A rank is missing; or, on other ranks than 0, <paramref name="save"/> failed there, whose error rank 0 throws.</exception>
    public void Save(Action<StateDict> save)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        RefuseWhileSaving();
        string? activity = Communicator.Activity;
        spread = new(Communicator);
        try
        {
            Communicator.Activity = $"saving after step {Steps}";
            var spreadOut = parts is null ? null : Optimizer.StateDict();
            spread.Run(() => // here rank 0's errors are told to all
            {
                ArgumentNullException.ThrowIfNull(save);
                save(spreadOut ?? Optimizer.StateDict());
            });
        }
        finally
        {
            Communicator.Activity = activity;
            spread = null;
        }
    }

    void RefuseWhileSaving()
    {
        if (spread is { IsRunning: true })
            throw new InvalidOperationException("What all ranks have to call can't be called within Save, which runs on rank 0 alone: use the state dict that it gives.");
    }

    void WriteWholeStates(object? sender, StateDictEventArgs e)
    {
        RefuseWhileSaving();
        var states = e.State.GetDict("state");
        var places = parts!.Index().ToDictionary(part => (Parameter)part.Item, part => part.Index);
        int i = 0;
        foreach (var group in Optimizer.ParameterGroups)
        {
            foreach (var parameter in group.Parameters)
            {
                if (places.TryGetValue(parameter, out int place) && WholeState(group, place) is { } state) // others were added since, and are whole
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
        var own = Optimizer.StateOf(part.Identity) is { IsEmpty: false } state ? state : null;
        if (ownership.WholeOwner(i) is >= 0 and var owner)
        {
            var saved = own is not null && owner == Communicator.Rank ? Optimizer.SaveState(own, group, part, spread is null ? null : (tensor, _) => spread.Save(tensor)) : null;
            return (StateDict?)PackedState.WithOwnMaps(spread is null ? Communicator.Broadcast(saved, owner) : spread.Share(saved, owner));
        }
        return own is null ? null : Optimizer.SaveState(own, group, part, (tensor, entry) => IsCut(entry) ? Joined(tensor, i, entry) : TensorData.From(tensor));
    }

    static bool IsCut(StateEntry entry) => entry.Shape is StateShape.Parameter or StateShape.Flat;

    static HostTensor Copied(StateTensor tensor)
    {
        var copy = new HostTensor(tensor.Shape, tensor.Type);
        Buffer.MemoryCopy(((HostTensor)tensor).Start, copy.Start, copy.Bytes, copy.Bytes);
        return copy;
    }

    object Joined(StateTensor tensor, int i, StateEntry entry)
    {
        var whole = layout.Parameters[i];
        ReadOnlySpan<long> shape = entry.Shape == StateShape.Flat ? [whole.Count] : whole.Shape;
        return tensor is PackedTensor packed
            ? PackedState.Save(packed.Format, shape, Joined(packed.Codes, i, numbers => packed.Format.CodeBytes(numbers)), Joined(packed.Scales, i, numbers => packed.Format.Blocks(numbers) * sizeof(float)))
            : new TensorData(Joined((HostTensor)tensor, i, numbers => numbers * tensor.Type.Real().Size()), tensor.Type, shape);
    }

    /// <summary>The ranks' stretches, one after the other.</summary>
    TensorStorage Joined(HostTensor own, int i, Func<long, long> bytes)
    {
        var counts = new long[Communicator.Size];
        for (int rank = 0; rank < counts.Length; rank++)
            counts[rank] = bytes(NumbersOf(rank, i));
        if (spread is not null)
            return spread.Add(own, counts);
        var all = new TensorStorage(counts.Sum());
        Communicator.BeginAllGather((nint)own.Start, (nint)all.Start, counts).Wait();
        GC.KeepAlive(own);
        GC.KeepAlive(all);
        return all;
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
