namespace OptimSharp.Engine;

/// <summary>
/// What a rule computes, as data: a list of values, each made of values before it, and which of them are kept. It is what kernels for other devices are
/// written from. Coefficients are not in it, only their places: so one recording holds for all steps and all rates, and is another one where a rule's
/// <c>if</c> goes another way.
/// </summary>
internal sealed class Recording : IEquatable<Recording>
{
    readonly Instruction[] instructions;
    readonly int[] states, sums;

    /// <param name="instructions">The values.</param>
    /// <param name="param">Which one becomes the parameter.</param>
    /// <param name="states">Which ones become the states.</param>
    /// <param name="coefficients">How many coefficients the rule asks for.</param>
    /// <param name="fingerprint">See <see cref="Fingerprint"/>.</param>
    /// <param name="sums">Which ones are summed, where a rule measures: then nothing is written.</param>
    /// <param name="grad">Which one becomes the gradient; null where that is only read.</param>
    public Recording(Instruction[] instructions, int param, int[] states, int coefficients, ulong fingerprint, int[]? sums = null, int? grad = null)
    {
        this.instructions = instructions;
        this.states = states;
        this.sums = sums ?? [];
        Param = param;
        Grad = grad;
        Coefficients = coefficients;
        Fingerprint = fingerprint;
    }

    /// <summary>The values, in an order in which they can be computed. Each is there once, and for something.</summary>
    public ReadOnlySpan<Instruction> Instructions => instructions;

    /// <summary>The number of the value that becomes the parameter.</summary>
    public int Param { get; }

    /// <summary>The number of the value that becomes the gradient; null where that is only read.</summary>
    public int? Grad { get; }

    /// <summary>The number of the value that becomes each state.</summary>
    public ReadOnlySpan<int> States => states;

    /// <summary>The number of the value that is summed for each sum; none, unless a rule measures.</summary>
    public ReadOnlySpan<int> Sums => sums;

    /// <summary>How many numbers a step's row of coefficients has.</summary>
    public int Coefficients { get; }

    /// <summary>A number that other recordings do not have, the same in every process.</summary>
    public ulong Fingerprint { get; }

    /// <summary>The fingerprint as text: a name for what is made of this recording.</summary>
    public string Key => Fingerprint.ToString("x16", null);

    /// <summary>What has to be written in the end: a value, and where. Not what is left as it was read.</summary>
    public IEnumerable<(int Value, Operation Place, int Slot)> Writes()
    {
        if (instructions[Param] != new Instruction(Operation.Param))
            yield return (Param, Operation.Param, 0);
        if (Grad is { } grad && instructions[grad] != new Instruction(Operation.Grad))
            yield return (grad, Operation.Grad, 0);
        for (int slot = 0; slot < states.Length; slot++)
        {
            if (instructions[states[slot]] != new Instruction(Operation.State, slot))
                yield return (states[slot], Operation.State, slot);
        }
    }

    /// <summary>How often each value is used: by others, and by what is written.</summary>
    public int[] Uses()
    {
        int[] uses = new int[instructions.Length];
        foreach (var instruction in instructions)
        {
            for (int i = 0; i < instruction.Operands; i++)
                uses[instruction[i]]++;
        }
        foreach (var (value, _, _) in Writes())
            uses[value]++;
        foreach (int value in sums)
            uses[value]++;
        return uses;
    }

    /// <inheritdoc/>
    public bool Equals(Recording? other) => other is not null && Fingerprint == other.Fingerprint && Param == other.Param && Grad == other.Grad && Coefficients == other.Coefficients
        && instructions.AsSpan().SequenceEqual(other.instructions) && states.AsSpan().SequenceEqual(other.states) && sums.AsSpan().SequenceEqual(other.sums);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as Recording);

    /// <inheritdoc/>
    public override int GetHashCode() => Fingerprint.GetHashCode();
}
