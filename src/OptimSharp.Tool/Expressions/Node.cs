namespace OptimSharp.Tool;

/// <summary>A part of an expression.</summary>
/// <param name="At">Where it begins, from 0.</param>
abstract record Node(int At);

/// <summary>A whole number, a fraction, a text, True, False or None.</summary>
sealed record Constant(object? Value, int At) : Node(At);

/// <summary>A name, with dots or without: <c>optimizer</c>, <c>math.pi</c>.</summary>
sealed record Name(string Text, int At) : Node(At);

/// <summary>A list or tuple.</summary>
sealed record Items(IReadOnlyList<Node> Values, int At) : Node(At);

/// <summary>A call: of a scheduler, or of a function of numbers.</summary>
sealed record Call(string Function, IReadOnlyList<Node> Arguments, IReadOnlyList<(string Name, Node Value)> Named, int At) : Node(At);

/// <summary>One operator before a value: <c>-</c>, <c>+</c>, <c>not</c>.</summary>
sealed record Unary(string Sign, Node Value, int At) : Node(At);

/// <summary>An operator between two values.</summary>
sealed record Binary(string Sign, Node Left, Node Right, int At) : Node(At);

/// <summary>Comparisons in a row: <c>5 &lt;= e &lt; 10</c> is <c>5 &lt;= e and e &lt; 10</c>.</summary>
sealed record Comparison(Node First, IReadOnlyList<(string Sign, Node Value)> Rest, int At) : Node(At);

/// <summary><c>a if condition else b</c>.</summary>
sealed record Choice(Node Condition, Node Then, Node Else, int At) : Node(At);

/// <summary>A function of one number: <c>lambda epoch: 0.95 ** epoch</c>.</summary>
sealed record Function(string Parameter, Node Body, int At) : Node(At);
