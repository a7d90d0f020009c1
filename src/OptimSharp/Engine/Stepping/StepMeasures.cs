namespace OptimSharp.Engine;

/// <summary>
/// What a step's gradients, parameters and updates come to, for <see cref="StepStatistics"/>. Gradients are squared by the pass that looks at them before the step, where there is
/// one of order 2; all else by the rules' own pass over host memory (<see cref="FramedKernel{TRule, T}.RunMeasured"/>), a chunk of fixed size after the other, and what the rules' pass
/// can't measure by copies and a comparison. Sums are added up in the order of the chunks and parameters: the same bits for any number of threads. Kept between steps.
/// </summary>
internal sealed unsafe class StepMeasures(Optimizer optimizer)
{
    /// <summary>Elements of a chunk: those of <see cref="GradientPass"/>, so that gradients have its bits.</summary>
    public const int Chunk = GradientChunk.Size;

    /// <summary>The sums of a chunk: of the squares of the gradient, the parameter before the step, and its change.</summary>
    public const int Sums = 3;

    struct Slot
    {
        public Parameter Parameter;
        public int Group;
        public nint FirstChunk;
        public bool IsPresent; // has a gradient in this step
        public bool IsFused;   // its sums are taken by the rules' pass
        public bool IsKept;    // its copy is of this step
        public NativeBuffer? Copy;
        public double Gradient, Values, Moved; // sums of squares
        public long GradientBytes;

        public readonly nint Chunks => ((nint)Parameter.Numbers + Chunk - 1) / Chunk;
    }

    readonly TensorOps ops = new();
    readonly NativeBuffer sums = new();
    readonly Dictionary<Parameter, int> places = [];
    Slot[] slots = [];
    double[] rates = [];
    bool isTaken; // parameters were changed, and measured

    /// <summary>Whether the gradients' squares are still to be summed.</summary>
    public bool NeedsGradients { get; private set; }

    /// <summary>The norm of all gradients.</summary>
    public double GradientNorm { get; private set; }

    /// <summary>Begins a step.</summary>
    public void Begin()
    {
        Match();
        for (int i = 0; i < slots.Length; i++)
        {
            ref var slot = ref slots[i];
            (slot.IsPresent, slot.IsFused, slot.IsKept, slot.GradientBytes) = (false, false, false, 0);
            (slot.Gradient, slot.Values, slot.Moved) = (0, 0, 0);
        }
        for (int i = 0; i < rates.Length; i++)
            rates[i] = optimizer.ParameterGroups[i].LearningRate;
        (NeedsGradients, isTaken, GradientNorm) = (true, false, 0);
    }

    /// <summary>Notes which parameters have a gradient.</summary>
    public void Open(GradientPass gradients)
    {
        for (int i = 0; i < gradients.Count; i++)
        {
            ref var slot = ref slots[places[gradients.ParameterOf(i)]];
            (slot.IsPresent, slot.GradientBytes) = (true, gradients.BytesOf(i));
        }
        Place();
    }

    /// <summary>Makes room for the sums of all parameters that are in the step.</summary>
    void Place()
    {
        nint chunks = 0;
        foreach (ref var slot in slots.AsSpan())
        {
            slot.FirstChunk = chunks;
            chunks += slot.IsPresent ? slot.Chunks : 0;
        }
        System.Runtime.InteropServices.NativeMemory.Clear(sums.Ensure(chunks * Sums * sizeof(double)), (nuint)(chunks * Sums * sizeof(double)));
    }

    /// <summary>Where the rules' pass leaves a parameter's sums, <see cref="Sums"/> for each chunk.</summary>
    public double* TakeFused(Parameter parameter)
    {
        ref var slot = ref slots[places[parameter]];
        slot.IsFused = true;
        return SumsOf(slot);
    }

    /// <summary>Takes what a pass of order 2 has found.</summary>
    /// <param name="gradients">The pass.</param>
    /// <param name="isAll">Whether it was over all gradients of the step.</param>
    public void TakeGradients(GradientPass gradients, bool isAll)
    {
        for (int i = 0; i < gradients.Count; i++)
            slots[places[gradients.ParameterOf(i)]].Gradient = gradients.GatheredOf(i);
        if (isAll)
            SumGradients();
    }

    /// <summary>Keeps a copy of a parameter that the rules' pass does not measure.</summary>
    /// <param name="parameter">The parameter.</param>
    /// <param name="values">Its memory, where it is the host's.</param>
    public void Keep(Parameter parameter, in Address values)
    {
        ref var slot = ref slots[places[parameter]];
        nint numbers = (nint)parameter.Numbers;
        void* copy = (slot.Copy ??= new()).Ensure(numbers * StoredAs(parameter, values).Size());
        if (numbers > 0 && !values.IsNull)
        {
            fixed (byte* from = &values.Start)
                Buffer.MemoryCopy(from, copy, numbers * parameter.ElementType.Real().Size(), numbers * parameter.ElementType.Real().Size());
        }
        else if (numbers > 0)
        {
            Read(parameter, copy);
        }
        slot.IsKept = true;
    }

    /// <summary>The same of all parameters, for a step that does not open them.</summary>
    public void KeepAll()
    {
        foreach (ref var slot in slots.AsSpan())
            Keep(slot.Parameter, slot.Parameter.Locate());
    }

