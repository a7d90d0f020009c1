namespace OptimSharp.Conformance;

/// <summary>Kind "lbfgs": an objective minimized through closures. Runs once there is an LBFGS.</summary>
sealed class LBFGSCase(GoldenNode root) : GoldenCase(root)
{
    private protected override void Run(IParameterSource source) =>
        throw new ConformanceException("cases of kind 'lbfgs' can't be run yet");
}
