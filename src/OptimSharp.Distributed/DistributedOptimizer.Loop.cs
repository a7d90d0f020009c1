namespace OptimSharp.Distributed;

// The loop over shards, and what of it a step of the optimizer needs.
public sealed unsafe partial class DistributedOptimizer
{
    internal void Begin()
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        RefuseWhileSaving();
        CheckParameters();
        sums.Clear();
        stepShards.Clear();
        DropGradients();
        (isOpen, isSynchronized, taken) = (true, false, Shards.First);
        Communicator.Activity = $"step {Steps + 1}";
    }

    internal void GoTo(int? shard) => this.shard = shard;

    /// <summary>After a shard: either its gradients were taken, or it has none.</summary>
    internal void Leave(int shard)
    {
        if (!stepShards.IsDone(shard))
            RefuseLeftOver($"Shard {shard}");
    }

    void RefuseLeftOver(string what)
    {
        if (Array.Find(layout.Parameters, p => p.HasGradient) is { } left)
            throw new InvalidOperationException($"{what} has a gradient of parameter {left} that was not accumulated: call Accumulate after backward() of all of it, or drop the gradients of a shard that is not to count.");
    }

    void Take(double loss, long examples)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        if (shard is not { } at)
            throw new InvalidOperationException("Accumulate belongs into a loop over Shards, which says whose gradients these are.");
        if (stepShards.IsDone(at))
            throw new InvalidOperationException($"The gradients of shard {at} were taken already: call Accumulate once a shard, after backward() of all of it.");
        SkipTo(at);
        sums.AddGradients(at);
        taken = at + 1;
        stepShards.Take(at, loss, examples);
    }

    void SkipTo(int next)
    {
        for (; taken < next; taken++)
            sums.AddNothing(taken);
    }

    void BeforeStep(object? sender, EventArgs e)
    {
        RefuseWhileSaving();
        CheckParameters();
        if (isOpen && shard is null)
            Synchronize();
        else if (!isSynchronized && !Everything().Any(part => part.Evaluates))
            throw new InvalidOperationException($"There was no loop over Shards since {(Steps == 0 ? "the start" : $"step {Steps}")}: go through Shards, and call Accumulate for each, before a step.");
    }

    /// <summary>A closure that leaves it to the step to exchange what it accumulated.</summary>
    void AfterClosure()
    {
        if (!isOpen || shard is not null)
            return;
        if (Everything().Any(part => part.NeedsClosure))
            throw new InvalidOperationException($"The closure accumulated gradients, but returned a loss of this rank's alone, by which {Optimizer.GetType().Name} would go another way on each rank: let it return what Synchronize() gives.");
        Synchronize();
    }

    void CountLoaded(object? sender, EventArgs e) => loaded++;

    void AfterStep(object? sender, EventArgs e) => isSynchronized = false;

    void CheckParameters()
    {
        PutPartsBack();
        if (!Present.AsSpan().SequenceEqual(parts ?? layout.Parameters))
            throw new InvalidOperationException("The optimizer has other parameters now than when it was distributed: make the DistributedOptimizer anew. (With sharded state, take StateDict() before Dispose(), and load it after.)");
    }
}
