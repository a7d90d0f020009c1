using System.Globalization;

namespace OptimSharp.Conformance.Workloads;

/// <summary>What a training step does besides the optimizer's step.</summary>
public sealed record Around(double? MaxNorm, double Order, double? MaxValue, double? Scale, Averaging? Averaging, GradientsAfter After, int Batches)
{
    /// <summary>Every combination.</summary>
    public static IReadOnlyList<Around> All { get; } =
    [
        .. from clip in new (double?, double)[] { (null, 2), (0.5, 2), (0.01, double.PositiveInfinity) }
           from value in new double?[] { null, 0.002 }
           from scale in new double?[] { null, 3.3 }
           from averaging in new[] { null, Averaging.Ema(0.9), Averaging.Equal }
           from after in Enum.GetValues<GradientsAfter>()
           from batches in new[] { 1, 3 }
           where batches == 1 || after != GradientsAfter.Kept
           select new Around(clip.Item1, clip.Item2, value, scale, averaging, after, batches),
    ];
}

/// <summary>The same few steps twice: as training steps, and by the separate calls. One of them has a gradient that is not finite.</summary>
public sealed record OnePass(Type Optimizer, KeyValuePair<string, object?>[] Options, GoldenType Type, IParameterSource Source, Around Around)
{
    const int Steps = 4, PoisonedStep = 1, RowSize = 5;

    public int[] Sizes { get; init; } = [1100, 33, 64];

    public bool Sparse { get; init; }

    public StatePrecision Precision { get; init; }

    /// <summary>What is in a gradient of the second step.</summary>
    public double Poison { get; init; } = double.NaN;

    /// <summary>What differs first, in words; null when nothing does, to the bit.</summary>
    public string? Difference()
    {
        bool closure = !OptimizerSamples.StepsAlone(Optimizer);
        if (closure && (Around.Batches > 1 || Around.Scale is not null))
            return null; // batches are inside its closure, and the scaler's separate calls know none
        using Side together = new(this), apart = new(this);
        var step = new TrainingStep(together.Made, new()
        {
            MaxNorm = Around.MaxNorm, NormOrder = Around.Order, MaxValue = Around.MaxValue, Scaler = together.Scaler,
            Averages = together.Averages, GradientsAfter = Around.After, MicroBatches = Around.Batches,
        });
        for (int k = 0; k < Steps; k++)
        {
            bool poisoned = k == PoisonedStep;
            for (int batch = 1; batch < Around.Batches; batch++)
            {
                together.SetGradients(k + 10, poisoned: false);
                if (step.Step().Outcome != StepOutcome.Gathering)
                    return "a step was taken before the last micro-batch";
            }
            StepReport report;
            double norm = double.NaN;
            if (closure)
            {
                report = step.Step(() => together.SetGradients(k, poisoned), out _);
                if (!poisoned)
                {
                    bool first = true;
                    apart.Made.Step(() =>
                    {
                        double loss = apart.SetGradients(k, poisoned);
                        double now = Clip(apart);
                        (norm, first) = (first ? now : norm, false);
                        return loss;
                    });
                }
            }
            else
            {
                together.SetGradients(k, poisoned);
                apart.SetGradients(k, poisoned);
                report = step.Step();
                norm = Separately(apart, poisoned);
            }
            if (!poisoned)
                apart.Averages?.Update();
            if (Around.After != GradientsAfter.Kept)
                apart.Made.ZeroGrad(Around.After == GradientsAfter.Dropped);

            string place = $"step {k}: ";
            if (report.Skipped != poisoned)
                return $"{place}it was {report.Outcome}";
            if (!poisoned && Around.MaxNorm is not null && report.Norm != norm)
                return string.Create(CultureInfo.InvariantCulture, $"{place}the norm is {report.Norm:R}, and {norm:R} by separate calls");
            if (poisoned && report.NotFinite != together.Parameters[^1].Parameter)
                return $"{place}{report.NotFinite} is named as not finite";
            if (Side.Difference(together, apart, gradients: !(poisoned && (closure || Around.After == GradientsAfter.Kept))) is { } difference)
                return place + difference;
        }
        return null;
    }

