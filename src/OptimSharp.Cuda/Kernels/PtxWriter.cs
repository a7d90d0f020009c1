using System.Globalization;
using System.Text;

namespace OptimSharp.Cuda;

/// <summary>
/// Writes a kernel in PTX: instructions, registers, and numbers as they are stored. What is rounded has its rounding mode: so the driver can't fuse it, and the
/// bits are the host's, but which NaN it is.
/// </summary>
internal abstract class PtxWriter
{
    // The kinds of registers: predicates, bits, single and double precision.
    static readonly (char Kind, string Type)[] Kinds = [('p', "pred"), ('h', "b16"), ('r', "b32"), ('d', "b64"), ('f', "f32"), ('g', "f64")];

    readonly StringBuilder text = new();
    readonly Dictionary<char, int> registers = Kinds.ToDictionary(k => k.Kind, _ => 0); // how many of each kind there are

    /// <summary>The whole kernel, of what was written.</summary>
    /// <param name="name">The kernel's name.</param>
    /// <param name="parameters">Its parameters.</param>
    protected string Whole(string name, params string[] parameters)
    {
        var declared = from k in Kinds where registers[k.Kind] > 0 select $"    .reg .{k.Type} %{k.Kind}<{registers[k.Kind]}>;\n";
        return $$"""
            .version 6.0
            .target sm_60
            .address_size 64

            .visible .entry {{name}}({{string.Join(", ", parameters.Select(p => $".param .{p}"))}})
            {
            {{string.Concat(declared)}}
            {{text}}}

            """;
    }

    /// <summary>Loads an element, or <see cref="ChunkTable.Width"/> of them that follow one another; widened to the type computed in.</summary>
    protected string[] Load(string address, ElementType type, int width)
    {
        switch (type)
        {
            case ElementType.BFloat16: // the upper half of a float
                return [.. LoadAll('h', "u16", address, width).Select(FromBFloat16)];
            case ElementType.Float16:
                return [.. LoadAll('h', "b16", address, width).Select(FromFloat16)];
            case ElementType.Float64 when width == 4: // 16 bytes are the most
                return [.. LoadAll('g', "f64", address, 2), .. LoadAll('g', "f64", $"{address}+16", 2)];
            default:
                return LoadAll(type == ElementType.Float64 ? 'g' : 'f', NumberOf(type), address, width);
        }
    }

    /// <summary>Stores elements, rounded to the type that they are stored as.</summary>
    protected void Store(string address, ElementType type, ReadOnlySpan<string> values)
    {
        switch (type)
        {
            case ElementType.BFloat16:
                StoreAll("u16", address, [.. values.ToArray().Select(ToBFloat16)]);
                break;
            case ElementType.Float16:
                StoreAll("b16", address, [.. values.ToArray().Select(ToFloat16)]);
                break;
            case ElementType.Float64 when values.Length == 4:
                StoreAll("f64", address, values[..2]);
                StoreAll("f64", $"{address}+16", values[2..]);
                break;
            default:
                StoreAll(NumberOf(type), address, values);
                break;
        }
    }

    /// <summary>A number as if it had been stored.</summary>
    protected string Stored(string value, ElementType type) => type switch
    {
        ElementType.BFloat16 => FromBFloat16(ToBFloat16(value)),
        ElementType.Float16 => FromFloat16(ToFloat16(value)),
        _ => value,
    };

    string FromBFloat16(string half) => Set('f', "mov.b32", Set('r', "shl.b32", Set('r', "cvt.u32.u16", half), "16"));

    string FromFloat16(string half) => Set('f', "cvt.f32.f16", half);

    string ToFloat16(string value) => Set('h', "cvt.rn.f16.f32", value);

    /// <summary>To nearest, ties to even; a NaN stays one.</summary>
    string ToBFloat16(string value)
    {
        string bits = Set('r', "mov.b32", value), upper = Set('r', "shr.u32", bits, "16"), odd = Set('r', "and.b32", upper, "1");
        string rounded = Set('r', "shr.u32", Set('r', "add.u32", Set('r', "add.u32", bits, "32767"), odd), "16");
        string chosen = Set('r', "selp.b32", Set('r', "or.b32", upper, "64"), rounded, Set('p', "setp.nan.f32", value, value));
        return Set('h', "cvt.u16.u32", chosen);
    }

    string[] LoadAll(char kind, string type, string address, int width)
    {
        string[] loaded = [.. Enumerable.Range(0, width).Select(_ => New(kind))];
        Write($"ld.global.{Vector(width)}{type}", Several(loaded), $"[{address}]");
        return loaded;
    }

    void StoreAll(string type, string address, ReadOnlySpan<string> values) => Write($"st.global.{Vector(values.Length)}{type}", $"[{address}]", Several(values));

    static string Vector(int width) => width == 1 ? "" : $"v{width}.";

    static string Several(ReadOnlySpan<string> registers) => registers.Length == 1 ? registers[0] : $"{{{string.Join(", ", registers.ToArray())}}}";

    /// <summary>The larger or smaller of two. Equal ones differ in a zero's sign at most: of these bits, both or either. NaN comes through.</summary>
    protected string Extreme(bool larger, ElementType type, string x, string y)
    {
        string number = NumberOf(type), better = larger ? "gt" : "lt", ofBits = larger ? "and" : "or";
        var (real, kind, bits) = type == ElementType.Float64 ? ('g', 'd', "b64") : ('f', 'r', "b32");
        string other = Set(real, $"selp.{number}", x, y, Set('p', $"setp.{better}.{number}", x, y));
        string same = Set(real, $"mov.{bits}", Set(kind, $"{ofBits}.{bits}", Set(kind, $"mov.{bits}", x), Set(kind, $"mov.{bits}", y)));
        string chosen = Set(real, $"selp.{number}", same, other, Set('p', $"setp.eq.{number}", x, y));
        return Set(real, $"selp.{number}", x, chosen, Set('p', $"setp.nan.{number}", x, x)); // y was taken where it is NaN
    }

    /// <summary>The type of a register for numbers that are computed in a type.</summary>
    protected static string NumberOf(ElementType type) => type == ElementType.Float64 ? "f64" : "f32";

    /// <summary>A word of a table.</summary>
    protected string Word(string entry, int offset) => Set('d', "ld.global.u64", $"[{entry}+{offset}]");

    protected static string Literal(int value, ElementType type) => type == ElementType.Float64
        ? $"0d{BitConverter.DoubleToUInt64Bits(value):X16}"
        : $"0f{BitConverter.SingleToUInt32Bits(value):X8}";

    /// <summary>Goes on at a label where a comparison holds.</summary>
    protected void GoTo(string label, string comparison, string a, string b)
    {
        string holds = Set('p', comparison, a, b);
        Write($"@{holds} bra", label);
    }

    protected void Label(string name) => text.Append(CultureInfo.InvariantCulture, $"{name}:\n");

    protected void Note(string note) => text.Append(CultureInfo.InvariantCulture, $"    // {note}\n");

    /// <summary>A new register of a kind.</summary>
    protected string New(char kind) => $"%{kind}{registers[kind]++}";

    /// <summary>An instruction that gives something; returns the register where it is.</summary>
    protected string Set(char kind, string instruction, params ReadOnlySpan<string> operands)
    {
        string register = New(kind);
        Write(instruction, [register, .. operands]);
        return register;
    }

    protected void Write(string instruction, params ReadOnlySpan<string> operands) =>
        text.Append(CultureInfo.InvariantCulture, $"    {instruction}{(operands.Length > 0 ? " " : "")}{string.Join(", ", operands)};\n");
}