    /// <summary>Compares a parameter with its copy.</summary>
    public void Compare(Parameter parameter, in Address values)
    {
        ref var slot = ref slots[places[parameter]];
        nint numbers = (nint)parameter.Numbers;
        if (!slot.IsKept || !slot.IsPresent || numbers == 0)
            return;
        var type = StoredAs(parameter, values);
        void* copy = slot.Copy!.Ensure(0);
        if (values.IsNull)
        {
            void* now = ops.Take<byte>(numbers * type.Size());
            Read(parameter, now);
            Compare(slot, (byte*)copy, (byte*)now, type, numbers);
            ops.GiveBack();
            return;
        }
        fixed (byte* now = &values.Start)
            Compare(slot, (byte*)copy, now, type, numbers);
    }

    /// <summary>The same of all parameters; those without gradient are in the step, too.</summary>
    public void CompareAll()
    {
        foreach (ref var slot in slots.AsSpan())
            slot.IsPresent = true;
        Place();
        foreach (ref var slot in slots.AsSpan())
            Compare(slot.Parameter, slot.Parameter.Locate());
        Sum();
    }

    /// <summary>Adds up what the rules' pass and comparisons have left: the step was taken.</summary>
    public void Sum()
    {
        foreach (ref var slot in slots.AsSpan())
        {
            double* at = SumsOf(slot);
            for (nint chunk = 0; slot.IsPresent && chunk < slot.Chunks; chunk++, at += Sums)
            {
                if (NeedsGradients && slot.IsFused)
                    slot.Gradient += at[0];
                slot.Values += at[1];
                slot.Moved += at[2];
            }
        }
        if (NeedsGradients)
            SumGradients();
        isTaken = true;
    }

    /// <summary>The statistics of one group.</summary>
    public GroupStatistics OfGroup(int group)
    {
        double gradient = 0, values = 0, moved = 0;
        long parameterBytes = 0, gradientBytes = 0, stateBytes = 0;
        foreach (ref var slot in slots.AsSpan())
        {
            if (slot.Group != group)
                continue;
            gradient += slot.Gradient;
            values += slot.Values;
            moved += slot.Moved;
            parameterBytes += slot.Parameter.Count * slot.Parameter.ElementType.Size();
            gradientBytes += slot.GradientBytes;
            stateBytes += optimizer.StateOf(slot.Parameter)?.Bytes ?? 0;
        }
        return new(rates[group], Math.Sqrt(gradient), isTaken ? Math.Sqrt(values) : double.NaN, isTaken ? Math.Sqrt(moved) : 0, parameterBytes, gradientBytes, stateBytes);
    }

    /// <summary>How many groups there are.</summary>
    public int GroupCount => rates.Length;

    double* SumsOf(in Slot slot) => (double*)sums.Ensure(0) + slot.FirstChunk * Sums;

    void SumGradients()
    {
        double total = 0;
        foreach (ref var slot in slots.AsSpan())
            total += slot.Gradient;
        GradientNorm = Math.Sqrt(total);
        NeedsGradients = false;
    }

    /// <summary>Makes the slots anew when the optimizer's parameters were exchanged.</summary>
    void Match()
    {
        int count = 0;
        bool same = rates.Length == optimizer.ParameterGroups.Count;
        for (int group = 0; group < optimizer.ParameterGroups.Count; group++)
        {
            foreach (var parameter in optimizer.ParameterGroups[group].ParameterArray)
            {
                same = same && count < slots.Length && slots[count].Parameter == parameter && slots[count].Group == group;
                count++;
            }
        }
        if (same && count == slots.Length)
            return;
        rates = new double[optimizer.ParameterGroups.Count];
        slots = [.. optimizer.ParameterGroups.Index().SelectMany(g => g.Item.ParameterArray, (g, p) => new Slot { Parameter = p, Group = g.Index })];
        places.Clear();
        foreach (var (i, slot) in slots.Index())
            places.Add(slot.Parameter, i);
    }

    /// <summary>The type of a copy's numbers: as they are stored in host memory, else the type computed in.</summary>
    static ElementType StoredAs(Parameter parameter, in Address values) => values.IsNull ? parameter.ElementType.Compute() : parameter.ElementType.Real();

    static void Read(Parameter parameter, void* to)
    {
        if (parameter.ElementType.Compute() == ElementType.Float64)
            parameter.Read((double*)to, ofGradient: false);
        else
            parameter.Read((float*)to, ofGradient: false);
    }

    void Compare(in Slot slot, byte* before, byte* after, ElementType type, nint count) =>
        ops.For(new CompareLoop { Before = before, After = after, Type = type, Count = count, Sums = SumsOf(slot) }, slot.Chunks, Chunk);

    struct CompareLoop : ILoopBody
    {
        public byte* Before, After;
        public ElementType Type;
        public nint Count;
        public double* Sums;

        public readonly void Run(nint first, nint last)
        {
            for (nint chunk = first; chunk < last; chunk++)
            {
                for (nint i = chunk * Chunk; i < Math.Min(Count, (chunk + 1) * Chunk); i += MovedBlock.Size)
                    MovedBlock.Add(Before + i * Type.Size(), After + i * Type.Size(), Type, Math.Min(MovedBlock.Size, Count - i), Sums + chunk * StepMeasures.Sums);
            }
        }
    }
}
