namespace OptimSharp.Tool;

/// <summary>Python's functions of numbers, and those of its module <c>math</c>.</summary>
static class PythonFunction
{
    static readonly Dictionary<string, Func<double, double>> fractions = new()
    {
        ["sqrt"] = Math.Sqrt, ["exp"] = Math.Exp, ["log"] = Math.Log, ["log2"] = Math.Log2, ["log10"] = Math.Log10, ["sin"] = Math.Sin, ["cos"] = Math.Cos, ["tan"] = Math.Tan, ["tanh"] = Math.Tanh,
    };

    static readonly Dictionary<string, Func<double, double>> wholes = new()
    {
        ["floor"] = Math.Floor, ["ceil"] = Math.Ceiling, ["int"] = Math.Truncate, ["round"] = x => Math.Round(x, MidpointRounding.ToEven),
    };

    static readonly string[] others = ["min", "max", "pow", "abs", "float"];

    /// <exception cref="ToolException">There is no such function, or no such number.</exception>
    public static object Of(Call call, object[] values)
    {
        string name = call.Function.StartsWith("math.", StringComparison.Ordinal) ? call.Function[5..] : call.Function;
        return (name, values) switch
        {
            ("min", [var first, _, ..]) => values.Aggregate(first, (least, x) => PythonNumber.Holds(x, "<", least) ? x : least),
            ("max", [var first, _, ..]) => values.Aggregate(first, (most, x) => PythonNumber.Holds(x, ">", most) ? x : most),
            ("pow", [var a, var b]) when call.Function == "math.pow" => PythonNumber.Power(PythonNumber.Fraction(a), PythonNumber.Fraction(b), call.At),
            ("pow", [var a, var b]) => PythonNumber.Power(a, b, call.At),
            ("log", [var x, var b]) => Checked(call, Math.Log, x) / Checked(call, Math.Log, b) is var log && double.IsFinite(log) ? log : throw NoValue(call),
            ("abs", [long x]) => Math.Abs(x),
            ("abs", [double x]) => Math.Abs(x),
            ("float", [var x]) => PythonNumber.Fraction(x),
            (_, [long x]) when wholes.ContainsKey(name) => x,
            (_, [double x]) when wholes.TryGetValue(name, out var function) => PythonNumber.Whole(function(x), call.At),
            (_, [var x]) when fractions.TryGetValue(name, out var function) => Checked(call, function, x),
            _ when fractions.ContainsKey(name) || wholes.ContainsKey(name) || others.Contains(name) => throw new ToolException($"{call.Function} at character {call.At + 1} of the schedule does not take {values.Length} {(values.Length == 1 ? "number" : "numbers")}."),
            _ => throw new ToolException($"There is no function '{call.Function}' (character {call.At + 1} of the schedule); there are {string.Join(", ", others.Concat(fractions.Keys).Concat(wholes.Keys))}."),
        };
    }

    /// <summary>Of numbers that are some, where Python raises an error instead of giving none.</summary>
    static double Checked(Call call, Func<double, double> function, object number)
    {
        double x = PythonNumber.Fraction(number), y = function(x);
        return double.IsFinite(y) || double.IsNaN(x) || double.IsInfinity(x) && double.IsInfinity(y) ? y
            : call.Function.EndsWith("exp", StringComparison.Ordinal) ? throw PythonNumber.TooLarge(call.At) : throw NoValue(call);
    }

    static ToolException NoValue(Call call) => new($"{call.Function} at character {call.At + 1} of the schedule is given a number that it has no value for.");
}
