using System.Globalization;

namespace OptimSharp;

/// <summary>
/// A pattern of parameters' names. Both are split at their dots: <c>*</c> stands for any characters within a segment, also none; <c>**</c> for any number of segments, also none; <c>{i}</c> for a
/// whole number, with all its digits; <c>{a,b}</c> for one of several. All other characters stand for themselves.
/// </summary>
internal sealed class NamePattern
{
    const int MostForms = 1000;

    readonly NameForm[] forms; // without alternatives: one of each is written out

    /// <param name="text">The pattern.</param>
    /// <param name="argument">The argument that it came as, for errors.</param>
    /// <exception cref="ArgumentException">It is no pattern.</exception>
    public NamePattern(string text, string argument)
    {
        ArgumentNullException.ThrowIfNull(text, argument);
        Text = text;
        try
        {
            var expanded = new List<string>();
            Expand(text, expanded);
            forms = [.. expanded.Select(form => new NameForm(form))];
        }
        catch (FormatException e)
        {
            throw new ArgumentException($"The pattern '{text}' {e.Message}", argument, e);
        }
    }

    /// <summary>The pattern as it was written.</summary>
    public string Text { get; }

    /// <summary>Whether it has one <c>{i}</c>, in each of its alternatives.</summary>
    public bool HasNumber => Array.TrueForAll(forms, form => form.Numbers == 1);

    /// <summary>Whether a whole name is as the pattern says.</summary>
    /// <param name="name">The name.</param>
    /// <param name="number">What <c>{i}</c> stands for; where several numbers could be meant, the first.</param>
    public bool Matches(string name, out int number)
    {
        string[] segments = name.Split('.');
        foreach (var form in forms)
        {
            if (form.Matches(segments, out number))
                return true;
        }
        number = 0;
        return false;
    }

    /// <summary>How far a name is from being matched: the characters that would have to be put in, taken out or changed. A first segment that is not in the pattern counts as little as two of them.</summary>
    public int Distance(string name)
    {
        int least = int.MaxValue;
        for (int from = 0, cost = 0; cost < least; cost += 2)
        {
            least = Math.Min(least, cost + forms.Min(form => form.Distance(name[from..])));
            from = name.IndexOf('.', from) + 1;
            if (from == 0)
                break;
        }
        return least;
    }

    /// <summary>Writes out the alternatives.</summary>
    static void Expand(string text, List<string> to)
    {
        int open = text.IndexOf('{', StringComparison.Ordinal);
        while (open >= 0 && text.AsSpan(open).StartsWith(NameForm.Number))
            open = text.IndexOf('{', open + NameForm.Number.Length);
        if (open < 0)
        {
            if (text.Replace(NameForm.Number, "", StringComparison.Ordinal).Contains('}', StringComparison.Ordinal))
                throw new FormatException("has a '}' without its '{'.");
            to.Add(to.Count < MostForms ? text : throw new FormatException(string.Create(CultureInfo.InvariantCulture, $"stands for more than {MostForms} patterns.")));
            return;
        }
        int depth = 0, start = open + 1, close = open;
        var alternatives = new List<string>();
        for (; close < text.Length; close++)
        {
            if (text[close] == '{')
                depth++;
            else if (text[close] == ',' && depth == 1)
                Take();
            else if (text[close] == '}' && --depth == 0)
                break;
        }
        if (close == text.Length)
            throw new FormatException("has a '{' without its '}'.");
        Take();
        if (alternatives.Count == 1)
            throw new FormatException($"has {text[open..(close + 1)]}, which is neither {{i}}, a number, nor alternatives, {{a,b}}.");
        foreach (string alternative in alternatives)
            Expand(string.Concat(text.AsSpan(0, open), alternative, text.AsSpan(close + 1)), to);

        void Take()
        {
            alternatives.Add(text[start..close]);
            start = close + 1;
        }
    }
}
