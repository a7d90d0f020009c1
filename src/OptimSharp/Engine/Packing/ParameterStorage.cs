using OptimSharp.Rules;

namespace OptimSharp.Engine;

/// <summary>How the numbers of a bfloat16 parameter in host memory are kept from step to step, when not rounded to nearest: what a rule computes with is single precision.</summary>
internal abstract unsafe class ParameterStorage
{
    static readonly StateEntry Remainder = StateEntry.OfType("param_remainder", ElementType.Int16), Compensation = StateEntry.OfType("kahan_comp", ElementType.BFloat16);
    static readonly StateEntry RoundingStep = StateEntry.WholeNumber("rounding_step", optional: true);

    /// <summary>What an optimizer may remember of a bfloat16 parameter beside its own.</summary>
    public static IReadOnlyList<StateEntry> Entries { get; } = [Remainder, Compensation, RoundingStep];

    /// <summary>The way it is kept in.</summary>
    public abstract ParameterKeeping Keeping { get; }

    /// <summary>The numbers from <paramref name="first"/> on, in single precision.</summary>
    /// <param name="stored">Where the parameter's numbers from there on are.</param>
    /// <param name="first">The index of the first of them in the parameter.</param>
    /// <param name="to">Where they go.</param>
    /// <param name="count">How many.</param>
    public abstract void Load(BFloat16* stored, nint first, float* to, int count);

    /// <summary>Keeps new numbers.</summary>
    public abstract void Save(float* from, BFloat16* stored, nint first, int count);

    /// <summary>All numbers, in single precision.</summary>
    public void LoadAll(BFloat16* stored, float* to, nint count)
    {
        for (nint first = 0; first < count; first += Storage.Piece)
            Load(stored + first, first, to + first, (int)Math.Min(Storage.Piece, count - first));
    }

    /// <summary>Keeps all numbers anew.</summary>
    public void SaveAll(float* from, BFloat16* stored, nint count)
    {
        for (nint first = 0; first < count; first += Storage.Piece)
            Save(from + first, stored + first, first, (int)Math.Min(Storage.Piece, count - first));
    }

    /// <summary>Ends a step that was taken.</summary>
    public virtual void EndStep(ParameterState state)
    {
    }

    /// <summary>Why a parameter can't be kept so, as a sentence; null when it can.</summary>
    public static string? Refusal(Optimizer optimizer, Parameter parameter, ParameterPrecision precision) =>
        precision.Keeping == ParameterKeeping.Nearest || parameter.ElementType is not (ElementType.BFloat16 or ElementType.Float16) ? null
        : parameter.ElementType == ElementType.Float16 ? $"ParameterPrecision.{precision} is for BFloat16, but parameter {parameter} is in Float16. Give it a group with ParameterPrecision.{nameof(ParameterPrecision.Nearest)}."
        : !optimizer.CanKeepParameters ? $"{optimizer.GetType().Name} writes its parameters itself: their ParameterPrecision must be {nameof(ParameterPrecision.Nearest)}, but is {precision}."
        : parameter.Backend is not (HostBackend or MetaBackend) ? $"ParameterPrecision.{precision} is for parameters in host memory, contiguous, but {parameter} is not. Give it a group with ParameterPrecision.{nameof(ParameterPrecision.Nearest)}."
        : null;

    /// <summary>Why what moves an optimizer's parameters from outside its rules would lose what is kept beside them, as a sentence; null when nothing is.</summary>
    public static string? RefusalOfWriter(string writer, Optimizer optimizer)
    {
        foreach (var group in optimizer.ParameterGroups)
        {
            if (group.CurrentOptions.ParameterPrecision is var precision && precision != ParameterPrecision.Nearest && group.Parameters.Any(p => p.ElementType == ElementType.BFloat16))
                return $"{writer} writes the parameters itself: their ParameterPrecision must be {nameof(ParameterPrecision.Nearest)}, but is {precision}.";
        }
        return null;
    }

    /// <summary>How a state's parameter was kept the last time; null for to nearest.</summary>
    public static ParameterStorage? Find(ParameterState state) =>
        state.Find(Remainder.Key) is HostTensor remainder ? new SplitStorage(remainder)
        : state.Find(Compensation.Key) is HostTensor compensation ? new CompensatedStorage(compensation)
        : state.TryGetScalar(RoundingStep.Key, out double step) ? new StochasticStorage(RoundingStep.Key, (ulong)step)
        : null;

    /// <summary>Lets a parameter be kept in another way. Its number in single precision stays, where the new way can have it.</summary>
    /// <param name="precision">The new way.</param>
    /// <param name="state">The parameter's state.</param>
    /// <param name="parameter">The parameter.</param>
    /// <param name="values">Its numbers.</param>
    /// <param name="made">The key of what was made for a parameter that was kept to nearest; null for none.</param>
    public static ParameterStorage? Change(ParameterPrecision precision, ParameterState state, Parameter parameter, BFloat16* values, out string? made)
    {
        var old = Find(state);
        ParameterStorage? kept = precision.Keeping switch
        {
            ParameterKeeping.Split => new SplitStorage(new HostTensor(parameter.HeldShape, ElementType.Int16)),
            ParameterKeeping.Compensated => new CompensatedStorage(new HostTensor(parameter.HeldShape, ElementType.BFloat16)),
            ParameterKeeping.Stochastic => new StochasticStorage(RoundingStep.Key, 0),
            _ => null,
        };
        made = null;
        if (old is not null && kept is PairedStorage { Tensor: var tensor })
            Convert(old, kept, values, (nint)tensor.Count);
        if (old is not null)
            Forget(state);
        switch (kept)
        {
            case PairedStorage paired:
                made = kept is SplitStorage ? Remainder.Key : Compensation.Key;
                state.Add(made, paired.Tensor, null);
                break;
            case StochasticStorage:
                state.Set(RoundingStep.Key, 0);
                made = RoundingStep.Key;
                break;
        }
        if (old is not null)
            made = null;
        return kept;
    }

    /// <summary>Has a parameter without memory remember what one with memory would.</summary>
    public static void Plan(ParameterPrecision precision, ParameterState state, Parameter parameter)
    {
        if (precision.Keeping is ParameterKeeping.Split or ParameterKeeping.Compensated)
        {
            var entry = precision.Keeping == ParameterKeeping.Split ? Remainder : Compensation;
            state.Add(entry.Key, entry.Create(parameter, StatePrecision.Compute), null);
        }
    }

    /// <summary>Whether a tensor of a state is one of these, which have a type of their own.</summary>
    public static bool IsOwn(string key) => key == Remainder.Key || key == Compensation.Key;

    /// <summary>Removes what keeps a parameter from a state.</summary>
    public static void Forget(ParameterState state)
    {
        foreach (var entry in Entries)
            state.Remove(entry.Key);
    }

    static void Convert(ParameterStorage old, ParameterStorage kept, BFloat16* values, nint count)
    {
        const int Block = 1024;
        float* block = stackalloc float[Block];
        for (nint first = 0; first < count; first += Block)
        {
            int n = (int)Math.Min(Block, count - first);
            old.Load(values + first, first, block, n);
            kept.Save(block, values + first, first, n);
        }
    }
}
