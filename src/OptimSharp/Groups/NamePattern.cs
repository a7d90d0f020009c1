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
    readonly Dictionary<(int Brace, int Number), string> alternatives = []; // by the place of their brace in the text, and their number in it
    readonly List<(int Brace, int Number)[]> chosen = []; // those of each form

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
            Expand(text, [.. Enumerable.Range(0, text.Length)], [], expanded);
            forms = [.. expanded.Select(form => Form(form, text))];
        }
        catch (FormatException e)
        {
            throw new ArgumentException($"The pattern '{ShownText.Cut(text)}' {e.Message}", argument, e);
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
                return number >= 0 ? true : throw new ArgumentException($"The number in the name '{name}' is more than {int.MaxValue}: {NameForm.Number} of the pattern '{ShownText.Cut(Text)}' can't be it.");
        }
        number = 0;
        return false;
    }

    /// <summary>An alternative with which no name is as the pattern says; null when there is none.</summary>
    public string? FindsNone(IEnumerable<string> names)
    {
        if (alternatives.Count == 0)
            return null;
        var left = alternatives.Keys.ToHashSet();
        foreach (string[] segments in names.Select(name => name.Split('.')))
        {
            for (int i = 0; i < forms.Length && left.Count > 0; i++)
            {
                if (left.Overlaps(chosen[i]) && forms[i].Matches(segments, out _))
                    left.ExceptWith(chosen[i]);
            }
        }
        return left.Count > 0 ? alternatives[left.Min()] : null;
    }

    /// <summary>How far a name is from being matched: the characters that would have to be put in, taken out or changed. A first segment that is not in the pattern counts as little as two of them.</summary>
    /// <param name="name">The name.</param>
    /// <param name="alternative">One of the pattern's alternatives that must be in it; empty: any.</param>
    public int Distance(string name, string alternative = "")
    {
        NameForm[] forms = alternative.Length == 0 ? this.forms : [.. this.forms.Where((_, i) => chosen[i].Any(key => alternatives[key] == alternative))];
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

    static NameForm Form(string form, string text)
    {
        try
        {
            return new(form);
        }
        catch (FormatException e) when (form != text)
        {
            throw new FormatException($"stands for '{ShownText.Cut(form)}', which {e.Message}", e);
        }
    }

    /// <summary>Writes out the alternatives.</summary>
    /// <param name="text">What is left of the pattern.</param>
    /// <param name="at">The place of each character in the whole pattern.</param>
    /// <param name="taken">The alternatives that are in it.</param>
    /// <param name="to">The patterns without alternatives.</param>
    void Expand(string text, int[] at, (int, int)[] taken, List<string> to)
    {
        int open = text.IndexOf('{', StringComparison.Ordinal);
        while (open >= 0 && text.AsSpan(open).StartsWith(NameForm.Number))
            open = text.IndexOf('{', open + NameForm.Number.Length);
        if (open < 0)
        {
            if (text.Replace(NameForm.Number, "", StringComparison.Ordinal).Contains('}', StringComparison.Ordinal))
                throw new FormatException("has a '}' without its '{'.");
            to.Add(to.Count < MostForms ? text : throw new FormatException(string.Create(CultureInfo.InvariantCulture, $"stands for more than {MostForms} patterns.")));
            chosen.Add(taken);
            return;
        }
        int depth = 0, start = open + 1, close = open;
        var parts = new List<(int Start, int End)>();
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
        if (parts.Count == 1)
            throw new FormatException($"has {ShownText.Cut(text[open..(close + 1)])}, which is neither {{i}}, a number, nor alternatives, {{a,b}}.");
        foreach (var (number, (first, end)) in parts.Index())
        {
            alternatives[(at[open], number)] = end > first ? text[first..end] : "(nothing)";
            Expand(string.Concat(text.AsSpan(0, open), text.AsSpan(first, end - first), text.AsSpan(close + 1)), [.. at[..open], .. at[first..end], .. at[(close + 1)..]], [.. taken, (at[open], number)], to);
        }

        void Take()
        {
            parts.Add((start, close));
            start = close + 1;
        }
    }
}
