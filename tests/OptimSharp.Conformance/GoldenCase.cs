using System.Text.Json;

namespace OptimSharp.Conformance;

/// <summary>One golden case: what goes in and what PyTorch made of it. The format is described in tools/goldens.</summary>
public abstract class GoldenCase
{
    static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false, MaxDepth = 32 };

    /// <summary>Reads a case and runs it. What goes wrong is told with the case's name.</summary>
    /// <param name="file">A file of <see cref="GoldenFiles"/>.</param>
    /// <param name="source">Where the parameters are.</param>
    public static void Run(string file, IParameterSource source) => Run(File.ReadAllText(file), file, source);

    /// <summary>Reads a case from text and runs it.</summary>
    /// <param name="json">The case.</param>
    /// <param name="file">What to call the case when it does not tell its name.</param>
    /// <param name="source">Where the parameters are.</param>
    public static void Run(string json, string file, IParameterSource source)
    {
        string name = file;
        try
        {
            using var document = JsonDocument.Parse(json, Strict);
            var root = new GoldenNode(document.RootElement, "case");
            name = root["name"].Text();
            Read(root).Run(source);
        }
        catch (Exception e)
        {
            throw new ConformanceException($"{name} ({source.Name}): {e.Message}", e);
        }
    }

    /// <summary>Reads a case of any kind. Unknown keys at the top level are ignored; deeper ones are errors.</summary>
    static GoldenCase Read(GoldenNode root) => root["kind"].Text() switch
    {
        "optimizer" => new OptimizerCase(root),
        "scheduler" => new SchedulerCase(root),
        "lbfgs" => new LBFGSCase(root),
        "gradients" => new GradientsCase(root),
        "grad_scaler" => new GradScalerCase(root),
        "averaging" => new AveragingCase(root),
        var kind => throw root.Error($"unknown kind '{kind}'"),
    };

    /// <summary>Runs the case; throws at the first difference.</summary>
    private protected abstract void Run(IParameterSource source);
}
