using OptimSharp.Engine;

namespace OptimSharp.Cuda;

/// <summary>What becomes of a value when it is gathered, in double precision.</summary>
internal enum Gathering
{
    /// <summary>It is added.</summary>
    Sum,

    /// <summary>Its square is added.</summary>
    SumOfSquares,

    /// <summary>Its size is added.</summary>
    SumOfSizes,

    /// <summary>The largest size is kept; NaN when there is one.</summary>
    Largest,
}

/// <summary>
/// Writes the kernel that gathers what a rule measures. The order is the host's (<see cref="Reductions"/>): a tensor is cut into blocks, and in a block element i goes to
/// accumulator i mod 16. Here an accumulator is a thread's. What comes of each is written, for <see cref="TotalsKernel"/> to add up.
/// </summary>
internal sealed class SumsKernel : RuleWriter
{
    readonly Gathering gathering;
    readonly int block;

    SumsKernel(Recording recording, KernelTypes types, Gathering gathering, int block) : base(recording, types)
    {
        this.gathering = gathering;
        this.block = block;
    }

    /// <summary>
    /// A kernel with the parameters <c>chunks</c>, the address of the table, whose chunks begin where blocks do; <c>rows</c>, that of the rows; <c>sums</c>, where the sixteen numbers
    /// go of each sum of each block; and <c>count</c>, how many blocks there are, with all that a chunk can have.
    /// </summary>
    /// <param name="recording">What is measured.</param>
    /// <param name="types">What the numbers are stored as.</param>
    /// <param name="gathering">How it is gathered.</param>
    /// <param name="block">How many elements a block has, a power of two.</param>
    /// <param name="chunk">How many elements a chunk has, a multiple of it.</param>
    /// <param name="name">The kernel's name.</param>
    public static string Source(Recording recording, KernelTypes types, Gathering gathering, int block, int chunk, string name) => new SumsKernel(recording, types, gathering, block).Source(chunk, name);

    string Source(int chunk, string name)
    {
        const int Lanes = Reductions.Lanes;
        int blocks = chunk / block, sums = Recording.Sums.Length;
        Note($"Sixteen threads take a block of {block} elements, and then the one that is as many further on as there are sixteens.");
        string table = Set('d', "ld.param.u64", "[chunks]"), rows = Set('d', "ld.param.u64", "[rows]"), to = Set('d', "ld.param.u64", "[sums]"), count = Set('r', "ld.param.u32", "[count]");
        string threads = Set('r', "mov.u32", "%ntid.x");
        string thread = Set('r', "add.u32", Set('r', "mul.lo.u32", Set('r', "mov.u32", "%ctaid.x"), threads), Set('r', "mov.u32", "%tid.x"));
        string all = Set('r', "mul.lo.u32", Set('r', "mov.u32", "%nctaid.x"), threads);
        string accumulator = Set('d', "cvt.u64.u32", Set('r', "and.b32", thread, $"{Lanes - 1}"));
        string at = Set('r', "shr.u32", thread, $"{int.Log2(Lanes)}"), stride = Set('r', "shr.u32", all, $"{int.Log2(Lanes)}");
        string element = New('d');
        string[] totals = [.. Enumerable.Range(0, sums).Select(_ => New('g'))];
        WriteLiterals();
        Label("NEXT_BLOCK");
        GoTo("DONE", "setp.ge.u32", at, count);
        string entry = Set('d', "add.u64", table, Set('d', "mul.wide.u32", Set('r', "shr.u32", at, $"{int.Log2(blocks)}"), $"{ChunkTable.EntrySize}"));
        string elements = Word(entry, ChunkTable.Count), first = Word(entry, ChunkTable.First), row = Set('d', "add.u64", rows, Word(entry, ChunkTable.Row));
        OpenRow(row, first);
        string begin = Set('d', "mul.wide.u32", Set('r', "and.b32", at, $"{blocks - 1}"), $"{block}");
        string end = Set('d', "min.u64", elements, Set('d', "add.u64", begin, $"{block}"));
        Write("add.u64", element, begin, accumulator);
        foreach (string total in totals)
            Write("mov.f64", total, Literal(0, ElementType.Float64));
        Label("NEXT_ELEMENT");
        GoTo("NEXT", "setp.ge.u64", element, end);
        string[] values = Values(AddressesOf(element), 1)[0];
        for (int k = 0; k < sums; k++)
            Gather(totals[k], values[Recording.Sums[k]]);
        Write("add.u64", element, element, $"{Lanes}");
        Write("bra", "NEXT_ELEMENT");
        Label("NEXT");
        string place = Set('d', "add.u64", to, Set('d', "mul.wide.u32", at, $"{sums * Lanes * sizeof(double)}"));
        place = Set('d', "add.u64", place, Set('d', "shl.b64", accumulator, "3"));
        for (int k = 0; k < sums; k++)
            Write("st.global.f64", $"[{place}+{k * Lanes * sizeof(double)}]", totals[k]);
        Write("add.u32", at, at, stride);
        Write("bra", "NEXT_BLOCK");
        Label("DONE");
        Write("ret");
        return Whole(name, "u64 chunks", "u64 rows", "u64 sums", "u32 count");
    }

