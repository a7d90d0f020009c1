using System.Runtime.CompilerServices;

namespace OptimSharp.Engine;

/// <summary>One parameter's memory: where it lies and how it is stored.</summary>
internal unsafe struct Work
{
    public Address Param, Grad;
    public byte* S0, S1, S2, S3, S4, S5;
    public ElementType ParamType, GradType, StateType; // real ones: a complex element is two elements here
    public nint Count;

    /// <summary>Not null: states of a parameter are not all of one plain type, or it is <see cref="Kept"/>. How each is kept, by slots.</summary>
    public SlotStorage[]? Slots;
    public bool HasBlocks; // one of them is kept in blocks: then parts begin where blocks do
    public ParameterStorage? Kept; // how the parameter itself is kept; null: as it is stored

    /// <summary>
    /// Not null: <see cref="Grad"/> is for these rows of parameter and state only, and <see cref="Count"/> is the number of their elements.
    /// </summary>
    public long[]? Rows;
    public nint RowSize; // how long a row is: what one index of the first dimension has; of a single number, 1

    /// <summary>Not null: what is done around the rule. Then there are no <see cref="Rows"/>.</summary>
    public StepFrame? Frame;
    public byte* Average; // the parameter's, to be updated with it; null for none
    public ElementType AverageType;
    public double* Moved; // where the sums of StepMeasures go; null for none

    // Whose memory it is: then counts, types and state are as they were in its last step. Of none when its gradient was sparse.
    Parameter? parameter;
    int version; // of its states

    /// <summary>The parameter; null for a sparse gradient's rows.</summary>
    public readonly Parameter? Parameter => parameter;

    /// <summary>Describes a parameter in this step.</summary>
    public void Describe(in StepTarget target)
    {
        if (parameter != target.Parameter || version != target.States.Version || target.Rows is not null)
            DescribeAnew(target);
        InThisStep(target.Parameter, target.Memory.Values, target.Rows is { } rows ? rows.Values : target.Memory.Gradient, target.Rows?.Type ?? target.GradType, target.Frame);
    }

    /// <summary>The same for a parameter in host memory, with a dense gradient and the states of its entry's slots.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Describe(in StepContext.Entry entry, StepFrame? frame, int slots)
    {
        if (parameter != entry.Parameter || version != entry.StatesVersion)
            DescribeAnew(entry, slots);
        InThisStep(entry.Parameter, entry.Memory.Values, entry.Memory.Gradient, entry.GradType, frame);
    }

    /// <summary>What may be elsewhere at each step.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    void InThisStep(Parameter parameter, Address values, Address gradient, ElementType gradType, StepFrame? frame)
    {
        Param = values;
        Grad = gradient;
        GradType = gradType.Real();
        Frame = frame;
        var average = frame?.TakeAverage(parameter);
        Average = average is null ? null : (byte*)average.Start;
        AverageType = average?.Type.Real() ?? default;
        Moved = frame?.Measures is { } measures ? measures.TakeFused(parameter) : null;
    }

    void DescribeAnew(in StepContext.Entry entry, int slots) => DescribeAnew(new StepTarget(entry.Parameter, entry.Memory, entry.GradType, null, null, new()
    {
        S0 = slots > 0 ? entry.S0.Tensor : null,
        S1 = slots > 1 ? entry.S1.Tensor : null,
        S2 = slots > 2 ? entry.S2.Tensor : null,
        Kept = entry.Kept,
        Version = entry.StatesVersion,
    }));

    void DescribeAnew(in StepTarget target)
    {
        var states = target.States;
        var s0 = states.S0 as HostTensor;
        var slots = SlotStorage.Of(states, target.Parameter.ElementType.Real(), Slots);
        this = new()
        {
            parameter = target.Rows is null ? target.Parameter : null,
            version = states.Version,
            Slots = slots,
            HasBlocks = states.HasBlocks,
            Kept = states.Kept,
            S0 = Start(states.S0),
            S1 = Start(states.S1),
            S2 = Start(states.S2),
            S3 = Start(states.S3),
            S4 = Start(states.S4),
            S5 = Start(states.S5),
            ParamType = target.Parameter.ElementType.Real(),
            StateType = s0?.Type.Real() ?? default,
            Rows = target.Rows?.Indices,
            RowSize = target.Rows?.RowSize ?? RowSizeOf(target.Parameter),
            Count = target.Rows?.Numbers ?? (nint)target.Parameter.Numbers,
        };

        static nint RowSizeOf(Parameter parameter) =>
            parameter.Shape.Length == 0 ? (nint)parameter.Numbers : parameter.Shape[0] == 0 ? 0 : (nint)(parameter.Numbers / parameter.Shape[0]);

        static byte* Start(StateTensor? state) => state is HostTensor host ? (byte*)host.Start : null;
    }

    /// <summary>Lets go of arrays and of what is around the rule.</summary>
    public void Return() => (Param, Grad, Rows, Frame) = (default, default, null, null);
}
