using System.Text;
using OptimSharp.Engine;

namespace OptimSharp.Cuda;

/// <summary>
/// Writes a recorded rule as PTX: a whole kernel, that goes over the chunks of a <see cref="ChunkTable"/>. What is rounded has its rounding mode: so the
/// driver can't fuse it, and the bits are the host's, but which NaN it is.
/// </summary>
internal sealed partial class PtxSource
{
    readonly Recording recording;
    readonly KernelTypes types;
    readonly bool isDouble;
    readonly string number; // the type computed in
    readonly StringBuilder text = new();
    readonly Dictionary<char, int> registers = new() { ['p'] = 0, ['h'] = 0, ['r'] = 0, ['d'] = 0, ['f'] = 0 }; // how many of each kind there are
    readonly string[] values; // each value's register
    readonly Dictionary<(Operation, int), string> addresses = []; // of the element, for what is read and written

    PtxSource(Recording recording, KernelTypes types)
    {
        this.recording = recording;
        this.types = types;
        isDouble = types.Compute == ElementType.Float64;
        number = isDouble ? "f64" : "f32";
        values = new string[recording.Instructions.Length];
    }

    /// <summary>A kernel with the parameters <c>chunks</c>, the address of the table, <c>rows</c>, that of the coefficients, and <c>count</c>, how many chunks there are.</summary>
    /// <param name="recording">What it does.</param>
    /// <param name="types">What the numbers are stored as.</param>
    /// <param name="name">The kernel's name.</param>
    public static string Kernel(Recording recording, KernelTypes types, string name) => new PtxSource(recording, types).Kernel(name);

    string Kernel(string name)
    {
        int[] uses = recording.Uses();
        Note("Each block takes a chunk, and then the one that is as many further on as there are blocks.");
        string table = Set('d', "ld.param.u64", "[chunks]"), rows = Set('d', "ld.param.u64", "[rows]"), count = Set('r', "ld.param.u32", "[count]");
        string chunk = Set('r', "mov.u32", "%ctaid.x"), blocks = Set('r', "mov.u32", "%nctaid.x"), thread = Set('r', "mov.u32", "%tid.x"), threads = Set('r', "mov.u32", "%ntid.x");
        string first = Set('d', "cvt.u64.u32", thread), stride = Set('d', "cvt.u64.u32", threads), element = New('d');
        ForEach(uses, i => i.Operation == Operation.Literal, i => Set('f', $"mov.{number}", Literal(i.A)));
        Label("NEXT_CHUNK");
        Exit("setp.ge.u32", chunk, count, "DONE");
        string entry = Set('d', "add.u64", table, Set('d', "mul.wide.u32", chunk, $"{ChunkTable.EntrySize(recording.States.Length)}"));
        string elements = Word(entry, ChunkTable.Count), row = Set('d', "add.u64", rows, Word(entry, ChunkTable.Row));
        var starts = Places(uses).ToDictionary(place => place, place => Word(entry, place.Operation switch { Operation.Param => ChunkTable.Param, Operation.Grad => ChunkTable.Grad, _ => ChunkTable.State(place.Slot) }));
        ForEach(uses, i => i.Operation == Operation.Coefficient, i => Set('f', $"ld.global.{number}", $"[{row}+{i.A * (isDouble ? 8 : 4)}]"));
        Write("mov.u64", element, first);
        Note("Each thread takes an element, and then the one that is as many further on as there are threads.");
        Label("NEXT_ELEMENT");
        Exit("setp.ge.u64", element, elements, "NEXT");
        var offsets = new Dictionary<int, string>(); // by the size of what is stored
        foreach (var (place, start) in starts)
        {
            int size = types.Of(place.Operation).Size();
            if (!offsets.TryGetValue(size, out string? offset))
                offsets.Add(size, offset = Set('d', "shl.b64", element, $"{int.Log2(size)}"));
            addresses[place] = Set('d', "add.u64", start, offset);
        }
        ForEach(uses, i => i.IsRead, i => Load(addresses[(i.Operation, i.A)], types.Of(i.Operation)));
        ForEach(uses, i => i.Operands > 0, Compute);
        foreach (var (value, place, slot) in recording.Writes())
            Store(addresses[(place, slot)], types.Of(place), values[value]);
        Write("add.u64", element, element, stride);
        Write("bra", "NEXT_ELEMENT");
        Label("NEXT");
        Write("add.u32", chunk, chunk, blocks);
        Write("bra", "NEXT_CHUNK");
        Label("DONE");
        Write("ret");
        return Head(name) + text + "}\n";
    }

    /// <summary>What is read or written.</summary>
    IEnumerable<(Operation Operation, int Slot)> Places(int[] uses)
    {
        var read = recording.Instructions.ToArray().Where((x, i) => x.IsRead && uses[i] > 0).Select(x => (x.Operation, x.A));
        return read.Concat(recording.Writes().Select(w => (w.Place, w.Slot))).Distinct();
    }

    /// <summary>Writes the values of a kind that are used.</summary>
    void ForEach(int[] uses, Func<Instruction, bool> kind, Func<Instruction, string> write)
    {
        for (int i = 0; i < values.Length; i++)
        {
            if (uses[i] > 0 && kind(recording.Instructions[i]))
                values[i] = write(recording.Instructions[i]);
        }
    }

    string Compute(Instruction x) => x.Operation switch
    {
        Operation.Add => Set('f', $"add.rn.{number}", values[x.A], values[x.B]),
        Operation.Subtract => Set('f', $"sub.rn.{number}", values[x.A], values[x.B]),
        Operation.Multiply => Set('f', $"mul.rn.{number}", values[x.A], values[x.B]),
        Operation.Divide => Set('f', $"div.rn.{number}", values[x.A], values[x.B]),
        Operation.Sqrt => Set('f', $"sqrt.rn.{number}", values[x.A]),
        Operation.Negate => Set('f', $"neg.{number}", values[x.A]),
        Operation.Abs => Set('f', $"abs.{number}", values[x.A]),
        Operation.Max => Extreme("gt", "and", values[x.A], values[x.B]),
        Operation.Min => Extreme("lt", "or", values[x.A], values[x.B]),
        Operation.IfGreater => Set('f', $"selp.{number}", values[x.C], values[x.D], Set('p', $"setp.gt.{number}", values[x.A], values[x.B])),
        _ => throw new ArgumentOutOfRangeException(nameof(x), x.Operation, "Nothing to compute."),
    };

    /// <summary>The larger or smaller of two. Equal ones differ in a zero's sign at most: of these bits, both or either. NaN comes through.</summary>
    string Extreme(string better, string ofBits, string x, string y)
    {
        var (kind, bits) = isDouble ? ('d', "b64") : ('r', "b32");
        string other = Set('f', $"selp.{number}", x, y, Set('p', $"setp.{better}.{number}", x, y));
        string same = Set('f', $"mov.{bits}", Set(kind, $"{ofBits}.{bits}", Set(kind, $"mov.{bits}", x), Set(kind, $"mov.{bits}", y)));
        string chosen = Set('f', $"selp.{number}", same, other, Set('p', $"setp.eq.{number}", x, y));
        return Set('f', $"selp.{number}", x, chosen, Set('p', $"setp.nan.{number}", x, x)); // y was taken where it is NaN
    }
}
