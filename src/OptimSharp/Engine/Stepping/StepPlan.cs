using System.Numerics;
using System.Runtime.CompilerServices;
using OptimSharp.Rules;

namespace OptimSharp.Engine;

/// <summary>
/// One step's elementwise work over all parameters: a flat list of (rule, parameter, gradient, states), cut into
/// parts that threads share. One parallel region per step, whatever the number of tensors; none at all for small
/// work; one more where rules measure. The lists are reused, so a warm step allocates nothing; and what is known of a parameter's memory stays, so
/// that a step of the same parameters writes little.
/// </summary>
internal sealed class StepPlan : ISharedWork
{
    /// <summary>The most sums that a rule can have.</summary>
    public const int MostSums = 4;

    // Handing a part to another thread takes some microseconds: less work than this stays where it is.
    const long WorthSharing = 32 * 1024;

    readonly List<Batch> batches = [];
    readonly List<Action> others = [];
    readonly List<IMeasured> measured = [];
    readonly List<int> together = []; // where in it each begins whose sums are added up together
    readonly Dictionary<object, ICollectedWork> collected = []; // by whose it is
    readonly WorkerTeam team;
    double[] sums = []; // of each measured parameter
    long total;
    long next;
    long part;
    bool measures; // sums are being taken
    bool borrows;  // holds arrays or a frame that are not to be kept beyond the step
    bool isReserved; // what was added has its memory

    public StepPlan() => team = new WorkerTeam(this);

    /// <summary>Adds a parameter's update.</summary>
    public void AddParameter<TRule, T>(in TRule rule, in StepTarget target)
        where TRule : struct, IUpdateRule<T>
        where T : unmanaged, IBinaryFloatingPointIeee754<T> =>
        AddParameter(BatchOf<Batch<TRule, T>>(), rule, target);

