using System.Text.Json;

namespace OptimSharp.Testing;

/// <summary>
/// Golden cases: what PyTorch made of given parameters, gradients and options, in files of JSON. Holds an optimizer of one's own against them: every
/// parameter and every state tensor after every step.
/// </summary>
/// <remarks>
/// A file is one case of kind <c>optimizer</c>; the format is described in OptimSharp's repository, <c>tests/goldens/README.md</c>. Cases are read strictly:
/// an option that the optimizer does not have, or any other key that is not known, fails the case by name. Half types run with state in the parameters'
/// type, as PyTorch keeps it.
/// </remarks>
public static class GoldenCases
{
    static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false, MaxDepth = 32 };

    /// <summary>The case files in a folder and the folders in it, in order of their names: rows for a test that runs one each.</summary>
    /// <exception cref="DirectoryNotFoundException">There is no such folder.</exception>
    /// <exception cref="FileNotFoundException">There is no file <c>*.json</c> in it.</exception>
    public static IReadOnlyList<string> Files(string folder)
    {
        if (!Directory.Exists(folder))
            throw new DirectoryNotFoundException($"There is no folder of golden cases '{folder}'.");
        string[] files = Directory.GetFiles(folder, "*.json", SearchOption.AllDirectories);
        if (files.Length == 0)
            throw new FileNotFoundException($"The folder of golden cases '{folder}' has no *.json.");
        Array.Sort(files, StringComparer.Ordinal);
        return files;
    }

    /// <summary>Runs a case, or all cases in a folder, and stops at the first difference.</summary>
    /// <param name="path">A file, or a folder.</param>
    /// <param name="create">
    /// Makes the optimizer, <c>(groups, options) => new Lion(groups, options)</c>. The options have been set by PyTorch's names, and so have those of each group.
    /// It is called more than once a case. Which optimizer the file names is not looked at: a class of any name can be held against PyTorch's.
    /// </param>
    /// <typeparam name="TOptions">The optimizer's options.</typeparam>
    /// <exception cref="GoldenCaseException">
    /// A number differs by more than the format's tolerance for its type, the state has other entries, or the case does not keep to the format. The message has the case,
    /// the step, the parameter and the element, and both numbers.
    /// </exception>
    /// <exception cref="FileNotFoundException">There is no such file or folder, or the folder has no cases.</exception>
    public static void Check<TOptions>(string path, Func<IReadOnlyList<ParameterGroup<TOptions>>, TOptions, Optimizer<TOptions>> create)
        where TOptions : OptimizerOptions, new()
    {
        ArgumentNullException.ThrowIfNull(create);
        foreach (string file in Directory.Exists(path) ? Files(path) : [path])
        {
            Run(File.ReadAllText(file), file, "host", root =>
            {
                if (root["kind"].Text() is var kind && kind != "optimizer")
                    throw root.Error($"only cases of the kind 'optimizer' can be run, not '{kind}'");
                new OptimizerCase(root).Run(create, new HostParameterSource());
            });
        }
    }

    /// <summary>Reads a case from text and runs it. What goes wrong is told with the case's name.</summary>
    /// <param name="json">The case.</param>
    /// <param name="file">What to call the case when it does not tell its name.</param>
    /// <param name="where">What messages call the place of the parameters.</param>
    /// <param name="run">Runs it.</param>
    internal static void Run(string json, string file, string where, Action<GoldenNode> run)
    {
        string name = file;
        try
        {
            using var document = JsonDocument.Parse(json, Strict);
            var root = new GoldenNode(document.RootElement, "case");
            name = root["name"].Text();
            run(root);
        }
        catch (Exception e)
        {
            throw new GoldenCaseException($"{name} ({where}): {e.Message}", e);
        }
    }
}
