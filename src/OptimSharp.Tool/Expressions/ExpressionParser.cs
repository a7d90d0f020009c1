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

    Node Value()
    {
        if (++depth > Deepest)
            throw new ToolException($"The schedule has more than {Deepest} levels within each other.");
        int at = Now.At;
        Node value;
        if (Take("lambda"))
        {
            string parameter = Identifier("the name of the function's argument");
            Expect(":");
            value = new Function(parameter, Value(), at);
        }
        else
        {
            value = Level(0);
            if (Take("if"))
            {
                var condition = Level(0);
                Expect("else");
                value = new Choice(condition, value, Value(), at);
            }
        }
        depth--;
        return value;
    }

    Node Level(int level)
    {
        if (level == levels.Length)
            return Signed();
        int at = Now.At;
        if (level == 2 && Take("not"))
            return new Unary("not", Level(2), at);
        var left = Level(level + 1);
        while (levels[level].FirstOrDefault(Is) is { } sign)
        {
            next++;
            left = new Binary(sign, left, Level(level + 1), at);
        }
        return left;
    }

    Node Signed()
    {
        int at = Now.At;
        if (!Is("-") && !Is("+"))
            return Power();
        if (++depth > Deepest)
            throw new ToolException($"The schedule has more than {Deepest} levels within each other.");
        string sign = tokens[next++].Text;
        var value = Signed();
        depth--;
        return sign == "-" ? new Unary("-", value, at) : value;
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
            case TokenKind.Number when double.TryParse(token.Text, NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent, CultureInfo.InvariantCulture, out double number):
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
