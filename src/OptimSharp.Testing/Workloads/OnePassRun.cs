using System.Globalization;

namespace OptimSharp.Testing;

/// <summary>The same few steps twice: as training steps, and by the separate calls. One of them has a gradient that is not finite.</summary>
internal sealed record OnePassRun(Setting Setting, IParameterSource Source, Around Around)
{
    const int Steps = 4, PoisonedStep = 1;

    public int[] Sizes { get; init; } = [1100, 33, 64];

    /// <summary>What is in a gradient of the second step.</summary>
    public double Poison { get; init; } = double.NaN;

    /// <summary>Whether the training steps have statistics, which are compared with norms by hand.</summary>
    public bool Statistics { get; init; }

    /// <summary>What differs first in some of the combinations with this setting; null when nothing does.</summary>
    public static string? Difference(Setting setting)
    {
        const int Every = 13;
        double[] poisons = [double.NaN, double.PositiveInfinity, double.NegativeInfinity];
        var source = new HostParameterSource();
        int turn = 0;
        for (int i = (int)setting.Type; i < Around.All.Count; i += Every, turn++)
        {
            if (!Around.All[i].Takes(setting.Type))
                continue;
            var run = new OnePassRun(setting, source, Around.All[i]) { Sizes = [.. SameBits.Sizes(setting, 600, 33), 64], Poison = poisons[turn % 3] };
            if (run.Difference() is { } difference)
                return $"{difference} ({run.Around})";
        }
        return null;
    }

