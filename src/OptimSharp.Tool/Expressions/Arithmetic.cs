namespace OptimSharp.Tool;

/// <summary>Works out what an expression is, as Python does: with whole numbers (<see cref="long"/>), fractions (<see cref="double"/>), flags, texts and None.</summary>
/// <param name="parameter">The name of a function's argument; null outside of one.</param>
/// <param name="argument">Its value.</param>
sealed class Arithmetic(string? parameter, long argument)
{
    /// <summary>A number.</summary>
    /// <inheritdoc cref="Of(Node, string?, long)"/>
    public static double Number(Node node, string? parameter = null, long argument = 0) => PythonNumber.Fraction(new Arithmetic(parameter, argument).Number(node));

    /// <summary>A number, a bool, a text or null.</summary>
    /// <param name="node">The expression.</param>
    /// <param name="parameter">The name of a function's argument; null outside of one.</param>
    /// <param name="argument">Its value.</param>
    /// <exception cref="ToolException">It can't be worked out: Python would raise an error, or have a number that there is none of here.</exception>
    public static object? Of(Node node, string? parameter = null, long argument = 0) => new Arithmetic(parameter, argument).Of(node);

    object? Of(Node node) => node switch
    {
        Constant constant => constant.Value,
        Name name when name.Text == parameter => argument,
        Name name => Known(name),
        Unary { Sign: "not" } not => !IsTrue(Of(not.Value)),
        Unary sign => PythonNumber.Signed(sign, Number(sign.Value)),
        Choice choice => Of(IsTrue(Of(choice.Condition)) ? choice.Then : choice.Else),
        Binary { Sign: "and" or "or" } both => Either(both),
        Binary binary => PythonNumber.Of(binary, Number(binary.Left), Number(binary.Right)),
        Comparison comparison => Compare(comparison),
        Call { Named.Count: 0 } call => PythonFunction.Of(call, [.. call.Arguments.Select(Number)]),
        Call call => throw new ToolException($"{call.Function} at character {call.At + 1} of the schedule takes its numbers by place, without '{call.Named[0].Name}='."),
        _ => throw NoNumber(node),
    };

    object Number(Node node) => Of(node) switch
    {
        (long or double) and var number => number,
        bool flag => flag ? 1L : 0L,
        _ => throw NoNumber(node),
    };

    /// <summary><c>and</c> and <c>or</c> give the value that decided.</summary>
    object? Either(Binary both)
    {
        object? left = Of(both.Left);
        return IsTrue(left) == (both.Sign == "and") ? Of(both.Right) : left;
    }

    /// <summary>Each neighbour with the next: what stands after one that is false is not looked at.</summary>
    bool Compare(Comparison comparison)
    {
        object left = Number(comparison.First);
        foreach (var (sign, node) in comparison.Rest)
        {
            object right = Number(node);
            if (!PythonNumber.Holds(left, sign, right))
                return false;
            left = right;
        }
        return true;
    }

    static double Known(Name name) => name.Text switch
    {
        "math.pi" or "pi" => Math.PI,
        "math.tau" => Math.Tau,
        "math.e" => Math.E,
        "math.inf" or "inf" => double.PositiveInfinity,
        _ => throw new ToolException($"The schedule has '{name.Text}' at character {name.At + 1}, and nothing says what it is."),
    };

    static bool IsTrue(object? value) => value switch
    {
        bool flag => flag,
        long number => number != 0,
        double number => number != 0,
        string text => text.Length > 0,
        _ => false,
    };

    static ToolException NoNumber(Node node) => new($"There should be a number at character {node.At + 1} of the schedule.");
}
