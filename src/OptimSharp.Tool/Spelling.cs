namespace OptimSharp.Tool;

/// <summary>Finds the name that somebody meant to write.</summary>
static class Spelling
{
    /// <summary>The name with the fewest letters wrong, if those are few; null for none.</summary>
    public static string? Closest(string word, IReadOnlyList<string> names) =>
        names.Select(name => (Name: name, Wrong: Distance(word, name))).Where(n => n.Wrong <= Math.Max(1, word.Length / 3)).OrderBy(n => n.Wrong).FirstOrDefault().Name;

    /// <summary>How many letters have to be put in, left out, changed, or swapped with the next (Damerau, "A technique for computer detection and correction of spelling errors", 1964).</summary>
    static int Distance(string a, string b)
    {
        var least = new int[a.Length + 1, b.Length + 1];
        for (int i = 0; i <= a.Length; i++)
        {
            for (int j = 0; j <= b.Length; j++)
            {
                if (i == 0 || j == 0)
                {
                    least[i, j] = i + j;
                    continue;
                }
                int changed = least[i - 1, j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
                least[i, j] = Math.Min(changed, Math.Min(least[i - 1, j], least[i, j - 1]) + 1);
                if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                    least[i, j] = Math.Min(least[i, j], least[i - 2, j - 2] + 1);
            }
        }
        return least[a.Length, b.Length];
    }
}
