using System.Globalization;
using System.Text.RegularExpressions;

namespace OptimSharp.Cuda.Tests;

/// <summary>
/// A kernel, read from PTX and run on this machine, one thread after the other. It knows the instructions of <see cref="PtxInstructions"/>, loads, stores and
/// branches, and refuses any other; likewise registers of the wrong kind, or without a value, and memory that it was not given.
/// </summary>
sealed unsafe partial class PtxKernel
{
    static readonly string[] special = ["%ctaid.x", "%nctaid.x", "%tid.x", "%ntid.x"];

    readonly Dictionary<string, int> places = []; // of registers, parameters and numbers
    readonly Dictionary<string, string> kinds = [];
    readonly List<ulong> start = []; // what is in each place before the first instruction
    readonly Line[] lines;
    readonly Dictionary<string, int> labels = [];

    enum Action { Compute, LoadParameter, Load, Store, Branch, Return }

    sealed record Line(string Text, Action Action, int[] Results, int[] A, int B, int C, int Guard, long Offset, int Bytes, Func<ulong, ulong, ulong, ulong>? Do, string? Target)
    {
        public int Next { get; set; } // where a branch goes
    }

    public PtxKernel(string text)
    {
        string bare = Comment().Replace(text, "");
        var head = Head().Match(bare);
        Assert.True(head.Success, "No kernel.");
        Name = head.Groups["name"].Value;
        foreach (Match parameter in Parameter().Matches(head.Groups["parameters"].Value))
        {
            Declare(parameter.Groups[2].Value, $"b{parameter.Groups[1].Value}");
            ParameterBytes.Add(int.Parse(parameter.Groups[1].Value, CultureInfo.InvariantCulture) / 8);
        }
        foreach (string name in special)
            Declare(name, "b32");
        var read = new List<Line>();
        foreach (string statement in bare[(head.Index + head.Length)..bare.LastIndexOf('}')].Split('\n').Select(s => s.Trim()).Where(s => s.Length > 0))
        {
            if (Registers().Match(statement) is { Success: true } registers)
            {
                for (int i = 0; i < int.Parse(registers.Groups[3].Value, CultureInfo.InvariantCulture); i++)
                    Declare($"{registers.Groups[2].Value}{i}", registers.Groups[1].Value);
            }
            else if (statement.EndsWith(':'))
            {
                labels.Add(statement[..^1], read.Count);
            }
            else
            {
                read.Add(Read(statement));
            }
        }
        lines = [.. read];
        foreach (var line in lines.Where(l => l.Target is not null))
            line.Next = labels[line.Target!];
    }

    public string Name { get; }

    /// <summary>How many bytes each parameter has.</summary>
    public List<int> ParameterBytes { get; } = [];

    /// <summary>The instructions, without registers: <c>add.rn.f32</c>.</summary>
    public IEnumerable<string> Instructions => lines.Select(l => l.Text.Split(' ').First(word => word[0] != '@').TrimEnd(';'));

    /// <summary>Runs all threads of all blocks.</summary>
    /// <param name="blocks">How many blocks.</param>
    /// <param name="threads">How many threads a block.</param>
    /// <param name="parameters">The kernel's parameters, in their order.</param>
    /// <param name="memory">What may be read and written.</param>
    public void Run(int blocks, int threads, ReadOnlySpan<ulong> parameters, params ReadOnlySpan<(nint Start, long Bytes)> memory)
    {
        (nint, long)[] sorted = [.. memory.ToArray().OrderBy(m => m.Start)];
        ulong[] values = new ulong[start.Count];
        bool[] known = new bool[start.Count];
        for (int block = 0; block < blocks; block++)
        {
            for (int thread = 0; thread < threads; thread++)
            {
                start.CopyTo(values);
                known.AsSpan().Fill(true);
                foreach (var (name, place) in places)
                    known[place] = name[0] != '%';
                parameters.CopyTo(values); // they were declared first
                ReadOnlySpan<int> here = [block, blocks, thread, threads];
                for (int i = 0; i < special.Length; i++)
                    (values[places[special[i]]], known[places[special[i]]]) = ((ulong)here[i], true);
                RunThread(values, known, sorted);
            }
        }
    }

    void RunThread(ulong[] values, bool[] known, ReadOnlySpan<(nint Start, long Bytes)> memory)
    {
        for (int at = 0; ; at++)
        {
            var line = lines[at];
            if (!Array.TrueForAll(line.A, place => known[place]) || !known[line.B] || !known[line.C] || !known[line.Guard])
                throw new InvalidOperationException($"{Name}: a register has no value in {line.Text}");
            if (values[line.Guard] == 0)
                continue;
            switch (line.Action)
            {
                case Action.Compute:
                    values[line.Results[0]] = line.Do!(values[line.A[0]], values[line.B], values[line.C]);
                    break;
                case Action.LoadParameter:
                    values[line.Results[0]] = values[line.A[0]];
                    break;
                case Action.Load:
                    byte* from = Place(values[line.A[0]], line, line.Results.Length, memory);
                    foreach (int result in line.Results)
                    {
                        values[result] = line.Bytes switch { 2 => *(ushort*)from, 4 => *(uint*)from, _ => *(ulong*)from };
                        from += line.Bytes;
                    }
                    break;
                case Action.Store:
                    byte* to = Place(values[line.A[0]], line, line.A.Length - 1, memory);
                    foreach (int stored in line.A.AsSpan(1))
                    {
                        if (line.Bytes == 2)
                            *(ushort*)to = (ushort)values[stored];
                        else if (line.Bytes == 4)
                            *(uint*)to = (uint)values[stored];
                        else
                            *(ulong*)to = values[stored];
                        to += line.Bytes;
                    }
                    break;
                case Action.Branch:
                    at = line.Next - 1;
                    break;
                default:
                    return;
            }
            foreach (int result in line.Results)
                known[result] = true;
        }
    }

    /// <summary>Where a line reads or writes: within what was given, at a multiple of all its bytes.</summary>
    byte* Place(ulong address, Line line, int width, ReadOnlySpan<(nint Start, long Bytes)> memory)
    {
        nint place = (nint)address + (nint)line.Offset;
        int all = line.Bytes * width;
        int low = 0, high = memory.Length; // the first that begins behind the place
        while (low < high)
        {
            int middle = (low + high) / 2;
            if (memory[middle].Start <= place)
                low = middle + 1;
            else
                high = middle;
        }
        if (low > 0 && place + all <= memory[low - 1].Start + memory[low - 1].Bytes && place % all == 0)
            return (byte*)place;
        throw new InvalidOperationException($"{Name}: an address outside of what was given, or not aligned, in {line.Text}");
    }

    int Declare(string name, string kind, ulong value = 0)
    {
        kinds.Add(name, kind);
        places.Add(name, start.Count);
        start.Add(value);
        return start.Count - 1;
    }

    [GeneratedRegex("//.*")]
    private static partial Regex Comment();

    [GeneratedRegex(@"^\.version 6\.0\s+\.target sm_60\s+\.address_size 64\s+\.visible \.entry (?<name>\w+)\((?<parameters>[^)]*)\)\s*{")]
    private static partial Regex Head();

    [GeneratedRegex(@"\.param \.u(\d+) (\w+)")]
    private static partial Regex Parameter();

    [GeneratedRegex(@"^\.reg \.(pred|[bf]\d+) (%\w+)<(\d+)>;$")]
    private static partial Regex Registers();
}
