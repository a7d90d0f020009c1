using OptimSharp.Engine;

namespace OptimSharp.Cuda;

/// <summary>Writes the kernel of a rule's update: it goes over the chunks of a <see cref="ChunkTable"/>.</summary>
internal sealed class StepKernel : RuleWriter
{
    StepKernel(Recording recording, KernelTypes types) : base(recording, types)
    {
    }

    /// <summary>A kernel with the parameters <c>chunks</c>, the address of the table, <c>rows</c>, that of the rows, and <c>count</c>, how many chunks there are.</summary>
    /// <param name="recording">What it does.</param>
    /// <param name="types">What the numbers are stored as.</param>
    /// <param name="name">The kernel's name.</param>
    public static string Source(Recording recording, KernelTypes types, string name) => new StepKernel(recording, types).Source(name);

    string Source(string name)
    {
        Note("Each block takes a chunk, and then the one that is as many further on as there are blocks.");
        string table = Set('d', "ld.param.u64", "[chunks]"), rows = Set('d', "ld.param.u64", "[rows]"), count = Set('r', "ld.param.u32", "[count]");
        string chunk = Set('r', "mov.u32", "%ctaid.x"), blocks = Set('r', "mov.u32", "%nctaid.x"), thread = Set('r', "mov.u32", "%tid.x"), threads = Set('r', "mov.u32", "%ntid.x");
        string one = Set('d', "cvt.u64.u32", thread), stride = Set('d', "cvt.u64.u32", threads);
        string several = Set('d', "shl.b64", one, $"{int.Log2(ChunkTable.Width)}"), strideOfSeveral = Set('d', "shl.b64", stride, $"{int.Log2(ChunkTable.Width)}"), element = New('d');
        WriteLiterals();
        Label("NEXT_CHUNK");
        GoTo("DONE", "setp.ge.u32", chunk, count);
        string entry = Set('d', "add.u64", table, Set('d', "mul.wide.u32", chunk, $"{ChunkTable.EntrySize}"));
        string elements = Word(entry, ChunkTable.Count), first = Word(entry, ChunkTable.First), row = Set('d', "add.u64", rows, Word(entry, ChunkTable.Row));
        string whole = Set('d', "and.b64", elements, Word(row, ChunkTable.Mask));
        OpenRow(row, first);
        Note($"Each thread takes {ChunkTable.Width} elements, and then those that are as many further on as all threads take.");
        Write("mov.u64", element, several);
        Loop("NEXT_ELEMENTS", "REST", element, whole, strideOfSeveral, ChunkTable.Width);
        Note("What is left, or can't be loaded so: one by one.");
        Label("REST");
        Write("add.u64", element, whole, one);
        Loop("NEXT_ELEMENT", "NEXT", element, elements, stride, 1);
        Label("NEXT");
        Write("add.u32", chunk, chunk, blocks);
        Write("bra", "NEXT_CHUNK");
        Label("DONE");
        Write("ret");
        return Whole(name, "u64 chunks", "u64 rows", "u32 count");
    }

    void Loop(string label, string end, string element, string last, string stride, int width)
    {
        Label(label);
        GoTo(end, "setp.ge.u64", element, last);
        var addresses = AddressesOf(element);
        string[][] values = Values(addresses, width);
        foreach (var (value, place, slot) in Recording.Writes())
            Store(addresses[(place, slot)], Types.Of(place, slot), [.. values.Select(of => of[value])]);
        Write("add.u64", element, element, stride);
        Write("bra", label);
    }
}
