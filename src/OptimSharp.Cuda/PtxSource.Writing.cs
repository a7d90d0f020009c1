using System.Globalization;

namespace OptimSharp.Cuda;

// Instructions, registers, and numbers as they are stored.
internal sealed partial class PtxSource
{
    string Load(string address, ElementType type)
    {
        switch (type)
        {
            case ElementType.BFloat16: // the upper half of a float
                string half = Set('r', "cvt.u32.u16", Set('h', "ld.global.u16", $"[{address}]"));
                return Set('f', "mov.b32", Set('r', "shl.b32", half, "16"));
            case ElementType.Float16:
                return Set('f', "cvt.f32.f16", Set('h', "ld.global.b16", $"[{address}]"));
            default:
                return Set('f', $"ld.global.{number}", $"[{address}]");
        }
    }

    void Store(string address, ElementType type, string value)
    {
        switch (type)
        {
            case ElementType.BFloat16: // to nearest, ties to even; a NaN stays one
                string bits = Set('r', "mov.b32", value), upper = Set('r', "shr.u32", bits, "16"), odd = Set('r', "and.b32", upper, "1");
                string rounded = Set('r', "shr.u32", Set('r', "add.u32", Set('r', "add.u32", bits, "32767"), odd), "16");
                string chosen = Set('r', "selp.b32", Set('r', "or.b32", upper, "64"), rounded, Set('p', "setp.nan.f32", value, value));
                Write("st.global.u16", $"[{address}]", Set('h', "cvt.u16.u32", chosen));
                break;
            case ElementType.Float16:
                Write("st.global.b16", $"[{address}]", Set('h', "cvt.rn.f16.f32", value));
                break;
            default:
                Write($"st.global.{number}", $"[{address}]", value);
                break;
        }
    }

    string Word(string entry, int offset) => Set('d', "ld.global.u64", $"[{entry}+{offset}]");

    string Literal(int value) => isDouble
        ? $"0d{BitConverter.DoubleToUInt64Bits(value):X16}"
        : $"0f{BitConverter.SingleToUInt32Bits(value):X8}";

    /// <summary>Leaves the loop where a comparison holds.</summary>
    void Exit(string comparison, string a, string b, string label)
    {
        string leaves = Set('p', comparison, a, b);
        Write($"@{leaves} bra", label);
    }

    void Label(string name) => text.Append(CultureInfo.InvariantCulture, $"{name}:\n");

    void Note(string note) => text.Append(CultureInfo.InvariantCulture, $"    // {note}\n");

    /// <summary>A new register of a kind.</summary>
    string New(char kind) => $"%{kind}{registers[kind]++}";

    /// <summary>An instruction that gives something; returns the register where it is.</summary>
    string Set(char kind, string instruction, params ReadOnlySpan<string> operands)
    {
        string register = New(kind);
        Write(instruction, [register, .. operands]);
        return register;
    }

    void Write(string instruction, params ReadOnlySpan<string> operands) =>
        text.Append(CultureInfo.InvariantCulture, $"    {instruction}{(operands.Length > 0 ? " " : "")}{string.Join(", ", operands)};\n");

    string Head(string name)
    {
        var kinds = new (char Kind, string Type)[] { ('p', "pred"), ('h', "b16"), ('r', "b32"), ('d', "b64"), ('f', number) };
        var declared = from k in kinds where registers[k.Kind] > 0 select $"    .reg .{k.Type} %{k.Kind}<{registers[k.Kind]}>;\n";
        return $$"""
            .version 6.0
            .target sm_60
            .address_size 64

            .visible .entry {{name}}(.param .u64 chunks, .param .u64 rows, .param .u32 count)
            {
            {{string.Concat(declared)}}

            """;
    }
}