    /// <summary>What differs first, in words; null when nothing does, to the bit.</summary>
    public string? Difference()
    {
        bool closure = Setting.Subject.NeedsClosure;
        if (closure && (Around.Batches > 1 || Around.Scale is not null))
            return null; // batches are inside its closure, and the scaler's separate calls know none
        using Side together = new(this), apart = new(this);
        var step = new TrainingStep(together.Made, new()
        {
            MaxNorm = Around.MaxNorm, NormOrder = Around.Order, MaxValue = Around.MaxValue, Scaler = together.Scaler,
            Averages = together.Averages, GradientsAfter = Around.After, MicroBatches = Around.Batches, Statistics = Statistics,
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
            double norm = double.NaN, gradients = double.NaN;
            double[][] before = [.. together.Parameters.Select(p => p.Values())];
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
                (norm, gradients) = Separately(apart, poisoned);
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
            if (Wrong(report.Statistics, gradients, before, [.. together.Parameters.Select(p => p.Values())]) is { } wrong)
                return place + wrong;
            if (poisoned && report.NotFinite != together.Parameters[^1].Parameter)
                return $"{place}{report.NotFinite} is named as not finite";
            if (Side.Difference(together, apart, gradients: !(poisoned && (closure || Around.After == GradientsAfter.Kept))) is { } difference)
                return place + difference;
        }
        return null;
    }

    /// <summary>What is wrong with statistics; null when nothing is.</summary>
    string? Wrong(StepStatistics? statistics, double gradients, double[][] before, double[][] after)
    {
        if (statistics is null)
            return Statistics ? "there are no statistics" : null;
        double values = Norm(before), moved = Norm([.. before.Zip(after, (b, a) => b.Zip(a, (x, y) => y - x).ToArray())]);
        var group = statistics.Groups[0];
        foreach (var (what, found, expected) in new[] { ("gradients", statistics.GradientNorm, gradients), ("gradients in the group", group.GradientNorm, gradients),
            ("weights", group.ParameterNorm, statistics.Skipped ? double.NaN : values), ("update", group.UpdateNorm, statistics.Skipped ? 0 : moved) })
        {
            bool isKnown = double.IsFinite(expected) || !what.StartsWith("gradients", StringComparison.Ordinal);
            bool isRounded = Setting.Sparse && Setting.Type.IsHalf() && what.StartsWith("gradients", StringComparison.Ordinal); // sums of a row's parts are
            if (isKnown && !(found.Equals(expected) || Math.Abs(found - expected) <= (isRounded ? 1e-3 : 1e-9) * expected))
                return string.Create(CultureInfo.InvariantCulture, $"the norm of the {what} is {found:R}, and {expected:R} by hand");
        }
        return null;

        static double Norm(double[][] numbers) => Math.Sqrt(numbers.Sum(n => n.Sum(x => x * x)));
    }

    (double Norm, double Gradients) Separately(Side side, bool poisoned)
    {
        side.Scaler?.Unscale(side.Made);
        var parameters = side.Parameters.Select(p => p.Parameter);
        if (Around.Batches > 1)
            Gradients.Scale(parameters, 1.0 / Around.Batches);
        double gradients = Math.Sqrt(side.Parameters.Sum(p => p.GradientNow().Sum(x => x * x)));
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
        return (norm, gradients);
    }

    double Clip(Side side)
    {
        var parameters = side.Parameters.Select(p => p.Parameter);
        double norm = Around.MaxNorm is { } max ? Gradients.ClipNorm(parameters, max, Around.Order) : double.NaN;
        if (Around.MaxValue is { } limit)
            Gradients.ClipValue(parameters, limit);
        return norm;
    }

    public override string ToString() => $"{Setting.Subject.Describe()}, {Setting}, {Source.Name}, {Around}, poison {Poison}";

    /// <summary>Parameters, optimizer, averages and scaler of one of the two ways.</summary>
    sealed class Side : IDisposable
    {
        readonly OnePassRun run;

        public Side(OnePassRun run)
        {
            this.run = run;
            Parameters = [.. run.Sizes.Select((n, i) =>
            {
                long[] shape = run.Setting.ShapeOf(n, i);
                return run.Source.Create($"p{i}", shape, run.Setting.Type, Numbers.Tame(Count(shape), Seed(i + 1)));
            })];
            Made = run.Setting.Create([.. Parameters.Select(p => p.Parameter)]);
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
                double[] numbers = !run.Setting.Subject.NeedsClosure
                    ? Numbers.Tame(Count(parameter.Parameter.Shape), Seed(100 * step + i))
                    : Array.ConvertAll(parameter.Values(), x => x - 0.5); // a bowl's, for an optimizer that looks at the loss
                loss += numbers.Sum(x => x * x) / 2;
                if (poisoned && i == Parameters.Length - 1)
                    numbers[^1] = run.Poison;
                if (run.Setting.Sparse)
                {
                    long rows = parameter.Parameter.Shape[0], touched = rows == 0 ? 0 : Math.Max(2, rows / 2);
                    int rowSize = Count(parameter.Parameter.Shape[1..]);
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
                    return $"parameter 'p{i}' has a gradient in one way";
                string? difference = Different(a.run.Setting.Type, "values", p.Values(), q.Values())
                    ?? (gradients ? Different(a.run.Setting.Type, "gradient", p.GradientNow(), q.GradientNow()) : null)
                    ?? Different(a.run.Setting.Type, "average", a.Averages?.Average($"p{i}").ToDoubles() ?? [], b.Averages?.Average($"p{i}").ToDoubles() ?? [])
                    ?? (s?.Step != t?.Step ? $"step count is {s?.Step}, and {t?.Step} by separate calls" : null)
                    ?? (string.Join(' ', s?.TensorKeys ?? []) != string.Join(' ', t?.TensorKeys ?? []) ? "state has other tensors" : null);
                foreach (string key in s?.TensorKeys ?? [])
                    difference ??= Different(a.run.Setting.Type, key, s!.Tensor(key), t!.Tensor(key));
                foreach (string key in s?.ListKeys ?? [])
                    difference ??= Different(a.run.Setting.Type, key, [.. s!.TensorList(key).SelectMany(x => x)], [.. t!.TensorList(key).SelectMany(x => x)]);
                foreach (string key in s?.ScalarKeys ?? [])
                    difference ??= Different(a.run.Setting.Type, key, [s!.Scalar(key)], [t!.Scalar(key)]);
                if (difference is not null)
                    return $"parameter 'p{i}': {difference}";
            }
            return null;
        }

        static string? Different(ElementType type, string what, double[] a, double[] b)
        {
            if (a.Length != b.Length)
                return $"{what} has {a.Length} numbers, and {b.Length} by separate calls";
            for (int i = 0; i < a.Length; i++)
            {
                if (Outcome.Bits(a[i]) != Outcome.Bits(b[i]))
                    return $"{what}, number {i} of {a.Length}, is {Outcome.Text(a[i], type)}, and {Outcome.Text(b[i], type)} by separate calls";
            }
            return null;
        }

        ulong Seed(int number) => (ulong)(number + 1000 * (run.Setting.Options.Seed - 1));

        int Count(ReadOnlySpan<long> shape)
        {
            long count = run.Setting.Parts;
            foreach (long size in shape)
                count *= size;
            return (int)count;
        }

        public void Dispose()
        {
            Averages?.Dispose();
            Made.Dispose();
            foreach (var parameter in Parameters)
                parameter.Dispose();
        }
    }
}
