using System.Globalization;

namespace OptimSharp.Tool;

/// <summary>
/// Reads an expression of Python's, of those that make schedulers: calls with arguments by place and by name, numbers, texts, lists and tuples, arithmetic, comparisons,
/// <c>… if … else …</c> and <c>lambda</c>. It is only ever read here, never given to Python.
/// </summary>
sealed class ExpressionParser
{
    const int Deepest = 100;

    /// <summary>Operators between values, those that bind least first.</summary>
    static readonly string[][] levels = [["or"], ["and"], ["<", ">", "<=", ">=", "==", "!="], ["+", "-"], ["*", "/", "//", "%"]];

    const int Comparisons = 2;

    readonly string expression;
    readonly List<Token> tokens;
    int next, depth;

    ExpressionParser(string expression) => (this.expression, tokens) = (expression, Token.Of(expression));

    /// <exception cref="ToolException">It is none, which says where.</exception>
    public static Node Parse(string expression)
    {
        if (expression.Length > 4096)
            throw new ToolException($"The schedule has {expression.Length} letters; it may have 4096.");
        var parser = new ExpressionParser(expression);
        var node = parser.Value();
        return parser.Now.Kind == TokenKind.End ? node : throw parser.Unexpected("an operator or the end");
    }

    Token Now => tokens[next];

    Node Value() => Deeper(() =>
    {
        int at = Now.At;
        if (Take("lambda"))
        {
            string parameter = Identifier("the name of the function's argument");
            Expect(":");
            return new Function(parameter, Value(), at);
        }
        var value = Level(0);
        if (!Take("if"))
            return value;
        var condition = Level(0);
        Expect("else");
        return new Choice(condition, value, Value(), at);
    });

    Node Deeper(Func<Node> read)
    {
        if (++depth > Deepest)
            throw new ToolException($"The schedule has more than {Deepest} levels within each other.");
        var node = read();
        depth--;
        return node;
    }

    Node Level(int level)
    {
        if (level == levels.Length)
            return Signed();
        int at = Now.At;
        if (level == Comparisons)
            return Compared();
        var left = Level(level + 1);
        while (levels[level].FirstOrDefault(Is) is { } sign)
        {
            next++;
            left = new Binary(sign, left, Level(level + 1), at);
        }
        return left;
    }

    Node Compared()
    {
        int at = Now.At;
        if (Take("not"))
            return new Unary("not", Deeper(Compared), at);
        var first = Level(Comparisons + 1);
        var rest = new List<(string, Node)>();
        while (levels[Comparisons].FirstOrDefault(Is) is { } sign)
        {
            next++;
            rest.Add((sign, Level(Comparisons + 1)));
        }
        return rest.Count == 0 ? first : new Comparison(first, rest, at);
    }

    Node Signed()
    {
        int at = Now.At;
        if (!Is("-") && !Is("+"))
            return Power();
        string sign = tokens[next++].Text;
        return new Unary(sign, Deeper(Signed), at);
    }

    Node Power()
    {
        var left = Primary();
        return Take("**") ? new Binary("**", left, Signed(), left.At) : left; // binds closer than a sign before, less close than one after
    }

    Node Primary()
    {
        var token = Now;
        next++;
        switch (token.Kind)
        {
            case TokenKind.Number when NumberOf(token) is { } number:
                return new Constant(number, token.At);
            case TokenKind.Text:
                return new Constant(token.Text, token.At);
            case TokenKind.Name when token.Text is "True" or "true":
                return new Constant(true, token.At);
            case TokenKind.Name when token.Text is "False" or "false":
                return new Constant(false, token.At);
            case TokenKind.Name when token.Text is "None" or "null":
                return new Constant(null, token.At);
            case TokenKind.Name when token.Text is not ("if" or "else" or "lambda" or "and" or "or" or "not"):
                return Named(token);
            case TokenKind.Sign when token.Text == "[":
                return new Items(List("]"), token.At);
            case TokenKind.Sign when token.Text == "(":
                return Parenthesis(token.At);
            default:
                next--;
                throw Unexpected("a value");
        }
    }

    /// <summary>A whole number or a fraction; null for what is none in Python either: <c>1.2.3</c>, <c>1__0</c>, <c>012</c>.</summary>
    static object? NumberOf(Token token)
    {
        string text = token.Text;
        bool isWhole = text.All(c => char.IsAsciiDigit(c) || c == '_');
        if (text.Contains("__", StringComparison.Ordinal) || text.Contains("_.", StringComparison.Ordinal) || text.Contains("._", StringComparison.Ordinal) || text.Contains("_e", StringComparison.OrdinalIgnoreCase) || text.Contains("e_", StringComparison.OrdinalIgnoreCase) || text.EndsWith('_') || isWhole && text[0] == '0' && text.Any(c => c is not ('0' or '_')))
            return null;
        text = text.Replace("_", "", StringComparison.Ordinal);
        return !double.TryParse(text, NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent, CultureInfo.InvariantCulture, out double number) ? null
            : isWhole ? (object)PythonNumber.Whole(Int128.TryParse(text, CultureInfo.InvariantCulture, out var whole) ? whole : Int128.MaxValue, token.At) : number;
    }

    Node Named(Token first)
    {
        string name = first.Text;
        while (Take("."))
            name += "." + Identifier("a name");
        if (!Take("("))
            return new Name(name, first.At);
        var arguments = new List<Node>();
        var named = new List<(string, Node)>();
        while (!Take(")"))
        {
            if (Now.Kind == TokenKind.Name && tokens[next + 1].Text == "=" && tokens[next + 1].Kind == TokenKind.Sign)
            {
                string argument = Identifier("an argument");
                Expect("=");
                named.Add((argument, Value()));
            }
            else if (named.Count > 0)
            {
                throw Unexpected("an argument with its name, after others with names");
            }
            else
            {
                arguments.Add(Value());
            }
            if (!Is(")"))
                Comma(")");
        }
        return new Call(name, arguments, named, first.At);
    }

    /// <summary>One value in parentheses is itself; several, or one with a comma, are a tuple.</summary>
    Node Parenthesis(int at)
    {
        if (Take(")"))
            return new Items([], at);
        var first = Value();
        if (Take(")"))
            return first;
        Expect(",");
        return new Items([first, .. List(")")], at);
    }

    List<Node> List(string end)
    {
        var values = new List<Node>();
        while (!Take(end))
        {
            values.Add(Value());
            if (!Is(end))
                Comma(end);
        }
        return values;
    }

    bool Is(string text) => Now.Kind is TokenKind.Sign or TokenKind.Name && Now.Text == text;

    bool Take(string text)
    {
        if (!Is(text))
            return false;
        next++;
        return true;
    }

    void Expect(string text)
    {
        if (!Take(text))
            throw Unexpected($"'{text}'");
    }

    void Comma(string end)
    {
        if (!Take(","))
            throw Unexpected($"',' or '{end}'");
    }

    string Identifier(string what) => Now.Kind == TokenKind.Name ? tokens[next++].Text : throw Unexpected(what);

    ToolException Unexpected(string expected) => Token.Error(expression, Now.At, $"{(Now.Kind == TokenKind.End ? "the end" : $"'{Now.Text}'")} where {expected} should be");
}
