using System.Globalization;
using System.Text;

namespace OptimSharp.Engine;

/// <summary>
/// Writes a recorded rule as C: to read it, and to compile it where there is nothing better. With a compiler that keeps to IEEE 754 and does not fuse
/// (<c>-ffp-contract=off -frounding-math</c>) it gives the bits of the host's lanes, but which NaN it is.
/// </summary>
internal sealed class CSource
{
    // How tight an expression holds together, from loose to tight.
    const int Choice = 0, Sum = 1, Product = 2, Sign = 3, Whole = 4;

    readonly Recording recording;
    readonly KernelTypes types;
    readonly string number; // the type computed in
    readonly (string Text, int Tightness)[] values; // each value as it is written where it is used

    CSource(Recording recording, KernelTypes types)
    {
        this.recording = recording;
        this.types = types;
        number = Number(types.Compute);
        values = new (string, int)[recording.Instructions.Length];
    }

    /// <summary>What functions need before them in a file.</summary>
    public const string Prelude =
        """
        #include <math.h>
        #include <stdint.h>
        #include <string.h>

        // The larger and the smaller: NaN when either is, and +0 above -0.
        static inline float max_float(float x, float y) { return x > y || x != x || (x == y && !signbit(x)) ? x : y; }
        static inline float min_float(float x, float y) { return x < y || x != x || (x == y && signbit(x)) ? x : y; }
        static inline double max_double(double x, double y) { return x > y || x != x || (x == y && !signbit(x)) ? x : y; }
        static inline double min_double(double x, double y) { return x < y || x != x || (x == y && signbit(x)) ? x : y; }

        // A bfloat16 is the upper half of a float, rounded to nearest, ties to even.
        static inline float from_bfloat16(uint16_t bits)
        {
            uint32_t wide = (uint32_t)bits << 16;
            float x;
            memcpy(&x, &wide, sizeof x);
            return x;
        }
        static inline uint16_t to_bfloat16(float x)
        {
            uint32_t bits;
            memcpy(&bits, &x, sizeof bits);
            return x != x ? bits >> 16 | 0x40 : (bits + 0x7FFF + (bits >> 16 & 1)) >> 16;
        }

        """;

    /// <summary>A function that does a step of <c>count</c> elements, with the coefficients <c>k</c>.</summary>
    /// <param name="recording">What it does.</param>
    /// <param name="types">What the numbers are stored as.</param>
    /// <param name="name">The function's name.</param>
    public static string Function(Recording recording, KernelTypes types, string name) => new CSource(recording, types).Function(name);

    string Function(string name)
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"void {name}(int64_t count, const {number} *k, {Stored(types.Param)} *param, {(recording.Grad is null ? "const " : "")}{Stored(types.Grad)} *grad");
        for (int slot = 0; slot < recording.States.Length; slot++)
            text.Append(CultureInfo.InvariantCulture, $", {Stored(types.State(slot))} *state{slot}");
        text.Append(")\n{\n    for (int64_t i = 0; i < count; i++)\n    {\n");
        WriteValues(text);
        foreach (var (value, place, slot) in recording.Writes())
            text.Append(CultureInfo.InvariantCulture, $"        {Array(place, slot)}[i] = {Narrowed(values[value].Text, types.Of(place, slot))};\n");
        return text.Append("    }\n}\n").ToString();
    }

    /// <summary>What is read or used more than once has a name. The rest is written where it is used.</summary>
    void WriteValues(StringBuilder text)
    {
        int[] uses = recording.Uses();
        int names = 0;
        for (int i = 0; i < values.Length; i++)
        {
            var instruction = recording.Instructions[i];
            values[i] = Expression(instruction);
            if (uses[i] == 0 || !instruction.IsRead && (instruction.Operands == 0 || uses[i] == 1))
                continue;
            string name = instruction.IsRead ? Name(instruction.Operation, instruction.A) : $"x{names++}";
            text.Append(CultureInfo.InvariantCulture, $"        {number} {name} = {values[i].Text};\n");
            values[i] = (name, Whole);
        }
    }

    (string Text, int Tightness) Expression(Instruction x) => x.Operation switch
    {
        Operation.Literal => ($"{x.A}.0{(types.Compute == ElementType.Float64 ? "" : "f")}", x.A < 0 ? Sign : Whole),
        Operation.Coefficient => ($"k[{x.A}]", Whole),
        Operation.Param or Operation.Grad or Operation.State => (Widened($"{Array(x.Operation, x.A)}[i]", types.Of(x.Operation, x.A)), Whole),
        Operation.Negate => ($"-{Tight(x.A, Whole)}", Sign),
        Operation.Sqrt => (types.Compute == ElementType.Float64 ? $"sqrt({values[x.A].Text})" : $"sqrtf({values[x.A].Text})", Whole),
        Operation.Abs => (types.Compute == ElementType.Float64 ? $"fabs({values[x.A].Text})" : $"fabsf({values[x.A].Text})", Whole),
        Operation.AsParam => Rounded(x.A, types.Param),
        Operation.AsGrad => Rounded(x.A, types.Grad),
        Operation.Add => ($"{Tight(x.A, Sum)} + {Tight(x.B, Product)}", Sum),
        Operation.Subtract => ($"{Tight(x.A, Sum)} - {Tight(x.B, Product)}", Sum),
        Operation.Multiply => ($"{Tight(x.A, Product)} * {Tight(x.B, Sign)}", Product),
        Operation.Divide => ($"{Tight(x.A, Product)} / {Tight(x.B, Sign)}", Product),
        Operation.Max => ($"max_{number}({values[x.A].Text}, {values[x.B].Text})", Whole),
        Operation.Min => ($"min_{number}({values[x.A].Text}, {values[x.B].Text})", Whole),
        Operation.IfGreater => ($"{Tight(x.A, Sum)} > {Tight(x.B, Sum)} ? {Tight(x.C, Sum)} : {Tight(x.D, Sum)}", Choice),
        _ => throw new ArgumentOutOfRangeException(nameof(x), x.Operation, "No operation."),
    };

    /// <summary>A value as if it had been stored.</summary>
    (string Text, int Tightness) Rounded(int value, ElementType type) => type switch
    {
        ElementType.BFloat16 => (Widened(Narrowed(values[value].Text, type), type), Whole),
        ElementType.Float16 => ($"(float)({Stored(type)})({values[value].Text})", Sign),
        _ => values[value],
    };

    /// <summary>A value in brackets, where it would fall apart.</summary>
    string Tight(int value, int least) => values[value].Tightness < least ? $"({values[value].Text})" : values[value].Text;

    static string Array(Operation place, int slot) => place switch
    {
        Operation.Param => "param",
        Operation.Grad => "grad",
        _ => $"state{slot}",
    };

    static string Name(Operation place, int slot) => place switch
    {
        Operation.Param => "p",
        Operation.Grad => "g",
        _ => $"s{slot}",
    };

    static string Number(ElementType type) => type == ElementType.Float64 ? "double" : "float";

    static string Stored(ElementType type) => type switch
    {
        ElementType.BFloat16 => "uint16_t",
        ElementType.Float16 => "_Float16",
        _ => Number(type),
    };

    static string Widened(string text, ElementType type) => type == ElementType.BFloat16 ? $"from_bfloat16({text})" : text;

    static string Narrowed(string text, ElementType type) => type == ElementType.BFloat16 ? $"to_bfloat16({text})" : text;
}
