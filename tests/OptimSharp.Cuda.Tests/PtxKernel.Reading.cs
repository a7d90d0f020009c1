using System.Globalization;
using System.Text.RegularExpressions;

namespace OptimSharp.Cuda.Tests;

// Reads a line of PTX.
sealed partial class PtxKernel
{
    Line Read(string text)
    {
        var parts = Statement().Match(text);
        if (!parts.Success)
            throw new NotSupportedException($"No instruction: {text}");
        int none = Number("1"), guard = parts.Groups["guard"] is { Success: true } given ? Register(given.Value, "pred", text) : none;
        string name = parts.Groups["name"].Value;
        string[] operands = [.. Operands().Matches(parts.Groups["operands"].Value).Select(m => m.Value)];
        var line = new Line(text, Action.Return, [Number("0")], [none], none, none, guard, 0, 0, null, null);
        if (name == "ret" && operands is [])
            return line;
        if (name == "bra" && operands is [var label])
            return line with { Action = Action.Branch, Target = label };
        if (name.StartsWith("ld.param.", StringComparison.Ordinal) && operands is [var register, var parameter])
        {
            var (kind, _) = PtxInstructions.Memory[name["ld.param.".Length..]];
            return line with { Action = Action.LoadParameter, Results = [Register(register, kind, text)], A = [Register(parameter.Trim('[', ']'), kind, text)] };
        }
        if (name.StartsWith("ld.global.", StringComparison.Ordinal) && operands is [var result, var from])
        {
            var (kind, bytes, width) = Stored(name["ld.global.".Length..]);
            var (address, offset) = Address(from, text);
            return line with { Action = Action.Load, Results = Registers(result, kind, width, text), A = [address], Offset = offset, Bytes = bytes };
        }
        if (name.StartsWith("st.global.", StringComparison.Ordinal) && operands is [var to, var stored])
        {
            var (kind, bytes, width) = Stored(name["st.global.".Length..]);
            var (address, offset) = Address(to, text);
            return line with { Action = Action.Store, A = [address, .. Registers(stored, kind, width, text)], Offset = offset, Bytes = bytes };
        }
        if (!PtxInstructions.All.TryGetValue(name, out var instruction) || operands.Length != 1 + instruction.Operands.Length)
            throw new NotSupportedException($"No instruction that is known: {text}");
        int[] at = [.. instruction.Operands.Select((kind, i) => Operand(operands[i + 1], kind, text)), none, none];
        return line with { Action = Action.Compute, Results = [Register(operands[0], instruction.Result, text)], A = [at[0]], B = at[1], C = at[2], Do = instruction.Do };
    }

    /// <summary>What is loaded or stored: registers of which kind, the bytes of each, and how many: at most 16 bytes at once.</summary>
    static (string Kind, int Bytes, int Width) Stored(string type)
    {
        int width = type.StartsWith("v2.", StringComparison.Ordinal) ? 2 : type.StartsWith("v4.", StringComparison.Ordinal) ? 4 : 1;
        var (kind, bytes) = PtxInstructions.Memory[width == 1 ? type : type[3..]];
        return width * bytes <= 16 ? (kind, bytes, width) : throw new NotSupportedException($"{type} is more than 16 bytes.");
    }

    /// <summary>A register, or several in braces.</summary>
    int[] Registers(string text, string kind, int width, string line)
    {
        string[] names = width == 1 ? [text] : [.. text.Trim('{', '}').Split(", ")];
        return names.Length == width && text.StartsWith('{') == width > 1 ? [.. names.Select(name => Register(name, kind, line))] : throw new NotSupportedException($"Not {width} registers: {line}");
    }

    int Register(string name, string kind, string text) => kinds.TryGetValue(name, out string? declared) && kind.Split('|').Contains(declared) ? places[name]
        : throw new NotSupportedException($"{name} is no register of kind {kind}: {text}");

    /// <summary>A register, or a number of the kind: hexadecimal bits for floating point.</summary>
    int Operand(string name, string kind, string text)
    {
        string digits = kind switch { "f32" => @"^0f[0-9A-F]{8}$", "f64" => @"^0d[0-9A-F]{16}$", "b32" or "b64" => @"^\d+$", _ => "$^" };
        return Regex.IsMatch(name, digits) ? Number(name) : Register(name, kind, text);
    }

    int Number(string text)
    {
        if (places.TryGetValue(text, out int place))
            return place;
        ulong value = text.StartsWith("0f", StringComparison.Ordinal) || text.StartsWith("0d", StringComparison.Ordinal)
            ? ulong.Parse(text[2..], NumberStyles.HexNumber, CultureInfo.InvariantCulture)
            : ulong.Parse(text, CultureInfo.InvariantCulture);
        return Declare(text, "number", value);
    }

    (int Register, long Offset) Address(string text, string line)
    {
        var parts = Place().Match(text);
        return parts.Success ? (Register(parts.Groups[1].Value, "b64", line), parts.Groups[2] is { Success: true } offset ? long.Parse(offset.Value, CultureInfo.InvariantCulture) : 0)
            : throw new NotSupportedException($"No address: {line}");
    }

    [GeneratedRegex(@"^(@(?<guard>%\w+) )?(?<name>[a-z][a-z0-9.]*)( (?<operands>[^;]+))?;$")]
    private static partial Regex Statement();

    [GeneratedRegex(@"\{[^}]*\}|[^, ][^,]*")]
    private static partial Regex Operands();

    [GeneratedRegex(@"^\[(%\w+)(?:\+(\d+))?\]$")]
    private static partial Regex Place();
}
