namespace OptimSharp.Tool;

/// <summary>Works out what an expression of numbers is, as Python does. Numbers are doubles, whole ones too.</summary>
static class Arithmetic
{
    static readonly Dictionary<string, Func<double, double>> functions = new()
    {
        ["abs"] = Math.Abs, ["sqrt"] = Math.Sqrt, ["exp"] = Math.Exp, ["log"] = Math.Log, ["log2"] = Math.Log2, ["log10"] = Math.Log10, ["sin"] = Math.Sin, ["cos"] = Math.Cos, ["tan"] = Math.Tan,
        ["tanh"] = Math.Tanh, ["floor"] = Math.Floor, ["ceil"] = Math.Ceiling, ["int"] = Math.Truncate, ["float"] = x => x, ["round"] = x => Math.Round(x, MidpointRounding.ToEven),
    };

    /// <summary>A number.</summary>
    /// <param name="node">The expression.</param>
    /// <param name="parameter">The name of a function's argument; null outside of one.</param>
    /// <param name="argument">Its value.</param>
    /// <exception cref="ToolException">It is no number.</exception>
    public static double Number(Node node, string? parameter = null, double argument = 0) => Of(node, parameter, argument) switch
    {
        double number => number,
        bool flag => flag ? 1 : 0,
        _ => throw new ToolException($"There should be a number at character {node.At + 1} of the schedule."),
    };

    /// <summary>A number, a bool, a text or null.</summary>
    public static object? Of(Node node, string? parameter = null, double argument = 0)
    {
        switch (node)
        {
            case Constant constant:
                return constant.Value;
            case Name name when name.Text == parameter:
                return argument;
            case Name { Text: "math.pi" or "pi" }:
                return Math.PI;
            case Name { Text: "math.e" }:
                return Math.E;
            case Name { Text: "math.inf" or "inf" }:
                return double.PositiveInfinity;
            case Name name:
                throw new ToolException($"The schedule has '{name.Text}' at character {name.At + 1}, and nothing says what it is.");
            case Unary { Sign: "-" } minus:
                return -Number(minus.Value, parameter, argument);
            case Unary not:
                return !IsTrue(not.Value, parameter, argument);
            case Choice choice:
                return Of(IsTrue(choice.Condition, parameter, argument) ? choice.Then : choice.Else, parameter, argument);
            case Binary { Sign: "and" } and:
                return IsTrue(and.Left, parameter, argument) ? Of(and.Right, parameter, argument) : Of(and.Left, parameter, argument);
            case Binary { Sign: "or" } or:
                return IsTrue(or.Left, parameter, argument) ? Of(or.Left, parameter, argument) : Of(or.Right, parameter, argument);
            case Binary binary:
                return Of(binary, Number(binary.Left, parameter, argument), Number(binary.Right, parameter, argument));
            case Call call:
                return Of(call, [.. call.Arguments.Select(a => Number(a, parameter, argument))]);
            default:
                throw new ToolException($"There should be a number at character {node.At + 1} of the schedule.");
        }
    }

    static bool IsTrue(Node node, string? parameter, double argument) => Of(node, parameter, argument) switch
    {
        bool flag => flag,
        double number => number != 0,
        string text => text.Length > 0,
        _ => false,
    };

    static object Of(Binary node, double a, double b) => node.Sign switch
    {
        "+" => a + b,
        "-" => a - b,
        "*" => a * b,
        "/" => b != 0 ? a / b : throw DividedByZero(node),
        "//" => b != 0 ? Math.Floor(a / b) : throw DividedByZero(node),
        "%" => b != 0 ? a - b * Math.Floor(a / b) : throw DividedByZero(node),
        "**" => Math.Pow(a, b),
        "<" => a < b,
        ">" => a > b,
        "<=" => a <= b,
        ">=" => a >= b,
        "==" => a == b,
        _ => a != b,
    };

    static double Of(Call call, double[] values)
    {
        string name = call.Function.Replace("math.", "", StringComparison.Ordinal);
        return (name, values) switch
        {
            ("min", { Length: > 0 }) => values.Min(),
            ("max", { Length: > 0 }) => values.Max(),
            ("pow", [var a, var b]) => Math.Pow(a, b),
            (_, [var x]) when functions.TryGetValue(name, out var function) => function(x),
            _ when functions.ContainsKey(name) || name is "min" or "max" or "pow" => throw new ToolException($"{call.Function} at character {call.At + 1} of the schedule does not take {values.Length} numbers."),
            _ => throw new ToolException($"There is no function '{call.Function}' (character {call.At + 1} of the schedule); there are min, max, pow, {string.Join(", ", functions.Keys)}."),
        };
    }

    static ToolException DividedByZero(Node node) => new($"The schedule divides by zero at character {node.At + 1}.");
}
