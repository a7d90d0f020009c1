using System.Text.RegularExpressions;

namespace OptimSharp;

/// <summary>Which parameters a rule is for: by a pattern of names, an expression over names, or what is asked of the parameter.</summary>
internal sealed class ParameterSelector
{
    readonly Func<Parameter, int?> number;
    readonly NamePattern? pattern;

    public ParameterSelector(string pattern, string argument)
    {
        var parsed = this.pattern = new NamePattern(pattern, argument);
        Text = ShownText.Cut(pattern);
        number = parameter => parsed.Matches(parameter.Name, out int i) ? i : null;
    }

    public ParameterSelector(Regex names)
    {
        ArgumentNullException.ThrowIfNull(names);
        Text = ShownText.Cut(names.ToString());
        var whole = Whole(names);
        number = parameter => whole.IsMatch(parameter.Name) ? 0 : null;
    }

    /// <param name="which">Whether it is for a parameter.</param>
    /// <param name="text">What is shown of it.</param>
    public ParameterSelector(Func<Parameter, bool> which, string? text)
    {
        ArgumentNullException.ThrowIfNull(which);
        Text = ShownText.Cut(string.Join(' ', (text ?? "").Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)));
        number = parameter => which(parameter) ? 0 : null;
    }

    public string Text { get; }

    /// <summary>Whether the pattern has one <c>{i}</c>.</summary>
    public bool HasNumber => pattern?.HasNumber == true;

    /// <summary>Null when it is not for the parameter; else the number that the pattern's <c>{i}</c> stands for, or 0.</summary>
    public int? Match(Parameter parameter) => number(parameter);

    /// <summary>What of it finds no parameter: all of it, as an empty text; or one of a pattern's alternatives. null: it finds some, and so does each alternative.</summary>
    public string? FindsNone(IReadOnlyList<Parameter> parameters) =>
        !parameters.Any(p => Match(p) is not null) ? "" : pattern?.FindsNone(parameters.Select(p => p.Name)) is { } alternative ? ShownText.Cut(alternative) : null;

    /// <summary>A sentence on names that may have been meant, after a space; or nothing.</summary>
    /// <param name="parameters">The parameters.</param>
    /// <param name="alternative">The alternative that finds none; empty: the whole does not.</param>
    public string Advice(IReadOnlyList<Parameter> parameters, string alternative)
    {
        var names = parameters.Select(p => p.Name).Where(name => name.Length > 0).Distinct();
        if (pattern is not null)
            names = names.OrderBy(name => pattern.Distance(name, alternative));
        string[] few = [.. names.Take(3).Select(name => $"'{ShownText.Cut(name)}'")];
        return (few, pattern) switch
        {
            ([], null) => "",
            ([], _) => " No parameter has a name.",
            (_, null) => $" The first names are {string.Join(", ", few)}.",
            _ => $" The nearest names are {string.Join(", ", few)}.",
        };
    }

    /// <summary>
    /// An expression for whole names. What an expression finds first need not be the whole, though the whole can be matched too, as by the second of <c>conv|conv1</c>: so it is told. Names are few: that it is compiled
    /// to code is not kept.
    /// </summary>
    static Regex Whole(Regex names)
    {
        var options = names.Options & ~RegexOptions.Compiled;
        if (!options.HasFlag(RegexOptions.IgnorePatternWhitespace))
        {
            try
            {
                return new($@"\A(?:{names})\z", options, names.MatchTimeout);
            }
            catch (RegexParseException) // it ends in a comment, which (?x) within it allows
            {
            }
        }
        return new($"\\A(?:{names}\n)\\z", options, names.MatchTimeout);
    }
}
