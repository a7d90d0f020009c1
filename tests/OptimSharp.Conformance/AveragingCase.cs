using OptimSharp.Testing;

namespace OptimSharp.Conformance;

/// <summary>Kind "averaging": given models, compared with PyTorch in every average after every update.</summary>
sealed class AveragingCase : GoldenCase
{
    readonly ElementType type;
    readonly Averaging averaging;
    readonly bool useBuffers;
    readonly long[][] parameters, buffers;
    readonly (string Place, double[][] Model, long Count, double[][] Average)[] updates;

    public AveragingCase(GoldenNode root)
    {
        type = OptimizerCase.TypeOf(root["dtype"]);
        averaging = root["average"].Text() switch
        {
            "equal" or "equal_multi" => Averaging.Equal,
            "ema" or "ema_per_tensor" => Averaging.Ema(root["decay"].Number()),
            "documentation" => Averaging.PerTensor((average, model, _) =>
            {
                for (int i = 0; i < average.Length; i++)
                    average[i] = 0.1 * average[i] + 0.9 * model[i];
            }),
            var other => throw root["average"].Error($"unknown average '{other}'"),
        };
        useBuffers = root["use_buffers"].Plain() is true;
        parameters = [.. root["parameters"].Items().Select(Shape)];
        buffers = [.. root["buffers"].Items().Select(Shape)];
        int count = parameters.Length + buffers.Length;
        updates = [.. root["updates"].Items().Select(x => (x.ToString(), Numbers(x["model"], count), x["n_averaged"].Integer(), Numbers(x["average"], count)))];
    }

    protected override void Run(IParameterSource source)
    {
        var made = new List<GoldenParameter>();
        try
        {
            var live = Create(new double[parameters.Length + buffers.Length][]);
            var options = new AveragingOptions { UseBuffers = useBuffers, Precision = type.IsHalf() ? StatePrecision.Parameter : StatePrecision.Compute };
            using AveragedParameters ofLive = Average(), ofOthers = Average();
            foreach (var (place, model, count, average) in updates)
            {
                var other = Create(model);
                ofOthers.Update(other);
                for (int i = 0; i < live.Length; i++)
                    Set(live[i], other[i]);
                ofLive.Update();
                Compare(place, count, average, ofOthers);
                Compare(place, count, average, ofLive);
            }

            AveragedParameters Average() => new(live[..parameters.Length], averaging, options, live[parameters.Length..]);

            Parameter[] Create(double[]?[] values)
            {
                int first = made.Count;
                foreach (var (shape, i) in parameters.Concat(buffers).Select((shape, i) => (shape, i)))
                    made.Add(source.Create($"p{i}", shape, type, values[i] ?? new double[shape.Aggregate(type.IsComplex() ? 2L : 1L, (a, b) => a * b)]));
                return [.. made[first..].Select(p => p.Parameter)];
            }
        }
        finally
        {
            made.ForEach(parameter => parameter.Dispose());
        }
    }

    void Compare(string place, long count, double[][] expected, AveragedParameters actual)
    {
        if (actual.Count != count)
            throw new GoldenCaseException($"{place}: {actual.Count} models were averaged, but {count} was expected");
        for (int i = 0; i < expected.Length; i++)
        {
            if (Comparison.Difference(type.Round(expected[i]), actual.Average(actual.Names[i]).ToDoubles(), type.Tolerance("").Parameter) is { } difference)
                throw new GoldenCaseException($"{place}, average of {actual.Names[i]}: {difference}");
        }
    }

    static unsafe void Set(Parameter to, Parameter from)
    {
        var numbers = new double[from.Numbers];
        fixed (double* start = numbers)
        {
            from.Read(start, ofGradient: false);
            to.Write(start);
        }
    }

    static long[] Shape(GoldenNode node) => [.. node.Items().Select(x => x.Integer())];

    static double[][] Numbers(GoldenNode node, int count) => [.. node.Items(count).Select(x => x.Numbers())];
}
