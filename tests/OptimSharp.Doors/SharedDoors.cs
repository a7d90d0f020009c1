using OptimSharp.Torch;
using static OptimSharp.Doors.Door;
using static TorchSharp.torch;

namespace OptimSharp.Doors;

/// <summary>Gradients that several parameters share.</summary>
static class SharedDoors
{
    public static IEnumerable<(string Name, Action Try)> All =>
    [
        .. Kinds.Select(kind => ($"a shared gradient, {kind}", (Action)(() => Shared(kind)))),
        ("gradients that share a part", SharedPart),
        ("gradients side by side in one array", SideBySide),
    ];

    static readonly string[] Kinds = ["plain memory", "plain sparse", "TorchSharp", "TorchSharp transposed", "TorchSharp elsewhere", "Muon", "LBFGS"];

    /// <summary>Two parameters of ones with one gradient of two, [2, 2].</summary>
    static (Parameter[] Parameters, Func<double[][]> Values, Func<double[]> Gradient) Make(string kind)
    {
        if (kind.StartsWith("TorchSharp", StringComparison.Ordinal))
        {
            var gradient = kind.EndsWith("transposed", StringComparison.Ordinal) ? full(2, 2, 2f).t() : full(2, 2, 2f);
            var tensors = new[] { ones(2, 2), ones(2, 2) };
            foreach (var tensor in tensors)
                tensor.grad = gradient;
            return ([.. tensors.Select((t, i) => new TorchParameter(t, $"w{i}", byPointer: !kind.EndsWith("elsewhere", StringComparison.Ordinal)))],
                () => [.. tensors.Select(Numbers)], () => tensors[0].grad is { } grad ? Numbers(grad) : []);
        }
        var parameters = new[] { Parameter.Of("w0", Enumerable.Repeat(1f, 4).ToArray(), 2, 2), Parameter.Of("w1", Enumerable.Repeat(1f, 4).ToArray(), 2, 2) };
        float[] shared = [2, 2, 2, 2];
        long[] indices = [0, 1];
        foreach (var parameter in parameters)
        {
            if (kind == "plain sparse")
                parameter.SparseGradient = new(indices, shared);
            else
                parameter.Gradient = shared;
        }
        return ([.. parameters], () => [.. parameters.Select(p => p.Values.ToArray().Select(x => (double)x).ToArray())], () => [.. shared.Select(x => (double)x)]);
    }

    static double[] Numbers(Tensor tensor) => [.. tensor.detach().contiguous().data<float>().ToArray().Select(x => (double)x)];

    static Optimizer Of(string kind, Parameter[] parameters) => kind switch
    {
        "Muon" => new Muon(parameters, new() { LearningRate = 0.5 }),
        "LBFGS" => new LBFGS(parameters, new() { MaxIterations = 1, LearningRate = 0.1 }),
        _ => new SGD(parameters, new() { LearningRate = 0.5 }),
    };

    static void Step(string kind, Optimizer optimizer)
    {
        if (kind == "LBFGS")
            optimizer.Step(() => 1.0);
        else
            optimizer.Step();
    }

    static void Shared(string kind)
    {
        // The norm counts both: √(8 · 2²) = √32. Each number is scaled once.
        var (parameters, values, gradient) = Make(kind);
        double norm = Gradients.ClipNorm(parameters, Math.Sqrt(8));
        Near(Math.Sqrt(32), norm);
        Near(1, gradient()[0]);
        Gradients.Scale(parameters, 3);
        Near(3, gradient()[3]);

        (parameters, values, gradient) = Make(kind);
        var scaler = new GradScaler(initialScale: 4);
        using (var optimizer = Of(kind, parameters))
            scaler.Unscale(optimizer);
        Same(0.5, gradient()[0]);

        foreach (var after in Enum.GetValues<GradientsAfter>())
        {
            foreach (double? maxNorm in new double?[] { null, Math.Sqrt(8) })
            {
                (parameters, values, gradient) = Make(kind);
                using var separate = Of(kind, parameters);
                if (maxNorm is { } max)
                    Gradients.ClipNorm(parameters, max);
                Step(kind, separate);
                var expected = values();
                var expectedGradient = after == GradientsAfter.Zeroed ? new double[4] : gradient();

                (parameters, values, gradient) = Make(kind);
                using var optimizer = Of(kind, parameters);
                using var averages = new AveragedParameters(parameters);
                var step = new TrainingStep(optimizer, new() { MaxNorm = maxNorm, GradientsAfter = after, Averages = averages });
                if (kind == "LBFGS")
                    step.Step(() => 1.0, out double _);
                else
                    step.Step();
                for (int i = 0; i < 2; i++)
                {
                    Same(expected[i], values()[i]);
                    Same(expected[i], averages.Average($"w{i}").ToDoubles());
                }
                if (after != GradientsAfter.Dropped && !(after == GradientsAfter.Zeroed && kind == "plain sparse")) // which has no rows then
                    Same(expectedGradient, gradient());
            }
        }
    }

    static void SharedPart()
    {
        float[] memory = Enumerable.Repeat(1f, 20).ToArray();
        var a = Ones("a", 10);
        var b = Ones("b", 20);
        (a.Gradient, b.Gradient) = (memory.AsMemory(0, 10), memory);
        using var optimizer = new SGD([a, b]);
        Refused<InvalidOperationException>(() => Gradients.ClipNorm([a, b], 1), "'a' [10] Float32 and 'b' [20] Float32 share memory");
        Refused<InvalidOperationException>(() => new TrainingStep(optimizer, new() { GradientsAfter = GradientsAfter.Zeroed }).Step(), "share memory");
        Refused<InvalidOperationException>(() => new GradScaler().Unscale(optimizer), "share memory");
        Same(Enumerable.Repeat(1f, 20), memory);
        Same(1f, a.Values.Span[0]);
        optimizer.Step(); // which reads them
        Same(true, a.Values.Span[0] < 1);
    }

    static void SideBySide()
    {
        float[] memory = Enumerable.Repeat(1f, 300).ToArray();
        var parameters = Enumerable.Range(0, 30).Select(i => Ones($"w{i}", 10)).ToArray();
        for (int i = 0; i < 30; i++)
            parameters[i].Gradient = memory.AsMemory(10 * i, 10);
        Gradients.Scale(parameters, 2);
        Same(Enumerable.Repeat(2f, 300), memory);
    }

    static void Near(double expected, double actual)
    {
        if (Math.Abs(expected - actual) > 1e-5)
            Same(expected, actual);
    }
}
