using System.Numerics;
using OptimSharp.Rules;

namespace OptimSharp.Engine;

/// <summary>A value while a rule is recorded: whose, and its number. Nobody's is zero, which is what a lane is by default.</summary>
internal readonly record struct Symbol(Recorder? Recorder, int Number);

/// <summary>Runs a rule once over <see cref="SymbolicLane{T}"/> and keeps what it does.</summary>
internal sealed class Recorder
{
    const int Missing = -1; // the number of a state that the rule has not

    [ThreadStatic]
    static Recorder? current; // while a rule is recorded

    readonly string rule;
    readonly List<Instruction> instructions = [];
    readonly List<ulong> fingerprints = []; // of each
    readonly Dictionary<Instruction, int> known = [];
    int coefficients;

    Recorder(string rule) => this.rule = rule;

    /// <summary>Records a rule's update.</summary>
    /// <exception cref="InvalidOperationException">The rule looks at a state that it has not, or at a number that it kept from before.</exception>
    public static Recording Record<TRule, T>(in TRule rule)
        where TRule : struct, IUpdateRule<T>
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var copy = rule;
        return Record(typeof(TRule).Name, recorder =>
        {
            var x = recorder.Cell<T>(TRule.Slots, TRule.Slots);
            copy.Update(ref x);
            int param = recorder.NumberOf(x.Param.Symbol), step = recorder.NumberOf(x.Step.Symbol);
            if (recorder.instructions[step] != new Instruction(Operation.Literal, 0)) // else there is no step: x − 0 is x
                param = recorder.Number(new(Operation.Subtract, param, step));
            int[] states = new int[TRule.Slots];
            for (int slot = 0; slot < states.Length; slot++)
                states[slot] = recorder.NumberOf(x.State(slot).Symbol);
            return recorder.Finish(param, states, [], copy is IGradientRule ? recorder.NumberOf(x.Grad.Symbol) : null);
        });
    }

    /// <summary>Records what a rule measures.</summary>
    /// <inheritdoc cref="Record{TRule, T}(in TRule)"/>
    public static Recording RecordMeasure<TRule, T>(in TRule rule)
        where TRule : struct, IMeasuringRule<T>
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var copy = rule;
        return Record(typeof(TRule).Name, recorder =>
        {
            var x = recorder.Cell<T>(TRule.Slots, Math.Min(TRule.MeasuredSlots, TRule.Slots));
            int param = x.Param.Symbol.Number;
            int[] states = [.. Enumerable.Range(0, TRule.Slots).Select(slot => recorder.Number(new(Operation.State, slot)))];
            CellSums<SymbolicLane<T>> sums = default;
            copy.Measure(ref x, ref sums);
            Symbol[] all = [sums.Sum0.Symbol, sums.Sum1.Symbol, sums.Sum2.Symbol, sums.Sum3.Symbol];
            return recorder.Finish(param, states, [.. all[..TRule.Sums].Select(recorder.NumberOf)]);
        });
    }

    static Recording Record(string rule, Func<Recorder, Recording> record)
    {
        var outer = current;
        var recorder = current = new(rule);
        try
        {
            return record(recorder);
        }
        finally
        {
            current = outer;
        }
    }

    /// <summary>What a rule sees: of its slots those that it is given; of those beyond, what tells that they are not there.</summary>
    Cell<SymbolicLane<T>> Cell<T>(int slots, int given) where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        var x = new Cell<SymbolicLane<T>> { Param = new(Add(new(Operation.Param))), Grad = new(Add(new(Operation.Grad))) };
        for (int slot = 0; slot < 6; slot++)
            x.SetState(slot, slot < given ? new(Add(new(Operation.State, slot))) : slot < slots ? default : new(new Symbol(this, Missing)));
        return x;
    }

    public static Symbol Literal(int value) => Current().Add(new(Operation.Literal, value));

    public static Symbol Coefficient()
    {
        var recorder = Current();
        return recorder.Add(new(Operation.Coefficient, recorder.coefficients++));
    }

    public static Symbol Of(Operation operation, Symbol a)
    {
        var recorder = Current();
        return recorder.Add(new(operation, recorder.NumberOf(a)));
    }

    public static Symbol Of(Operation operation, Symbol a, Symbol b)
    {
        var recorder = Current();
        return recorder.Add(new(operation, recorder.NumberOf(a), recorder.NumberOf(b)));
    }

    public static Symbol IfGreater(Symbol x, Symbol y, Symbol then, Symbol otherwise)
    {
        var recorder = Current();
        return recorder.Add(new(Operation.IfGreater, recorder.NumberOf(x), recorder.NumberOf(y), recorder.NumberOf(then), recorder.NumberOf(otherwise)));
    }

    static Recorder Current() => current ?? throw new InvalidOperationException("A rule computes with lanes outside of its update.");

    Symbol Add(Instruction instruction) => new(this, Number(instruction));

    /// <summary>The number of a value: what is computed twice is there once.</summary>
    int Number(Instruction instruction)
    {
        if (known.TryGetValue(instruction, out int number))
            return number;
        known.Add(instruction, instructions.Count);
        instructions.Add(instruction);
        fingerprints.Add(FingerprintOf(instruction));
        return instructions.Count - 1;
    }

    int NumberOf(Symbol symbol)
    {
        if (symbol.Recorder is null)
            return Number(new(Operation.Literal, 0));
        if (symbol.Recorder != this)
            throw new InvalidOperationException($"{rule} uses a number that it kept from another update.");
        return symbol.Number != Missing ? symbol.Number : throw new InvalidOperationException($"{rule} uses a state beyond its slots.");
    }

    ulong FingerprintOf(Instruction of) => of.Operands switch
    {
        0 when of.Operation == Operation.Literal => Fingerprint.Literal(of.A),
        0 => Fingerprint.Of(of.Operation, (ulong)of.A),
        1 => Fingerprint.Of(of.Operation, fingerprints[of.A]),
        2 => Fingerprint.Of(of.Operation, fingerprints[of.A], fingerprints[of.B]),
        _ => Fingerprint.Of(of.Operation, fingerprints[of.A], fingerprints[of.B], fingerprints[of.C], fingerprints[of.D]),
    };

    /// <summary>Leaves out what is for nothing.</summary>
    Recording Finish(int param, int[] states, int[] sums, int? grad = null)
    {
        bool[] needed = new bool[instructions.Count];
        foreach (int value in (ReadOnlySpan<int>)[param, grad ?? param, .. states, .. sums])
            needed[value] = true;
        for (int i = needed.Length - 1; i >= 0; i--)
        {
            for (int k = 0; needed[i] && k < instructions[i].Operands; k++)
                needed[instructions[i][k]] = true;
        }
        var left = new List<Instruction>();
        int[] numbers = new int[needed.Length];
        for (int i = 0; i < needed.Length; i++)
        {
            if (!needed[i])
                continue;
            numbers[i] = left.Count;
            left.Add(instructions[i].Renumbered(numbers));
        }
        ulong fingerprint = sums.Length == 0 ? Fingerprint.Of(fingerprints[param], [.. states.Select(state => fingerprints[state])], coefficients, grad is { } result ? fingerprints[result] : null) : Fingerprint.OfSums([.. sums.Select(sum => fingerprints[sum])], coefficients, states.Length);
        return new([.. left], numbers[param], Array.ConvertAll(states, state => numbers[state]), coefficients, fingerprint, Array.ConvertAll(sums, sum => numbers[sum]), grad is { } written ? numbers[written] : null);
    }
}