    double Separately(Side side, bool poisoned)
    {
        side.Scaler?.Unscale(side.Made);
        var parameters = side.Parameters.Select(p => p.Parameter);
        if (Around.Batches > 1)
            Gradients.Scale(parameters, 1.0 / Around.Batches);
        double norm = poisoned ? double.NaN : Clip(side);
        if (side.Scaler is { } scaler)
        {
            scaler.Step(side.Made);
            scaler.Update();
        }
        else if (!poisoned)
        {
            side.Made.Step();
        }
        return norm;
    }

    double Clip(Side side)
    {
        var parameters = side.Parameters.Select(p => p.Parameter);
        double norm = Around.MaxNorm is { } max ? Gradients.ClipNorm(parameters, max, Around.Order) : double.NaN;
        if (Around.MaxValue is { } limit)
            Gradients.ClipValue(parameters, limit);
        return norm;
    }

    public override string ToString() => $"{Optimizer.Name} {Type} {Source.Name}{(Sparse ? " sparse" : "")}, {Around}, poison {Poison}, state {Precision}";

    /// <summary>Parameters, optimizer, averages and scaler of one of the two ways.</summary>
    sealed class Side : IDisposable
    {
        readonly OnePass run;

        public Side(OnePass run)
        {
            this.run = run;
            Parameters = [.. run.Sizes.Select((n, i) =>
            {
                long[] shape = run.Sparse ? [n / RowSize, RowSize] : OptimizerSamples.ShapeOf(run.Optimizer, n, i);
                return run.Source.Create($"p{i}", shape, run.Type, Numbers.Tame(Count(shape), (ulong)i + 1));
            })];
            var options = OptimizerSamples.StepsAlone(run.Optimizer) ? run.Options : [.. run.Options, new("max_iter", 3)];
            Made = OptimizerDriver.For(run.Optimizer).Create([.. Parameters.Select(p => p.Parameter)], options, run.Precision);
            if (run.Around.Averaging is { } averaging)
                Averages = new(Parameters.Select(p => p.Parameter), averaging);
            if (run.Around.Scale is { } scale)
                Scaler = new(scale, growthFactor: 1.7, backoffFactor: 0.6, growthInterval: 2);
        }

        public GoldenParameter[] Parameters { get; }

        public Optimizer Made { get; }

        public AveragedParameters? Averages { get; }

        public GradScaler? Scaler { get; }

        public double SetGradients(int step, bool poisoned)
        {
            double loss = 0;
            for (int i = 0; i < Parameters.Length; i++)
            {
                var parameter = Parameters[i];
                double[] numbers = OptimizerSamples.StepsAlone(run.Optimizer)
                    ? Numbers.Tame((int)parameter.Parameter.Numbers, (ulong)(100 * step + i))
                    : Array.ConvertAll(parameter.Values(), x => x - 0.5); // a bowl's, for an optimizer that looks at the loss
                loss += numbers.Sum(x => x * x) / 2;
                if (poisoned && i == Parameters.Length - 1)
                    numbers[^1] = run.Poison;
                if (run.Sparse)
                {
                    int rowSize = RowSize * (run.Type.IsComplex() ? 2 : 1);
                    long rows = parameter.Parameter.Shape[0], touched = Math.Max(2, rows / 2);
                    long[] indices = [.. Enumerable.Range(0, (int)touched).Select(k => (k * 7L + step) % rows / (1 + k % 2))];
                    parameter.SetSparseGradient(indices, [.. numbers.TakeLast(indices.Length * rowSize).Chunk(rowSize)]);
                }
                else
                {
                    parameter.SetGradient(numbers);
                }
            }
            return loss;
        }

