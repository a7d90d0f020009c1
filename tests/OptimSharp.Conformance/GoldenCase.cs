using OptimSharp.Testing;

namespace OptimSharp.Conformance;

/// <summary>One golden case: what goes in and what PyTorch made of it. The format is described in tests/goldens.</summary>
abstract class GoldenCase
{
    /// <summary>Reads a case of any kind and runs it. What goes wrong is told with the case's name. Unknown keys at the top level are ignored; deeper ones are errors.</summary>
    /// <param name="file">A file of <see cref="GoldenFiles"/>.</param>
    /// <param name="source">Where the parameters are.</param>
    public static void Run(string file, IParameterSource source) => Run(File.ReadAllText(file), file, source);

    /// <summary>Reads a case from text and runs it.</summary>
    /// <param name="json">The case.</param>
    /// <param name="file">What to call the case when it does not tell its name.</param>
    /// <param name="source">Where the parameters are.</param>
    public static void Run(string json, string file, IParameterSource source) => GoldenCases.Run(json, file, source.Name, root =>
    {
        switch (root["kind"].Text())
        {
            case "optimizer":
                OptimizerDriver.For(root["optimizer"].Text()).Run(new OptimizerCase(root), source);
                break;
            case "scheduler":
                new SchedulerCase(root).Run(source);
                break;
            case "lbfgs":
                new LBFGSCase(root).Run(source);
                break;
            case "gradients":
                new GradientsCase(root).Run(source);
                break;
            case "grad_scaler":
                new GradScalerCase(root).Run(source);
                break;
            case "averaging":
                new AveragingCase(root).Run(source);
                break;
            case var kind:
                throw root.Error($"unknown kind '{kind}'");
        }
    });

    /// <summary>Runs the case; throws at the first difference.</summary>
    protected abstract void Run(IParameterSource source);
}
