using OptimSharp.Engine;

namespace OptimSharp.Distributed;

/// <summary>
/// Steps one optimizer on several ranks, each with a part of the batch: data parallel, with whole or sharded state. Parameters, state and losses have the bits that one process
/// gets, whatever the number of ranks.
/// </summary>
/// <remarks>
/// <para>
/// The batch of a step is cut into <see cref="DistributedOptions.Shards"/> shards. Each rank has some of them, <see cref="Shards"/>, and computes their gradients one after the other; <see cref="Accumulate(double)"/>
/// takes each out of the parameters. Gradients are added in one tree over the shards, then divided once by the number of shards that there were. A shard whose loop does not come to <see cref="Accumulate(double)"/>, for lack of data, is none.
/// </para>
/// <para>
/// After <see cref="Synchronize"/> the optimizer can be stepped by whatever steps it: <see cref="Optimizer.Step()"/>, a <see cref="TrainingStep"/>, a <see cref="GradScaler"/>. A step of the optimizer
/// synchronizes by itself when that was not done. What has to be the same on all ranks is the program: all call the same, in the same order.
/// </para>
/// <para>
/// With <see cref="StateSharding.Sharded"/> the optimizer's groups have parts in the place of parameters: gradients are there, and not in the model's parameters. Its <see cref="Optimizer.StateDict"/> is of whole
/// tensors all the same, and loads on any number of ranks; all ranks call it. Disposing this gives the optimizer its parameters back, without their state.
/// </para>
/// </remarks>
/// <example><code>
/// using var optimizer = new AdamW(model.Parameters());
/// using var distributed = new DistributedOptimizer(optimizer, Communicator.Default(), new() { Shards = 8 });
/// foreach (var batch in batches)
/// {
///     foreach (int shard in distributed.Shards)
///     {
///         var loss = Loss(batch, shard, of: 8);
///         loss.backward();
///         distributed.Accumulate();
///     }
///     distributed.Step();
/// }
/// </code></example>
public sealed unsafe partial class DistributedOptimizer : IDisposable
{
    const int MostShards = 1 << 20;
    const long MostExamples = 1L << 40; // of a shard: those of all shards can be counted

    readonly GradientLayout layout;
    readonly Ownership ownership;
    readonly RankPieces pieces;
    readonly StepShards stepShards;
    readonly LocalSums sums;
    readonly SumExchange exchange;
    readonly ValueGather gather;
    readonly NativeBuffer gradients = new();
    readonly nint[] gradientStarts; // where number 0 of each parameter's gradient is, or would be
    readonly int number; // among those of the communicator
    int? shard; // the one that the loop is at
    int taken;  // up to which shard sums know
    int loaded; // how often the optimizer was given another state
    bool isOpen, isSynchronized, disposed;

