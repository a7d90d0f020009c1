namespace OptimSharp.Tool;

/// <summary>What a schedule that is begun may become: names of schedulers, and of the arguments of the one whose parenthesis is open.</summary>
static class ScheduleCandidates
{
    public static IReadOnlyList<string> Of(string begun)
    {
        int at = begun.Length;
        while (at > 0 && IsOfName(begun[at - 1]))
            at--;
        string word = begun[at..];
        string[] candidates = [.. ArgumentsOf(Open(begun[..at])).Concat(SchedulerCatalog.All.Keys.Select(name => name + "(")).Where(name => name.StartsWith(word, StringComparison.Ordinal))];
        // A second one beside it, so that a shell does not take the first for the end of the word and close its quotes; of a scheduler that says how it goes on.
        if (candidates is [var only])
            candidates = [only, only.EndsWith('(') ? SchedulerCatalog.Signature(only[..^1]) : only + "…"];
        return [.. candidates.Select(candidate => begun[..at] + candidate)];
    }

    static IEnumerable<string> ArgumentsOf(string? scheduler) =>
        scheduler is not null && SchedulerCatalog.All.TryGetValue(scheduler, out var ways) ? SchedulerCatalog.ArgumentsOf(ways[0]).Select(a => SchedulerCatalog.PythonName(a.Name!) + "=") : [];

    /// <summary>The name before the innermost parenthesis that is open; null where that is none.</summary>
    static string? Open(string text)
    {
        int depth = 0;
        for (int i = text.Length - 1; i >= 0; i--)
        {
            if (text[i] is ')' or ']')
                depth++;
            else if (text[i] is '(' or '[' && depth-- == 0)
            {
                int start = i;
                while (start > 0 && IsOfName(text[start - 1]))
                    start--;
                return text[start..i];
            }
        }
        return null;
    }

    static bool IsOfName(char c) => char.IsAsciiLetterOrDigit(c) || c is '_' or '.';
}
