using System.Numerics;
using System.Runtime.InteropServices;
using OptimSharp.Engine;
using OptimSharp.Rules;

namespace OptimSharp.Cuda;

/// <summary>Work on many tensors of a device, in as few launches as there are kernels. Kept between steps, with its tables and buffers.</summary>
internal sealed class CudaLaunches(CudaDevice device) : IDisposable
{
    readonly Dictionary<(Recording, KernelTypes), StepLaunch> steps = [];
    readonly Dictionary<(Recording, KernelTypes, Gathering, int), SumsLaunch> sums = [];
    readonly List<ILaunch> allSteps = [], allSums = []; // in the order in which they were made
    readonly RowBuffer rows = new(device);
    (Recording? Recording, KernelTypes Types) last; // that a tensor was added for: the next one is often for the same
    StepLaunch? lastStep;

    /// <summary>Adds a parameter to be updated: whole, or the rows that it has a gradient for.</summary>
    public void Add<TRule, T>(in TRule rule, in DeviceTarget target)
        where TRule : struct, IUpdateRule<T>
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        if (target.Rows is null)
            Add<TRule, T>(rule, target.At, target.Types);
        for (int row = 0; target.Rows is not null && row < target.RowCount; row++)
            Add<TRule, T>(rule, target.Row(row, 0, target.RowSize), target.Types);
    }

    /// <summary>Adds a tensor to be updated.</summary>
    public void Add<TRule, T>(in TRule rule, in Places at, KernelTypes types)
        where TRule : struct, IUpdateRule<T>
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var recording = RecordedRule<TRule, T>.Fetch(rule, out var coefficients);
        if (!ReferenceEquals(recording, last.Recording) || types != last.Types)
            (lastStep, last) = (Find(recording, types), (recording, types));
        lastStep!.Table.Add(at, MemoryMarshal.AsBytes(coefficients));
    }

    StepLaunch Find(Recording recording, KernelTypes types)
    {
        if (steps.TryGetValue((recording, types), out var launch))
            return launch;
        using var scope = device.Enter();
        steps.Add((recording, types), launch = new(device, recording, types));
        allSteps.Add(launch);
        return launch;
    }

    /// <summary>Adds a tensor to be measured.</summary>
    public MeasuredTensor AddMeasured<TRule, T>(in TRule rule, in Places at, KernelTypes types, Gathering gathering, int block)
        where TRule : struct, IMeasuringRule<T>
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var recording = RecordedMeasure<TRule, T>.Fetch(rule, out var coefficients);
        if (!sums.TryGetValue((recording, types, gathering, block), out var launch))
        {
            using var scope = device.Enter();
            sums.Add((recording, types, gathering, block), launch = new(device, recording, types, gathering, block));
            allSums.Add(launch);
        }
        return new(launch, launch.Add(at, MemoryMarshal.AsBytes(coefficients)));
    }

    /// <summary>Takes what memory the updates need that were added, before any of them is launched: so that too little changes nothing.</summary>
    public void Reserve() => Reserve(allSteps);

    /// <summary>Takes what memory is needed to measure what was added to be.</summary>
    public void ReserveMeasured() => Reserve(allSums);

    void Reserve(List<ILaunch> launches)
    {
        if (HasNone(launches))
            return;
        using var scope = device.Enter();
        foreach (var launch in launches)
        {
            if (launch.Table.Count > 0)
                launch.Reserve();
        }
        rows.Reserve(launches);
    }

    /// <summary>Measures what was added to be. Returns when the sums are there.</summary>
    public void Measure()
    {
        bool changes = false;
        Launch(allSums, ref changes);
    }

    /// <summary>Updates what was added to be. Returns before it is done.</summary>
    /// <param name="hasBegun">Becomes true with the first launch.</param>
    public void Run(ref bool hasBegun) => Launch(allSteps, ref hasBegun);

    void Launch(List<ILaunch> launches, ref bool hasBegun)
    {
        if (HasNone(launches))
            return;
        using var scope = device.Enter();
        Reserve(launches);
        nint at = rows.Send(launches);
        foreach (var launch in launches)
        {
            launch.Run(at);
            hasBegun |= launch.Table.Count > 0;
            at += launch.Table.Rows.Length;
        }
        rows.End();
    }

    static bool HasNone(List<ILaunch> launches)
    {
        foreach (var launch in launches)
        {
            if (launch.Table.Count > 0)
                return false;
        }
        return true;
    }

    /// <summary>Whether nothing was added to be updated.</summary>
    public bool IsEmpty => HasNone(allSteps);

    /// <summary>The bytes of the rows of all that was added to be updated.</summary>
    public long RowBytes
    {
        get
        {
            long bytes = 0;
            foreach (var launch in allSteps)
                bytes += launch.Table.Rows.Length;
            return bytes;
        }
    }

    /// <summary>What is added to be updated from here on is for a trial, until <see cref="EndTrial"/> takes it out again.</summary>
    public void BeginTrial()
    {
        foreach (var launch in allSteps)
            launch.Table.Mark();
    }

    /// <summary>Takes out what was added since <see cref="BeginTrial"/>. Memory that was taken stays.</summary>
    public void EndTrial()
    {
        foreach (var launch in allSteps)
            launch.Table.Return();
    }

    /// <summary>Forgets what was added.</summary>
    public void Clear()
    {
        foreach (var launch in steps.Values)
            launch.Table.Clear();
        ClearMeasured();
    }

    /// <summary>Forgets what was added to be measured.</summary>
    public void ClearMeasured()
    {
        foreach (var launch in sums.Values)
            launch.Clear();
    }

    public void Dispose()
    {
        foreach (var launch in steps.Values)
            launch.Dispose();
        foreach (var launch in sums.Values)
            launch.Dispose();
        rows.Dispose();
    }
}

/// <summary>A kernel and the tensors that it goes over in this step.</summary>
internal interface ILaunch
{
    /// <summary>The tensors.</summary>
    TensorTable Table { get; }

    /// <summary>Takes what memory it needs for them, beside that of their rows. The device is current.</summary>
    void Reserve();

    /// <summary>Launches the kernel, or those that belong together. The device is current.</summary>
    /// <param name="rows">Where the tensors' rows are on it.</param>
    void Run(nint rows);
}

/// <summary>A tensor that was added to be measured.</summary>
internal readonly record struct MeasuredTensor(SumsLaunch Launch, int Tensor)
{
    /// <summary>A sum over the tensor: blocks are added up to chunks, and these in order, as on the host.</summary>
    public double Sum(int sum)
    {
        double total = 0;
        var (first, last) = Launch.BlocksOf(Tensor);
        while (first < last)
        {
            double chunk = 0;
            for (int end = first + Launch.BlocksOfChunk; first < end; first++)
                chunk += Launch[first, sum];
            total += chunk;
        }
        return total;
    }

    /// <summary>Adds the blocks of a sum to a number, one after the other: of a row, or a part of one, that has no chunks.</summary>
    public double AddTo(double total, int sum)
    {
        var (first, last) = Launch.BlocksOf(Tensor);
        for (; first < last; first++)
            total += Launch[first, sum];
        return total;
    }

    /// <summary>What a gradient's numbers gather to: a block is a chunk there.</summary>
    public double Gathered(NormOrder order)
    {
        double gathered = order.Start;
        var (first, last) = Launch.BlocksOf(Tensor);
        for (; first < last; first++)
            gathered = order.Combine(gathered, Launch[first, 0]);
        return gathered;
    }
}