    /// <summary>Makes an optimizer one of several ranks. All ranks call it, and each gets the same errors.</summary>
    /// <param name="optimizer">The optimizer, of all the model's parameters. It stays the caller's to dispose.</param>
    /// <param name="communicator">The ranks. It stays the caller's to dispose.</param>
    /// <param name="options">The options; null: the defaults.</param>
    /// <exception cref="ArgumentException">State can't be sharded: the optimizer evaluates a closure several times a step (<see cref="LBFGS"/>), or a parameter is on another device.</exception>
    /// <exception cref="ArgumentOutOfRangeException">An option is out of range.</exception>
    /// <exception cref="CommunicationException">Ranks differ in parameters, their values, options or versions; or one is missing.</exception>
    public DistributedOptimizer(Optimizer optimizer, Communicator communicator, DistributedOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(optimizer);
        ArgumentNullException.ThrowIfNull(communicator);
        (Optimizer, Communicator, Options) = (optimizer, communicator, options ?? new());
        if (Options.Shards is < 1 or > MostShards)
            throw new ArgumentOutOfRangeException(nameof(options), Options.Shards, $"Shards must be in [1, {MostShards}], but is {Options.Shards}.");
        if (!Enum.IsDefined(Options.Sharding))
            throw new ArgumentOutOfRangeException(nameof(options), Options.Sharding, $"Sharding must be one of {string.Join(", ", Enum.GetNames<StateSharding>())}, but is {Options.Sharding}.");
        if (Options.BucketBytes < 1)
            throw new ArgumentOutOfRangeException(nameof(options), Options.BucketBytes, $"BucketBytes must be ≥ 1, but is {Options.BucketBytes}.");
        foreach (var part in Everything())
        {
            if (part.Distributor is { } other)
                throw new ArgumentException($"A {other.GetType().Name} steps {part.GetType().Name} already.", nameof(optimizer));
            if (part.Mover is { } mover)
                throw new ArgumentException($"A {mover.GetType().Name} lets {part.GetType().Name} train on each rank by itself: it can't be distributed, too.", nameof(optimizer));
        }
        layout = new(Present);
        if (Options.Sharding == StateSharding.Sharded)
            RefuseSharding();
        communicator.Activity = "the start";
        number = communicator.Distributed++;
        StartUp.CheckSame(communicator, "BroadcastParameters", Options.BroadcastParameters.ToString());
        if (Options.BroadcastParameters)
            StartUp.Broadcast(layout.Parameters, communicator);
        StartUp.Check(this);
        ownership = new(layout, communicator.Size, Options.Sharding == StateSharding.Sharded ? FindWhole().Contains : _ => false);
        pieces = new(layout, ownership, Options.BucketBytes);
        stepShards = new(communicator, Options.Shards, layout.Parameters.Length);
        sums = new(layout);
        exchange = new(layout, pieces, communicator, stepShards);
        gather = new(layout, pieces, communicator);
        gradientStarts = new nint[layout.Parameters.Length];
        var (first, last) = ShardTree.ShardsOf(communicator.Rank, communicator.Size, Options.Shards);
        Shards = new(this, first, last);
        if (Options.Sharding == StateSharding.Sharded)
            PutPartsInPlace();
        else
            PlaceGradients();
        foreach (var part in Everything())
        {
            part.Stepping += BeforeStep; // of a CombinedOptimizer one may step alone
            part.AfterClosure = AfterClosure;
            part.Distributor = this;
        }
        optimizer.Stepped += AfterStep;
        optimizer.StateLoaded += CountLoaded;
    }

    /// <summary>The optimizer.</summary>
    public Optimizer Optimizer { get; }

    /// <summary>The ranks.</summary>
    public Communicator Communicator { get; }

    /// <summary>The options.</summary>
    public DistributedOptions Options { get; }

    /// <summary>The shards of a step that are this rank's. Going through them, with <c>foreach</c>, begins a step.</summary>
    public ShardRange Shards { get; }

    /// <summary>How many steps were synchronized.</summary>
    public long Steps { get; private set; }

    /// <summary>The mean of the losses of the last step's shards, of all ranks; NaN when they were not given.</summary>
    public double Loss => stepShards.Loss;

    /// <summary>The bytes of the optimizer's state that this rank keeps.</summary>
    public long StateBytes
    {
        get
        {
            long bytes = 0;
            foreach (var part in Optimizer.Parts)
                bytes += part.States.Values.Sum(state => state.Bytes);
            return bytes;
        }
    }

    IEnumerable<Optimizer> Everything() => Optimizer.Parts.ToArray().Append(Optimizer).Distinct();

    Parameter[] Present => [.. Optimizer.ParameterGroups.SelectMany(group => group.Parameters)];

    /// <summary>Takes the gradients that <c>backward()</c> left in the parameters, as those of the shard that the loop over <see cref="Shards"/> is at; the parameters have none then.</summary>
    /// <param name="loss">The shard's loss, to be averaged over all; left out: nobody wants to know.</param>
    /// <exception cref="InvalidOperationException">This is not in a loop over <see cref="Shards"/>, or the shard's gradients were taken already; or a gradient does not fit its parameter, or is sparse.</exception>
    public void Accumulate(double loss = double.NaN) => Take(loss, 0);

