namespace OptimSharp.Tool;

/// <summary>What a piece of an expression is.</summary>
enum TokenKind
{
    Number,
    Text,
    Name,
    Sign,
    End,
}

/// <summary>A piece of an expression.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Text">Its letters; of a text what is between the quotes.</param>
/// <param name="At">Where it begins, from 0.</param>
readonly record struct Token(TokenKind Kind, string Text, int At)
{
    static readonly string[] signs = ["**", "//", "<=", ">=", "==", "!=", "+", "-", "*", "/", "%", "(", ")", "[", "]", ",", "=", ":", ".", "<", ">"];

    /// <summary>The pieces of an expression of Python's, an end last.</summary>
    /// <exception cref="ToolException">It has what no such expression has.</exception>
    public static List<Token> Of(string expression)
    {
        var tokens = new List<Token>();
        int at = 0;
        while (true)
        {
            while (at < expression.Length && char.IsWhiteSpace(expression[at]))
                at++;
            if (at == expression.Length)
            {
                tokens.Add(new(TokenKind.End, "the end", at));
                return tokens;
            }
            char c = expression[at];
            int end = at;
            if (char.IsAsciiDigit(c) || c == '.' && at + 1 < expression.Length && char.IsAsciiDigit(expression[at + 1]))
            {
                end = EndOfNumber(expression, at);
                tokens.Add(new(TokenKind.Number, expression[at..end], at));
            }
            else if (char.IsAsciiLetter(c) || c == '_')
            {
                while (end < expression.Length && (char.IsAsciiLetterOrDigit(expression[end]) || expression[end] == '_'))
                    end++;
                tokens.Add(new(TokenKind.Name, expression[at..end], at));
            }
            else if (c is '\'' or '"')
            {
                int close = expression.IndexOf(c, at + 1);
                if (close < 0)
                    throw Error(expression, at, "a text that does not end");
                end = close + 1;
                tokens.Add(new(TokenKind.Text, expression[(at + 1)..close], at));
            }
            else
            {
                string rest = expression[at..];
                string sign = signs.FirstOrDefault(s => rest.StartsWith(s, StringComparison.Ordinal)) ?? throw Error(expression, at, $"'{c}', which has no meaning here");
                end = at + sign.Length;
                tokens.Add(new(TokenKind.Sign, sign, at));
            }
            at = end;
        }
    }

    /// <summary>What is wrong, and where.</summary>
    public static ToolException Error(string expression, int at, string what) =>
        new($"In the schedule '{expression}' there is {what}, at character {at + 1}.");

    static int EndOfNumber(string expression, int at)
    {
        while (at < expression.Length && (char.IsAsciiDigit(expression[at]) || expression[at] is '.' or '_'))
            at++;
        if (at < expression.Length && expression[at] is 'e' or 'E')
        {
            int digits = at + 1 < expression.Length && expression[at + 1] is '+' or '-' ? at + 2 : at + 1;
            if (digits < expression.Length && char.IsAsciiDigit(expression[digits]))
            {
                for (at = digits; at < expression.Length && char.IsAsciiDigit(expression[at]);)
                    at++;
            }
        }
        return at;
    }
}
