using OptimSharp.Testing;

namespace OptimSharp.Conformance;

/// <summary>Kind "gradients": gradients clipped together, compared in the norm and in every gradient after it.</summary>
sealed class GradientsCase : GoldenCase
{
    readonly (ElementType Type, long[] Shape, GoldenNode Gradient)[] parameters;
    readonly (double Max, double Order)? norm;
    readonly double limit, expectedNorm;
    readonly GoldenNode[] expected;

    public GradientsCase(GoldenNode root)
    {
        parameters = [.. root["params"].Items().Select(p =>
            (OptimizerCase.TypeOf(p.WithOnly("dtype", "shape", "grad")["dtype"]), (long[])[.. p["shape"].Items().Select(x => x.Integer())], p["grad"]))];
        if (root.Optional("clip_norm")?.WithOnly("max_norm", "norm_type") is { } given)
        {
            norm = (given["max_norm"].Number(), given["norm_type"].Number());
            expectedNorm = root["norm"].Number();
        }
        else
        {
            limit = root["clip_value"].Number();
        }
        expected = root["grads"].Items(parameters.Length);
    }

    protected override void Run(IParameterSource source)
    {
        var made = parameters.Select((p, i) => source.Create($"p{i}", p.Shape, p.Type, new double[p.Shape.Aggregate(p.Type.IsComplex() ? 2L : 1L, (a, b) => a * b)])).ToArray();
        try
        {
            foreach (var (parameter, (_, _, gradient)) in made.Zip(parameters))
                Give(parameter, gradient);
            // PyTorch rounds each tensor's norm to its type; so the coarsest type shows in the norm, and in all that is clipped by it.
            double coarsest = parameters.Max(p => p.Type.Tolerance("").Parameter);
            if (norm is var (max, order))
            {
                Compare("the norm", [expectedNorm], [Gradients.ClipNorm(made.Select(p => p.Parameter), max, order)], coarsest);
            }
            else
            {
                Gradients.ClipValue(made.Select(p => p.Parameter), limit);
            }
            for (int i = 0; i < made.Length; i++)
            {
                if (made[i].Parameter.HasGradient == expected[i].IsNull)
                    throw expected[i].Error("the gradient came or went");
                if (!expected[i].IsNull)
                    Compare(expected[i].ToString(), parameters[i].Type.Round(expected[i].Numbers()), made[i].GradientNow(), norm is null ? parameters[i].Type.Tolerance("").Parameter : coarsest);
            }
        }
        finally
        {
            foreach (var parameter in made)
                parameter.Dispose();
        }
    }

    static void Give(GoldenParameter parameter, GoldenNode gradient)
    {
        if (gradient.IsNull)
            parameter.SetGradient(null);
        else if (gradient.IsList)
            parameter.SetGradient(gradient.Numbers());
        else
            parameter.SetSparseGradient([.. gradient.WithOnly("indices", "rows")["indices"].Items().Select(x => x.Integer())], [.. gradient["rows"].Items().Select(x => x.Numbers())]);
    }

    static void Compare(string place, double[] expected, double[] actual, double tolerance)
    {
        if (Comparison.Difference(expected, actual, tolerance) is { } difference)
            throw new GoldenCaseException($"{place}: {difference}");
    }
}