    /// <summary>The same for shards of different sizes: gradients and loss are sums over a shard's examples, and means are taken over all examples of the step.</summary>
    /// <param name="loss">The sum of the examples' losses.</param>
    /// <param name="examples">How many examples the shard has, in [1, 2⁴⁰].</param>
    /// <inheritdoc cref="Accumulate(double)" path="/exception"/>
    /// <exception cref="ArgumentOutOfRangeException">The number of examples is out of range.</exception>
    public void Accumulate(double loss, long examples)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(examples, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(examples, MostExamples);
        Take(loss, examples);
    }

    /// <summary>Exchanges what was accumulated on all ranks: then the parameters that the optimizer has have the mean gradients, on every rank the same.</summary>
    /// <returns>The mean loss, <see cref="Loss"/>.</returns>
    /// <exception cref="InvalidOperationException">There was no loop over <see cref="Shards"/> since the last time.</exception>
    /// <exception cref="CommunicationException">A rank is missing, or does something else.</exception>
    public double Synchronize()
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        RefuseWhileSaving();
        if (!isOpen)
            throw new InvalidOperationException("There is nothing to synchronize: go through Shards, compute the gradients of each, and call Accumulate.");
        if (stepShards.IsAnyLeftOut)
            RefuseLeftOver("A shard of this step");
        SkipTo(Shards.First + Shards.Count);
        (isOpen, isSynchronized, shard) = (false, true, null);
        stepShards.Exchange(Communicator, sums, new(number, Steps, loaded, [.. Optimizer.ParameterGroups.Select(group => group.CurrentOptions.LearningRate)]));
        exchange.Run(sums, Mean);
        sums.Clear();
        if (parts is null)
            gather.Run(Gradient, Gradient);
        for (int i = 0; i < layout.Parameters.Length; i++)
        {
            if (parts is not null)
                parts[i].SetGradient(stepShards.HasAnywhere(i));
            else if (stepShards.HasAnywhere(i))
                layout.Parameters[i].TakeGradient((byte*)gradientStarts[i]);
        }
        Steps++;
        return Loss;
    }

    /// <summary><see cref="Synchronize"/>, unless that was done, and a step of the optimizer.</summary>
    /// <returns>The mean loss, <see cref="Loss"/>.</returns>
    /// <inheritdoc cref="Synchronize" path="/exception"/>
    public double Step()
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        Optimizer.Step();
        return Loss;
    }

    /// <summary>Lets the optimizer go on alone. With sharded state it begins anew: what it remembered was on several ranks.</summary>
    public void Dispose()
    {
        if (disposed)
            return;
        disposed = true;
        foreach (var part in Everything())
        {
            part.Stepping -= BeforeStep;
            part.AfterClosure = null;
            part.Distributor = null;
        }
        Optimizer.Stepped -= AfterStep;
        Optimizer.StateLoaded -= CountLoaded;
        TakePartsOut();
        DropGradients();
    }

    void DropGradients()
    {
        foreach (var parameter in layout.Parameters)
        {
            if (parameter.IsUsable)
                parameter.ZeroGrad(setToNull: true);
        }
        foreach (var part in parts ?? [])
            part.SetGradient(false);
    }

    /// <summary>Every rank has all gradients.</summary>
    void PlaceGradients()
    {
        byte* start = (byte*)gradients.Ensure(layout.ValueOffsets[^1]);
        for (int i = 0; i < gradientStarts.Length; i++)
            gradientStarts[i] = (nint)start + layout.ValueOffsets[i];
    }

    nint Mean(int ownChunk) => At(layout[pieces[Communicator.Rank][ownChunk]]);

    Address Gradient(in ChunkPlace place) => new((void*)At(place));

    nint At(in ChunkPlace place) => gradientStarts[place.Parameter] + (nint)place.First * layout.ValueSize(place.Parameter);
}
