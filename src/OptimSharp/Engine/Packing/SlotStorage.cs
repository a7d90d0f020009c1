namespace OptimSharp.Engine;

/// <summary>How one state of a rule is kept: as numbers of a type, or in blocks.</summary>
internal unsafe struct SlotStorage
{
    /// <summary>The numbers, or their codes.</summary>
    public byte* Start;

    /// <summary>The blocks' scales.</summary>
    public float* Scales;

    /// <summary>The blocks' format; <see cref="BlockFormat.None"/> for plain numbers.</summary>
    public BlockFormat Format;

    /// <summary>The type of plain numbers.</summary>
    public ElementType Type;

    /// <summary>How each of a rule's states is kept; null when all are plain numbers of one type, which is the parameter's or the one computed in, and the parameter is kept as it is stored.</summary>
    /// <param name="states">The states.</param>
    /// <param name="parameter">The type of the parameter's numbers.</param>
    /// <param name="reused">An array for the result; null for a new one.</param>
    public static SlotStorage[]? Of(in RuleStates states, ElementType parameter, SlotStorage[]? reused)
    {
        if (!states.HasBlocks && states.Kept is null && !(states.S0 is { Type: ElementType.BFloat16 } && parameter == ElementType.Float32) && IsLike(states.S1, states.S0) && IsLike(states.S2, states.S0) && IsLike(states.S3, states.S0) && IsLike(states.S4, states.S0) && IsLike(states.S5, states.S0))
            return null;
        var slots = reused ?? new SlotStorage[6];
        slots[0] = Of(states.S0);
        slots[1] = Of(states.S1);
        slots[2] = Of(states.S2);
        slots[3] = Of(states.S3);
        slots[4] = Of(states.S4);
        slots[5] = Of(states.S5);
        return slots;

        static bool IsLike(StateTensor? state, StateTensor? first) => state is null || state.Type == first!.Type;
    }

    static SlotStorage Of(StateTensor? state) => state switch
    {
        PackedTensor packed => new() { Start = (byte*)packed.Codes.Start, Scales = (float*)packed.Scales.Start, Format = packed.Format },
        HostTensor host => new() { Start = (byte*)host.Start, Type = host.Type.Real() },
        _ => default,
    };
}
