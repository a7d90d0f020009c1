using System.Globalization;
using OptimSharp.Testing;

namespace OptimSharp.Conformance;

/// <summary>Kind "lbfgs": an objective minimized through closures, compared in loss, point and counts after every step.</summary>
sealed class LBFGSCase : GoldenCase
{
    const double Tolerance = 1e-9;

    readonly Objective objective;
    readonly double[] start;
    readonly KeyValuePair<string, object?>[] options;
    readonly Step[] steps;

    public LBFGSCase(GoldenNode root)
    {
        objective = Objective.Read(root);
        start = root["start"].Numbers();
        options = root.Optional("options")?.Options() ?? [];
        steps = [.. root["steps"].Items().Select(s => new Step(
            s.WithOnly("loss", "params", "func_evals", "n_iter").ToString(), s["loss"].Number(), s["params"].Numbers(), s["func_evals"].Integer(), s["n_iter"].Integer()))];
    }

    protected override void Run(IParameterSource source)
    {
        using var parameter = source.Create("x", [start.Length], ElementType.Float64, start);
        using var optimizer = OptimizerDriver.For("LBFGS").Create([parameter.Parameter], options);
        foreach (var step in steps)
        {
            double loss = optimizer.Step(() =>
            {
                var (value, gradient) = objective.At(parameter.Values());
                parameter.SetGradient(gradient);
                return value;
            });
            Compare(step.Place, "the loss", step.Loss, loss, Tolerance * Math.Max(1, Math.Abs(step.Loss)));
            if (Comparison.Difference(step.Parameters, parameter.Values(), Tolerance) is { } difference)
                throw new GoldenCaseException($"{step.Place}: {difference}");
            var state = optimizer.StateOf(parameter.Parameter)!;
            Compare(step.Place, "func_evals", step.Evaluations, state.Scalar("func_evals"), 0);
            Compare(step.Place, "n_iter", step.Iterations, state.Scalar("n_iter"), 0);
        }
    }

    static void Compare(string place, string what, double expected, double actual, double tolerance)
    {
        if (!(Math.Abs(actual - expected) <= tolerance))
            throw new GoldenCaseException(string.Create(CultureInfo.InvariantCulture, $"{place}: {what} is {actual:R}, but {expected:R} was expected"));
    }

    sealed record Step(string Place, double Loss, double[] Parameters, long Evaluations, long Iterations);
}
