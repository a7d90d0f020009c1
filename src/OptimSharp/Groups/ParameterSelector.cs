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
        Text = pattern;
        number = parameter => parsed.Matches(parameter.Name, out int i) ? i : null;
    }

    public ParameterSelector(Regex names)
    {
        ArgumentNullException.ThrowIfNull(names);
        Text = names.ToString();
        number = parameter => IsWhole(names, parameter.Name) ? 0 : null;
    }

    /// <param name="which">Whether it is for a parameter.</param>
    /// <param name="text">What is shown of it.</param>
    public ParameterSelector(Func<Parameter, bool> which, string? text)
    {
        ArgumentNullException.ThrowIfNull(which);
        Text = string.Join(' ', (text ?? "").Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
        number = parameter => which(parameter) ? 0 : null;
    }

    public string Text { get; }

    /// <summary>Whether the pattern has one <c>{i}</c>.</summary>
    public bool HasNumber => pattern?.HasNumber == true;

    /// <summary>Null when it is not for the parameter; else the number that the pattern's <c>{i}</c> stands for, or 0.</summary>
    public int? Match(Parameter parameter) => number(parameter);

    /// <summary>A sentence on names that may have been meant, after a space; or nothing.</summary>
    public string Advice(IReadOnlyList<Parameter> parameters)
    {
        var names = parameters.Select(p => p.Name).Where(name => name.Length > 0).Distinct();
        if (pattern is not null)
            names = names.OrderBy(pattern.Distance);
        string[] few = [.. names.Take(3).Select(name => $"'{name}'")];
        return (few, pattern) switch
        {
            ([], null) => "",
            ([], _) => " No parameter has a name.",
            (_, null) => $" The first names are {string.Join(", ", few)}.",
            _ => $" The nearest names are {string.Join(", ", few)}.",
        };
    }

    static bool IsWhole(Regex names, string name)
    {
        foreach (var match in names.EnumerateMatches(name))
        {
            if (match.Index == 0 && match.Length == name.Length)
                return true;
        }
        return false;
    }
}
