using System.Numerics;
using System.Runtime.InteropServices;
using OptimSharp.Engine;
using OptimSharp.Rules;

namespace OptimSharp.Cuda;

/// <summary>What an optimizer's step does on a device: collected while it is planned, launched at once.</summary>
internal sealed partial class CudaStep(CudaDevice device) : ICollectedWork
{
    /// <summary>The block in which a measuring rule's sums are taken, by <see cref="IMeasuringRule{T}"/>.</summary>
    public const int Block = 512;

    const int MostSlots = 6;

    readonly List<Item> measured = [], byRow = []; // some of them from steps before, for reuse
    readonly List<(Type Kind, KernelTypes Types, long Count, long RowSize)> tried = []; // of what memory was taken for the last time
    long bytesBeside; // of the rows of rules that do not measure, that time
    readonly List<CudaMemory> uploads = [];
    int measuredCount, byRowCount; // in this step
    bool haveSums;

    CudaLaunches Launches { get; } = new(device);

    /// <summary>A plan's step on a device.</summary>
    public static CudaStep Of(StepPlan plan, CudaDevice device) => plan.Collected(device, static device => new CudaStep(device));

    /// <summary>Plans an update, with what a training step does around it.</summary>
    public void Plan<TRule, T>(in TRule rule, in StepTarget target, in ParameterPlace place)
        where TRule : struct, IUpdateRule<T>
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var there = Describe(target, TRule.Slots, place);
        if (FrameOf<T>(target, TRule.Slots, ref there) is not { } frame)
            Launches.Add<TRule, T>(rule, there);
        else if (frame.Averages)
            Launches.Add<Framed<TRule, T, On>, T>(new(rule, frame), there);
        else
            Launches.Add<Framed<TRule, T, Off>, T>(new(rule, frame), there);
    }

    /// <summary>Plans one by a rule that measures first.</summary>
    public void PlanMeasured<TRule, T>(StepPlan plan, in TRule rule, in StepTarget target, in ParameterPlace place)
        where TRule : struct, IMeasuringRule<T>
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var there = Describe(target, TRule.Slots, place);
        if (FrameOf<T>(target, TRule.Slots, ref there) is not { } frame)
            AddMeasured<TRule, T>(plan, rule, there);
        else if (frame.Averages)
            AddMeasured<FramedMeasuring<TRule, T, On>, T>(plan, new(rule, frame), there);
        else
            AddMeasured<FramedMeasuring<TRule, T, Off>, T>(plan, new(rule, frame), there);
    }

    /// <summary>Plans one by a rule that measures each row.</summary>
    public void PlanByRow<TRule, T>(in TRule rule, in StepTarget target, in ParameterPlace place)
        where TRule : struct, IMeasuringRule<T>
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var there = Describe(target, TRule.Slots, place);
        if (FrameOf<T>(target, TRule.Slots, ref there) is not { } frame)
            Next<ByRow<TRule, T>>(byRow, ref byRowCount).Describe(rule, there);
        else if (frame.Averages)
            Next<ByRow<FramedMeasuring<TRule, T, On>, T>>(byRow, ref byRowCount).Describe(new(rule, frame), there);
        else
            Next<ByRow<FramedMeasuring<TRule, T, Off>, T>>(byRow, ref byRowCount).Describe(new(rule, frame), there);
    }

    void AddMeasured<TRule, T>(StepPlan plan, in TRule rule, in DeviceTarget target)
        where TRule : struct, IMeasuringRule<T>
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var item = Next<Measured<TRule, T>>(measured, ref measuredCount);
        item.Describe(this, rule, target);
        plan.Add(item);
    }

    static TItem Next<TItem>(List<Item> items, ref int count) where TItem : Item, new()
    {
        if (count == items.Count)
            items.Add(new TItem());
        else if (items[count] is not TItem)
            items[count] = new TItem();
        return (TItem)items[count++];
    }

    ReadOnlySpan<Item> MeasuredItems => CollectionsMarshal.AsSpan(measured)[..measuredCount];

    ReadOnlySpan<Item> ByRowItems => CollectionsMarshal.AsSpan(byRow)[..byRowCount];

    /// <summary>What a training step does around a parameter's rule; null: nothing, or not with it. An average gets a slot.</summary>
    static RuleFrame<T>? FrameOf<T>(in StepTarget target, int slots, ref DeviceTarget there)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        if (target.Frame is not { } frame)
            return null;
        AverageStep? average = null;
        if (slots < MostSlots && frame.AverageOf(target.Parameter) is IDeviceState state && state.IsBeside(target.Parameter) && state.Type.Compute() == Storage.Of<T>())
        {
            there = there.With(state.Address, state.Type.Real());
            average = frame.MarkAveraged(target.Parameter);
        }
        var around = new RuleFrame<T>(frame.Change, frame.Clips, frame.After, average);
        return around.IsNone ? null : around;
    }

    /// <summary>Plans the update of an average that is on the device, too.</summary>
    public void PlanAverage<T>(in AverageRule<T> rule, nint model, ElementType modelType, nint average, ElementType averageType, long numbers)
        where T : unmanaged, IBinaryFloatingPointIeee754<T> =>
        Launches.Add<AverageRule<T>, T>(rule, new() { Count = numbers, Param = average, Grad = model }, new(averageType.Real(), modelType.Real(), averageType.Real()));

    /// <summary>A parameter in this step. What of its gradient is in host memory, as a sparse one's rows are, is taken to the device.</summary>
    unsafe DeviceTarget Describe(in StepTarget target, int slots, in ParameterPlace place)
    {
        var parameter = target.Parameter;
        var gradType = (target.Rows?.Type ?? target.GradType).Real();
        var at = new Places { Count = target.Rows?.Numbers ?? parameter.Numbers, Param = place.Param, Grad = place.Grad };
        fixed (byte* sparse = &(target.Rows?.Values ?? target.Memory.Gradient).Start) // in host memory: a sparse gradient's rows, or one that was given its zeros
        {
            if (sparse != null)
                at.Grad = Upload(sparse, at.Count * gradType.Size());
        }
        var type = parameter.ElementType.Real();
        var types = new KernelTypes(type, gradType, type);
        ReadOnlySpan<StateTensor?> states = [target.States.S0, target.States.S1, target.States.S2, target.States.S3, target.States.S4, target.States.S5];
        for (int slot = 0; slot < slots; slot++)
        {
            at.States[slot] = ((IDeviceState)states[slot]!).Address;
            types = types.With(slot, states[slot]!.Type.Real());
        }
        long rows = parameter.Shape.Length == 0 ? 1 : parameter.Shape[0];
        return new(at, types, slots, rows == 0 ? 0 : parameter.Numbers / rows, target.Rows?.Indices);
    }

    /// <summary>Takes the sums of all rules that measure, when they are first asked for.</summary>
    public void Measure()
    {
        if (haveSums)
            return;
        foreach (var item in MeasuredItems)
            item.AddMeasured(Launches);
        Launches.Measure();
        haveSums = true;
    }

    /// <summary>Takes numbers of the host's to the device, until the end of the step.</summary>
    unsafe nint Upload(byte* numbers, long bytes)
    {
        var memory = device.Allocate(bytes);
        uploads.Add(memory);
        memory.CopyFrom(numbers, bytes);
        return memory.Address;
    }

    /// <summary>
    /// Takes all memory of the step. Rules that measure are added only when they have their sums: so they are tried before, with what numbers they have, unless the step is as the last one.
    /// </summary>
    public void Reserve()
    {
        if (IsAsTried())
        {
            Launches.Reserve();
            return;
        }
        tried.Clear();
        bytesBeside = Launches.RowBytes;
        ReserveMeasured(ByRowItems);
        ReserveMeasured(MeasuredItems);
        Launches.BeginTrial();
        try
        {
            foreach (var item in MeasuredItems)
                item.Try(Launches);
            foreach (var item in ByRowItems)
                item.Try(Launches);
            Launches.Reserve();
        }
        finally
        {
            Launches.EndTrial();
        }
        foreach (var item in MeasuredItems)
            tried.Add(item.Kind);
        foreach (var item in ByRowItems)
            tried.Add(item.Kind);
    }

    void ReserveMeasured(ReadOnlySpan<Item> items)
    {
        foreach (var item in items)
            item.AddMeasured(Launches);
        Launches.ReserveMeasured();
        Launches.ClearMeasured();
    }

    /// <summary>Whether as many tensors of the same sizes get the same kinds of rules that measure.</summary>
    bool IsAsTried()
    {
        if (tried.Count != measuredCount + byRowCount || tried.Count > 0 && bytesBeside != Launches.RowBytes)
            return false;
        for (int i = 0; i < tried.Count; i++)
        {
            var item = i < measuredCount ? measured[i] : byRow[i - measuredCount];
            if (tried[i] != item.Kind)
                return false;
        }
        return true;
    }

    public void Run(ref bool hasBegun)
    {
        if (byRowCount > 0)
        {
            Launches.ClearMeasured();
            foreach (var item in ByRowItems)
                item.AddMeasured(Launches);
            Launches.Measure();
        }
        foreach (var item in MeasuredItems)
            item.Add(Launches);
        foreach (var item in ByRowItems)
            item.Add(Launches);
        if (!Launches.IsEmpty)
            Launches.Run(ref hasBegun);
    }

    public void Clear()
    {
        foreach (var item in MeasuredItems)
            item.Clear();
        foreach (var item in ByRowItems)
            item.Clear();
        measuredCount = byRowCount = 0;
        Launches.Clear();
        haveSums = false;
        foreach (var memory in uploads)
            memory.Dispose(); // when what was launched is done
        uploads.Clear();
    }

    public void Dispose()
    {
        Clear();
        Launches.Dispose();
    }
}
