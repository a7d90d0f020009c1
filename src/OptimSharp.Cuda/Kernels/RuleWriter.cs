using OptimSharp.Engine;

namespace OptimSharp.Cuda;

/// <summary>Writes what a recorded rule computes, within a kernel over a <see cref="ChunkTable"/>.</summary>
internal abstract class RuleWriter(Recording recording, KernelTypes types) : PtxWriter
{
    readonly int[] uses = recording.Uses();
    readonly string[] shared = new string[recording.Instructions.Length]; // the registers of literals and coefficients
    readonly Dictionary<(Operation, int), string> starts = []; // of the chunk, for what is read and written

    protected Recording Recording => recording;

    protected KernelTypes Types => types;

    protected ElementType Compute { get; } = types.Compute;

    char Real => Compute == ElementType.Float64 ? 'g' : 'f';

    /// <summary>Writes the literals: once, before any chunk.</summary>
    protected void WriteLiterals() => ForEach(shared, i => i.Operation == Operation.Literal, i => Set(Real, $"mov.{NumberOf(Compute)}", Literal(i.A, Compute)));

    /// <summary>Opens a tensor: where its elements from <paramref name="first"/> on are, and its coefficients.</summary>
    protected void OpenRow(string row, string first)
    {
        var offsets = new Dictionary<int, string>(); // by the size of what is stored
        foreach (var (place, slot) in Places())
        {
            string start = Word(row, place switch { Operation.Param => ChunkTable.Param, Operation.Grad => ChunkTable.Grad, _ => ChunkTable.State(slot) });
            starts[(place, slot)] = Set('d', "add.u64", start, Offset(offsets, first, place, slot));
        }
        int size = Compute.Size(), at = ChunkTable.Coefficients(recording.States.Length);
        ForEach(shared, i => i.Operation == Operation.Coefficient, i => Set(Real, $"ld.global.{NumberOf(Compute)}", $"[{row}+{at + i.A * size}]"));
    }

    /// <summary>The addresses of an element of the chunk.</summary>
    protected Dictionary<(Operation, int), string> AddressesOf(string element)
    {
        var offsets = new Dictionary<int, string>();
        return starts.ToDictionary(start => start.Key, start => Set('d', "add.u64", start.Value, Offset(offsets, element, start.Key.Item1, start.Key.Item2)));
    }

    string Offset(Dictionary<int, string> offsets, string element, Operation place, int slot)
    {
        int size = types.Of(place, slot).Size();
        if (!offsets.TryGetValue(size, out string? offset))
            offsets.Add(size, offset = Set('d', "shl.b64", element, $"{int.Log2(size)}"));
        return offset;
    }

    /// <summary>Loads and computes the values of some elements that follow one another: for each of them the register of each value.</summary>
    protected string[][] Values(Dictionary<(Operation, int), string> addresses, int width)
    {
        string[][] values = [.. Enumerable.Range(0, width).Select(_ => (string[])shared.Clone())];
        for (int i = 0; i < shared.Length; i++)
        {
            var instruction = recording.Instructions[i];
            if (uses[i] == 0 || !instruction.IsRead)
                continue;
            string[] loaded = Load(addresses[(instruction.Operation, instruction.A)], types.Of(instruction.Operation, instruction.A), width);
            for (int k = 0; k < width; k++)
                values[k][i] = loaded[k];
        }
        foreach (string[] of in values)
            ForEach(of, i => i.Operands > 0, i => Value(i, of));
        return values;
    }

    /// <summary>What is read or written.</summary>
    IEnumerable<(Operation, int)> Places()
    {
        var read = recording.Instructions.ToArray().Where((x, i) => x.IsRead && uses[i] > 0).Select(x => (x.Operation, x.A));
        return read.Concat(recording.Writes().Select(w => (w.Place, w.Slot))).Distinct();
    }

    /// <summary>Writes the values of a kind that are used.</summary>
    void ForEach(string[] values, Func<Instruction, bool> kind, Func<Instruction, string> write)
    {
        for (int i = 0; i < values.Length; i++)
        {
            if (uses[i] > 0 && kind(recording.Instructions[i]))
                values[i] = write(recording.Instructions[i]);
        }
    }

    string Value(Instruction x, string[] values)
    {
        string number = NumberOf(Compute);
        return x.Operation switch
        {
            Operation.Add => Set(Real, $"add.rn.{number}", values[x.A], values[x.B]),
            Operation.Subtract => Set(Real, $"sub.rn.{number}", values[x.A], values[x.B]),
            Operation.Multiply => Set(Real, $"mul.rn.{number}", values[x.A], values[x.B]),
            Operation.Divide => Set(Real, $"div.rn.{number}", values[x.A], values[x.B]),
            Operation.Sqrt => Set(Real, $"sqrt.rn.{number}", values[x.A]),
            Operation.Negate => Set(Real, $"neg.{number}", values[x.A]),
            Operation.Abs => Set(Real, $"abs.{number}", values[x.A]),
            Operation.AsParam => Stored(values[x.A], types.Param),
            Operation.AsGrad => Stored(values[x.A], types.Grad),
            Operation.Max => Extreme(larger: true, Compute, values[x.A], values[x.B]),
            Operation.Min => Extreme(larger: false, Compute, values[x.A], values[x.B]),
            Operation.IfGreater => Set(Real, $"selp.{number}", values[x.C], values[x.D], Set('p', $"setp.gt.{number}", values[x.A], values[x.B])),
            _ => throw new ArgumentOutOfRangeException(nameof(x), x.Operation, "Nothing to compute."),
        };
    }
}