        public static string? Difference(Side a, Side b, bool gradients)
        {
            if (a.Scaler?.StateDict().ToString() != b.Scaler?.StateDict().ToString())
                return $"the scaler is {a.Scaler}, and {b.Scaler} by separate calls";
            if (a.Averages?.Count != b.Averages?.Count)
                return $"{a.Averages} averaged, and {b.Averages} by separate calls";
            for (int i = 0; i < a.Parameters.Length; i++)
            {
                var (p, q) = (a.Parameters[i], b.Parameters[i]);
                var (s, t) = (a.Made.StateOf(p.Parameter), b.Made.StateOf(q.Parameter));
                if (gradients && p.Parameter.HasGradient != q.Parameter.HasGradient)
                    return $"parameter {i} has a gradient in one way";
                string? difference = Different("values", p.Values(), q.Values())
                    ?? (gradients ? Different("gradient", p.GradientNow(), q.GradientNow()) : null)
                    ?? Different("average", a.Averages?.Average($"p{i}").ToDoubles() ?? [], b.Averages?.Average($"p{i}").ToDoubles() ?? [])
                    ?? (s?.Step != t?.Step ? $"step count is {s?.Step}, and {t?.Step} by separate calls" : null)
                    ?? (string.Join(' ', s?.TensorKeys ?? []) != string.Join(' ', t?.TensorKeys ?? []) ? "state has other tensors" : null);
                foreach (string key in s?.TensorKeys ?? [])
                    difference ??= Different(key, s!.Tensor(key), t!.Tensor(key));
                foreach (string key in s?.ListKeys ?? [])
                    difference ??= Different(key, [.. s!.TensorList(key).SelectMany(x => x)], [.. t!.TensorList(key).SelectMany(x => x)]);
                foreach (string key in s?.ScalarKeys ?? [])
                    difference ??= Different(key, [s!.Scalar(key)], [t!.Scalar(key)]);
                if (difference is not null)
                    return $"parameter {i}: {difference}";
            }
            return null;
        }

        static string? Different(string what, double[] a, double[] b)
        {
            if (a.Length != b.Length)
                return $"{what} has {a.Length} numbers, and {b.Length} by separate calls";
            for (int i = 0; i < a.Length; i++)
            {
                if (BitConverter.DoubleToInt64Bits(a[i]) != BitConverter.DoubleToInt64Bits(b[i]) && !(double.IsNaN(a[i]) && double.IsNaN(b[i])))
                    return string.Create(CultureInfo.InvariantCulture, $"{what}[{i}] is {a[i]:R}, and {b[i]:R} by separate calls");
            }
            return null;
        }

        int Count(long[] shape) => (int)shape.Aggregate(run.Type.IsComplex() ? 2L : 1L, (x, y) => x * y);

        public void Dispose()
        {
            Averages?.Dispose();
            Made.Dispose();
            foreach (var parameter in Parameters)
                parameter.Dispose();
        }
    }

    /// <summary>
    /// Runs with an optimizer and type: of every so many combinations one, others for each optimizer and type, with poisons and option sets in
    /// turn; and with sparse gradients.
    /// </summary>
    public static IEnumerable<OnePass> Some(Type optimizer, GoldenType type, IParameterSource source, int every)
    {
        var (dense, sparse) = (OptimizerSamples.OptionSets(optimizer), OptimizerSamples.SparseOptionSets(optimizer));
        double[] poisons = [double.NaN, double.PositiveInfinity, double.NegativeInfinity];
        int first = (optimizer.Name.Sum(c => c) + (int)type) % every, turn = 0;
        for (int i = first; i < Around.All.Count; i += every, turn++)
        {
            var around = Around.All[i];
            if (around.Scale is not null && type == GoldenType.Float16 || around.MaxValue is not null && type.IsComplex())
                continue; // refused
            var precision = type.IsHalf() && turn % 2 == 1 ? StatePrecision.Parameter : StatePrecision.Compute;
            if (dense.Count > 0)
                yield return new(optimizer, dense[turn % dense.Count], type, source, around) { Precision = precision, Poison = poisons[turn % 3] };
            if (sparse.Count > 0)
                yield return new(optimizer, sparse[turn % sparse.Count], type, source, around) { Sparse = true, Precision = precision, Poison = poisons[turn % 3] };
        }
    }
}