    /// <summary>Adds the update of a parameter in host memory, with a dense gradient and the states of its entry's slots.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void AddAgain<TRule, T>(in TRule rule, in StepContext.Entry entry, StepFrame? frame)
        where TRule : struct, IUpdateRule<T>
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var batch = BatchOf<Batch<TRule, T>>();
        ref var work = ref batch.Next(rule);
        work.Describe(entry, frame, TRule.Slots);
        total += batch.Include(work.Count);
        borrows |= frame is not null || entry.Memory.Values.IsArray || entry.Memory.Gradient.IsArray;
    }

    /// <summary>Adds a parameter's update by a rule that measures first.</summary>
    public void AddMeasured<TRule, T>(in TRule rule, in StepTarget target)
        where TRule : struct, IMeasuringRule<T>
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var batch = BatchOf<MeasuringBatch<TRule, T>>();
        AddParameter(batch, rule, target);
        measured.Add(batch.Last());
    }

    /// <summary>Adds a parameter's update by a rule that measures each row before it is applied to it.</summary>
    public void AddByRow<TRule, T>(in TRule rule, in StepTarget target)
        where TRule : struct, IMeasuringRule<T>
        where T : unmanaged, IBinaryFloatingPointIeee754<T> =>
        AddParameter(BatchOf<RowBatch<TRule, T>>(), rule, target);

    /// <summary>Adds a rule over memory.</summary>
    public void Add<TRule, T>(in TRule rule, in Work work)
        where TRule : struct, IUpdateRule<T>
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var batch = BatchOf<Batch<TRule, T>>();
        batch.Next(rule) = work;
        total += batch.Include(work.Count);
        borrows = true;
    }

    /// <summary>Adds work that a backend does by itself, on the caller's thread.</summary>
    public void Add(Action work) => others.Add(work);

    /// <summary>The same, of a rule that measures first.</summary>
    public void Add(Action work, IMeasured rule)
    {
        Add(rule);
        others.Add(work);
    }

    /// <summary>Adds a rule that measures, and that a backend applies by itself when it has its sums.</summary>
    public void Add(IMeasured rule) => measured.Add(rule);

    /// <summary>What gathers the work of many parameters, to do it at once. It is kept from step to step.</summary>
    /// <param name="owner">Whose it is, as a device's.</param>
    /// <param name="create">Makes it when there is none yet.</param>
    public TWork Collected<TOwner, TWork>(TOwner owner, Func<TOwner, TWork> create) where TOwner : class where TWork : class, ICollectedWork
    {
        if (!collected.TryGetValue(owner, out var work))
            collected.Add(owner, work = create(owner));
        return (TWork)work;
    }

    /// <summary>What is measured from here on is added up apart from what came before.</summary>
    public void BeginSums() => together.Add(measured.Count);

    /// <summary>Takes all memory that what was added needs. Changes nothing.</summary>
    public void Reserve()
    {
        foreach (var work in collected.Values)
            work.Reserve();
        isReserved = true;
    }

    /// <summary>Does everything that was added, with up to <paramref name="threads"/> threads, and forgets it.</summary>
    /// <param name="threads">How many threads.</param>
    /// <param name="ranks">Those that have the other parts of the parameters; null when they are whole.</param>
    public void Run(int threads, IRanks? ranks = null)
    {
        bool hasBegun = false;
        Run(threads, ranks, ref hasBegun);
    }

    /// <inheritdoc cref="Run(int, IRanks)"/>
    /// <param name="threads">How many threads.</param>
    /// <param name="ranks">Those that have the other parts of the parameters; null when they are whole.</param>
    /// <param name="hasBegun">Becomes true when parameters or state are about to change.</param>
    public void Run(int threads, IRanks? ranks, ref bool hasBegun)
    {
        try
        {
            if (!isReserved)
                Reserve();
            if (total < 2 * WorthSharing)
                threads = 1;
            foreach (var work in collected.Values)
                work.Prepare();
            part = threads == 1 ? total : Math.Clamp(total / (threads * 8L), WorthSharing / 2, 1 << 20);
            if (measured.Count > 0)
                Measure(threads, ranks);
            next = 0;
            hasBegun |= total > 0 || others.Count > 0;
            if (total > 0)
                team.Run(threads);
            foreach (var work in others)
                work();
            foreach (var work in collected.Values)
                work.Run(ref hasBegun);
        }
        finally
        {
            Clear();
        }
    }

    /// <summary>Removes what was added. What is known of parameters' own memory stays for their next step.</summary>
    public void Clear()
    {
        foreach (var batch in batches)
            batch.Clear(borrows);
        others.Clear();
        foreach (var work in collected.Values)
            work.Clear();
        measured.Clear();
        together.Clear();
        total = 0;
        borrows = measures = isReserved = false;
    }

    /// <summary>Forgets parameters and states.</summary>
    public void Forget()
    {
        batches.Clear();
        foreach (var work in collected.Values)
            work.Dispose();
        collected.Clear();
    }

    void ISharedWork.TakePart()
    {
        while (true)
        {
            long from = Interlocked.Add(ref next, part) - part;
            if (from >= total)
                return;
            long to = Math.Min(from + part, total);
            foreach (var batch in batches)
            {
                if (from < batch.Cost && measures)
                    batch.Measure(from, Math.Min(to, batch.Cost));
                else if (from < batch.Cost)
                    batch.Run(from, Math.Min(to, batch.Cost));
                from = Math.Max(0, from - batch.Cost);
                to -= batch.Cost;
                if (to <= 0)
                    break;
            }
        }
    }

    /// <summary>Takes all sums, adds them up in the order of the parameters, and gives them to the rules.</summary>
    void Measure(int threads, IRanks? ranks)
    {
        next = 0;
        measures = true;
        if (total > 0)
            team.Run(threads);
        measures = false;
        if (ranks is not null)
        {
            foreach (var own in measured)
                own.Share(ranks);
            ranks.GatherTable(MostSums);
        }
        if (sums.Length < measured.Count * MostSums)
            sums = new double[measured.Count * MostSums];
        for (int i = 0; i < together.Count; i++)
            AddUp(together[i], i + 1 < together.Count ? together[i + 1] : measured.Count);
    }

    void AddUp(int first, int last)
    {
        Span<double> all = stackalloc double[MostSums];
        all.Clear();
        for (int i = first; i < last; i++)
        {
            var own = sums.AsSpan(i * MostSums, MostSums);
            own.Clear();
            measured[i].Measure(own);
            for (int k = 0; k < MostSums; k++)
                all[k] += own[k];
        }
        for (int i = first; i < last; i++)
            measured[i].Take(sums.AsSpan(i * MostSums, MostSums), all);
    }

    void AddParameter<TRule, T>(Batch<TRule, T> batch, in TRule rule, in StepTarget target)
        where TRule : struct, IUpdateRule<T>
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        ref var work = ref batch.Next(rule);
        work.Describe(target);
        total += batch.Include(work.Count);
        borrows |= target.Frame is not null || target.Rows is not null || target.Memory.Values.IsArray || target.Memory.Gradient.IsArray;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    TBatch BatchOf<TBatch>() where TBatch : Batch, new()
    {
        foreach (var batch in batches)
        {
            if (batch.GetType() == typeof(TBatch)) // not one that is derived from it
                return (TBatch)batch;
        }
        var made = new TBatch();
        batches.Add(made);
        return made;
    }
}
