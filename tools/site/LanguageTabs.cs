using System.Text.RegularExpressions;

namespace OptimSharp.Site;

/// <summary>
/// The same code in both languages becomes two tabs. In a page it is a block below "In Python:" and one below "In C#:", which a forge shows one after the other.
/// </summary>
static partial class LanguageTabs
{
    public static string In(string text) =>
        Pair().Replace(text, "# [C#](#tab/csharp)\n\n${csharp}\n\n# [Python](#tab/python)\n\n${python}\n\n---");

    [GeneratedRegex(@"^In Python:\n\n(?<python>```python\n.*?^```)\n\nIn C#:\n\n(?<csharp>```csharp\n.*?^```)$", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Pair();
}
