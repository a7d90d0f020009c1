using System.Globalization;

namespace OptimSharp;

/// <summary>A pattern of names without alternatives.</summary>
internal sealed class NameForm
{
    /// <summary>What stands for a number.</summary>
    public const string Number = "{i}";

    const string Any = "*", AnySegments = "**";

    readonly string[][] segments; // each of its tokens: *, {i}, or characters that stand for themselves
    readonly bool[] isAny;        // whether the segment is **

    /// <exception cref="FormatException">It can't be one; the message goes on after the pattern.</exception>
    public NameForm(string text)
    {
        string[] parts = text.Split('.');
        if (parts.Contains(""))
            throw new FormatException(text.Length == 0 ? "is empty." : "has an empty segment.");
        isAny = [.. parts.Select(part => part == AnySegments)];
        segments = [.. parts.Select(part => part == AnySegments ? [AnySegments] : Tokens(part))];
        Numbers = segments.Sum(tokens => tokens.Count(token => token == Number));
    }

    /// <summary>How many numbers it has.</summary>
    public int Numbers { get; }

    /// <summary>Whether it is for a name.</summary>
    /// <param name="name">The segments of the name.</param>
    /// <param name="number">The number in it; −1 when that is more than there is room for.</param>
    public bool Matches(string[] name, out int number)
    {
        // The usual way with wildcards: what follows one is looked for at each later place in turn. Only the last wildcard need be tried further, for what is between two of them is best at its first place.
        number = 0;
        int segment = 0, at = 0, lastAny = -1, tried = 0;
        while (true)
        {
            if (segment < segments.Length && isAny[segment])
                (lastAny, tried) = (segment++, at);
            else if (segment == segments.Length && at == name.Length)
                return true;
            else if (segment < segments.Length && at < name.Length && Matches(segments[segment], name[at], ref number))
                (segment, at) = (segment + 1, at + 1);
            else if (lastAny >= 0 && tried < name.Length)
                (segment, at) = (lastAny + 1, ++tried);
            else
                return false;
        }
    }

    static bool Matches(string[] tokens, string text, ref int number)
    {
        int token = 0, at = 0, lastAny = -1, tried = 0;
        while (true)
        {
            if (token < tokens.Length && tokens[token] == Any)
                (lastAny, tried) = (token++, at);
            else if (token == tokens.Length && at == text.Length)
                return true;
            else if (token < tokens.Length && Length(tokens[token], text, at, ref number) is > 0 and var length)
                (token, at) = (token + 1, at + length);
            else if (lastAny >= 0 && tried < text.Length)
                (token, at) = (lastAny + 1, ++tried);
            else
                return false;
        }
    }

    /// <summary>The characters that a token stands for at a place; 0: it does not.</summary>
    static int Length(string token, string text, int at, ref int number)
    {
        if (token != Number)
            return string.CompareOrdinal(text, at, token, 0, token.Length) == 0 ? token.Length : 0;
        int end = at;
        while (end < text.Length && char.IsAsciiDigit(text[end]))
            end++;
        bool isWhole = end > at && (at == 0 || !char.IsAsciiDigit(text[at - 1]));
        if (!isWhole)
            return 0;
        number = int.TryParse(text.AsSpan(at, end - at), NumberStyles.None, CultureInfo.InvariantCulture, out int read) ? read : -1;
        return end - at;
    }

    static string[] Tokens(string segment)
    {
        var tokens = new List<string>();
        for (int i = 0, start = 0; i <= segment.Length; i++)
        {
            string? token = i == segment.Length ? "" : segment[i] == '*' ? Any : segment.AsSpan(i).StartsWith(Number) ? Number : null;
            if (token is null)
                continue;
            if (i > start)
                tokens.Add(segment[start..i]);
            if (token == Any && tokens.Count > 0 && tokens[^1] == Any)
                throw new FormatException($"has '**' within the segment '{segment}': it stands for whole segments.");
            if (token.Length > 0)
                tokens.Add(token);
            start = i + token.Length;
            i = Math.Max(i, start - 1);
        }
        return [.. tokens];
    }

    /// <summary>The usual edit distance, in which what wildcards stand for costs nothing.</summary>
    public int Distance(string name)
    {
        var before = new int[name.Length + 1];
        for (int i = 0; i <= name.Length; i++)
            before[i] = i;
        foreach (string token in segments.SelectMany((tokens, i) => i == 0 ? tokens : tokens.Prepend(".")))
        {
            bool isWild = token is Any or AnySegments or Number;
            foreach (char c in isWild ? "*" : token)
            {
                var row = new int[name.Length + 1];
                row[0] = before[0] + (isWild ? 0 : 1);
                for (int i = 1; i <= name.Length; i++)
                {
                    row[i] = isWild
                        ? Math.Min(before[i], row[i - 1] + (StandsFor(token, name[i - 1]) ? 0 : 1))
                        : Math.Min(Math.Min(before[i], row[i - 1]) + 1, before[i - 1] + (c == name[i - 1] ? 0 : 1));
                }
                before = row;
            }
        }
        return before[^1];

        static bool StandsFor(string wild, char c) => wild switch
        {
            AnySegments => true,
            Any => c != '.',
            _ => char.IsAsciiDigit(c),
        };
    }
}
