using System.CommandLine;
using System.IO.Enumeration;

namespace OptimSharp.Tool;

/// <summary>Options that several commands have.</summary>
static class CommonOptions
{
    public static Option<bool> Json() => new("--json") { Description = "write JSON, for other programs" };

    public static Option<string?> Only() => new("--only") { Description = "only tensors whose names match a pattern with * and ?", HelpName = "PATTERN" };

    public static Option<string?> Path() => new("--path") { Description = "where the model is in the file, as state_dict or callbacks.EMA.weights; else it is looked for", HelpName = "PATH" };

    /// <summary>The tensors whose names match.</summary>
    /// <exception cref="ToolException">None does.</exception>
    public static IReadOnlyList<(string Path, TensorData Tensor)> Matching(IReadOnlyList<(string Path, TensorData Tensor)> tensors, string? pattern, string file)
    {
        if (pattern is null)
            return tensors;
        (string, TensorData)[] matching = [.. tensors.Where(t => Matches(pattern, t.Path))];
        return matching.Length > 0 ? matching : throw new ToolException($"No tensor of '{file}' matches '{pattern}'.");
    }

    public static bool Matches(string pattern, string name) => FileSystemName.MatchesSimpleExpression(pattern, name, ignoreCase: false);
}