    void Gather(string total, string value)
    {
        string wide = Compute == ElementType.Float64 ? value : Set('g', "cvt.f64.f32", value);
        switch (gathering)
        {
            case Gathering.Sum:
                Write("add.rn.f64", total, total, wide);
                break;
            case Gathering.SumOfSquares:
                Write("add.rn.f64", total, total, Set('g', "mul.rn.f64", wide, wide));
                break;
            case Gathering.SumOfSizes:
                Write("add.rn.f64", total, total, Set('g', "abs.f64", wide));
                break;
            default:
                Write("mov.f64", total, Extreme(larger: true, ElementType.Float64, total, Set('g', "abs.f64", wide)));
                break;
        }
    }
}

/// <summary>Writes the kernel that makes one number of the sixteen of a block, in the host's order: in pairs.</summary>
internal sealed class TotalsKernel : PtxWriter
{
    /// <summary>A kernel with the parameters <c>sums</c>, where the sixteens are, <c>totals</c>, where their totals go, and <c>count</c>, how many there are.</summary>
    /// <param name="largest">Whether a total is the largest of them, and not their sum.</param>
    /// <param name="name">The kernel's name.</param>
    public static string Source(bool largest, string name) => new TotalsKernel().Write(largest, name);

    string Write(bool largest, string name)
    {
        Note("Each thread takes sixteen numbers, and then those that are as many further on as there are threads.");
        string from = Set('d', "ld.param.u64", "[sums]"), to = Set('d', "ld.param.u64", "[totals]"), count = Set('r', "ld.param.u32", "[count]");
        string threads = Set('r', "mov.u32", "%ntid.x");
        string at = Set('r', "add.u32", Set('r', "mul.lo.u32", Set('r', "mov.u32", "%ctaid.x"), threads), Set('r', "mov.u32", "%tid.x"));
        string stride = Set('r', "mul.lo.u32", Set('r', "mov.u32", "%nctaid.x"), threads);
        Label("NEXT");
        GoTo("DONE", "setp.ge.u32", at, count);
        string place = Set('d', "add.u64", from, Set('d', "mul.wide.u32", at, $"{Reductions.Lanes * sizeof(double)}"));
        string[] all = [.. Enumerable.Range(0, Reductions.Lanes).Select(i => Set('g', "ld.global.f64", $"[{place}+{i * sizeof(double)}]"))];
        while (all.Length > 1)
            all = [.. all.Chunk(2).Select(pair => largest ? Extreme(larger: true, ElementType.Float64, pair[0], pair[1]) : Set('g', "add.rn.f64", pair[0], pair[1]))];
        Write("st.global.f64", $"[{Set('d', "add.u64", to, Set('d', "mul.wide.u32", at, $"{sizeof(double)}"))}]", all[0]);
        Write("add.u32", at, at, stride);
        Write("bra", "NEXT");
        Label("DONE");
        Write("ret");
        return Whole(name, "u64 sums", "u64 totals", "u32 count");
    }
}
