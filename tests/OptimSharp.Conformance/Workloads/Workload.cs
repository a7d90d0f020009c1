using System.Numerics;
using System.Runtime.InteropServices;

namespace OptimSharp.Conformance.Workloads;

/// <summary>
/// A few steps of one optimizer over made-up numbers. The numbers come in one stream over all parameters, and the outcome is
/// read in one: so it does not depend on how many parameters share them, unless the optimizer's step does.
/// </summary>
public sealed record Workload(Type Optimizer, KeyValuePair<string, object?>[] Options, ElementType Type)
{
    const int RowSize = 5; // of parameters with sparse gradients

    /// <summary>How many elements each parameter has, about.</summary>
    public int[] Sizes { get; init; } = [130];

    public int Steps { get; init; } = 3;

    public HostLayout Layout { get; init; } = HostLayout.Arrays;

    public StatePrecision Precision { get; init; } = StatePrecision.Compute;

    /// <summary>Whether gradients are some rows only, in any order, with repetitions.</summary>
    public bool Sparse { get; init; }

    /// <summary>
    /// One for each set of options: with dense gradients where the optimizer takes them, with sparse ones where it takes those,
    /// and for half types with state in either precision.
    /// </summary>
    public static IEnumerable<Workload> All(Type optimizer, ElementType type)
    {
        // State in half precision takes another way through the engine.
        StatePrecision[] precisions = type is ElementType.Float16 or ElementType.BFloat16 ? Enum.GetValues<StatePrecision>() : [default];
        return
            from precision in precisions
            from sparse in new[] { false, true }
            from options in sparse ? OptimizerSamples.SparseOptionSets(optimizer) : OptimizerSamples.OptionSets(optimizer)
            select new Workload(optimizer, options, type) { Precision = precision, Sparse = sparse };
    }

    /// <summary>Runs it.</summary>
    public Outcome Run() => Type switch
    {
        ElementType.Float32 => Run<float, float>(x => (float)x, x => x),
        ElementType.Float64 => Run<double, double>(x => x, x => x),
        ElementType.Float16 => Run<Half, Half>(x => (Half)x, x => (double)x),
        ElementType.BFloat16 => Run<BFloat16, BFloat16>(x => (BFloat16)(float)x, x => x),
        ElementType.Complex64 => Run<Complex64, float>(x => (float)x, x => x),
        _ => Run<Complex, double>(x => x, x => x),
    };

    public override string ToString() => $"{Optimizer.Name}({string.Join(", ", Options.Select(o => $"{o.Key}={Text(o.Value)}"))}) {Type}{(Sparse ? " sparse" : "")}";

    /// <typeparam name="T">The parameters' elements.</typeparam>
    /// <typeparam name="TReal">The numbers that one consists of.</typeparam>
    Outcome Run<T, TReal>(Func<double, TReal> store, Func<TReal, double> load)
        where T : unmanaged
        where TReal : unmanaged
    {
        long[][] shapes = [.. Sizes.Select((n, i) => Sparse ? [n / RowSize, RowSize] : OptimizerSamples.ShapeOf(Optimizer, n, i))];
        var parameters = shapes.Select((s, i) => Layout.Create<T>($"p{i}", s, Count(s))).ToArray();
        try
        {
            int parts = typeof(T) == typeof(TReal) ? 1 : 2;
            var (values, gradients) = Made<TReal>.For(this, parts * shapes.Sum(Count), store);
            Deal<T, TReal>(values, parameters, p => p.Values);
            var options = OptimizerSamples.StepsAlone(Optimizer) ? Options : [.. Options, new("max_iter", 4)]; // each is a step by itself
            using var optimizer = OptimizerDriver.For(Optimizer).Create([.. parameters.Select(p => p.Parameter)], options, Precision);
            for (int step = 0; step < Steps; step++)
            {
                if (Sparse)
                    DealRows(MemoryMarshal.Cast<TReal, T>(gradients[step]), parameters, step);
                else
                    Deal<T, TReal>(gradients[step], parameters, p => p.UseGradient());
                if (OptimizerSamples.StepsAlone(Optimizer))
                    optimizer.Step();
                else
                    optimizer.Step(() => Bowl(gradients[0], parameters, store, load));
            }
            return Read<T, TReal>(optimizer, parameters, load);
        }
        finally
        {
            foreach (var parameter in parameters)
                parameter.Dispose();
        }

        static int Count(long[] shape) => (int)shape.Aggregate(1L, (a, b) => a * b);
    }

    /// <summary>The numbers made last, which the next workload often needs again.</summary>
    static class Made<T>
    {
        static readonly Lock Gate = new();
        static (int Count, int Steps, bool Elementwise) key;
        static (T[] Values, T[][] Gradients) made;

        public static (T[] Values, T[][] Gradients) For(Workload workload, int count, Func<double, T> store)
        {
            bool elementwise = OptimizerSamples.IsElementwise(workload.Optimizer);
            lock (Gate)
            {
                if (key != (count, workload.Steps, elementwise))
                {
                    made = (Stored(elementwise ? Numbers.Finite(count, 1, workload.Type) : Numbers.Tame(count, 1)),
                        [.. Enumerable.Range(0, workload.Steps).Select(k => Stored(Gradient(k)))]);
                    key = (count, workload.Steps, elementwise);
                }
                return made;
            }

            T[] Stored(double[] numbers) => Array.ConvertAll(numbers, x => store(x));

            // Only the second step has numbers that are not finite: with some in each there would soon be few others.
            double[] Gradient(int step) =>
                !elementwise ? Numbers.Tame(count, (ulong)step + 2)
                : step == 1 ? Numbers.Wild(count, 3, workload.Type)
                : Numbers.Finite(count, (ulong)step + 2, workload.Type);
        }
    }

    static void Deal<T, TReal>(ReadOnlySpan<TReal> numbers, HostParameter<T>[] parameters, Func<HostParameter<T>, Span<T>> to)
        where T : unmanaged
        where TReal : unmanaged
    {
        foreach (var parameter in parameters)
        {
            var span = MemoryMarshal.Cast<T, TReal>(to(parameter));
            numbers[..span.Length].CopyTo(span);
            numbers = numbers[span.Length..];
        }
    }

    /// <summary>A third of the rows, or none, in no order; every second of them twice.</summary>
    static void DealRows<T>(ReadOnlySpan<T> numbers, HostParameter<T>[] parameters, int step) where T : unmanaged
    {
        foreach (var parameter in parameters)
        {
            long rows = parameter.Values.Length / RowSize;
            long[] indices = [.. Enumerable.Range(0, (int)rows / 2).Select(i => (i * 7L + step) % rows / (1 + i % 2))];
            parameter.Parameter.SparseGradient = new(indices, numbers[..(indices.Length * RowSize)].ToArray());
            numbers = numbers[parameter.Values.Length..];
        }
    }

    /// <summary>The loss Σ ½c(p − a)², and its gradients, for made-up c between 0 and 2 and a = ½.</summary>
    static double Bowl<T, TReal>(TReal[] curvatures, HostParameter<T>[] parameters, Func<double, TReal> store, Func<TReal, double> load)
        where T : unmanaged
        where TReal : unmanaged
    {
        double loss = 0;
        int at = 0;
        foreach (var parameter in parameters)
        {
            var values = MemoryMarshal.Cast<T, TReal>(parameter.Values);
            var gradient = MemoryMarshal.Cast<T, TReal>(parameter.UseGradient());
            for (int i = 0; i < values.Length; i++)
            {
                double c = 1 + load(curvatures[at++]), distance = load(values[i]) - 0.5;
                loss += c * distance * distance / 2;
                gradient[i] = store(c * distance);
            }
        }
        return loss;
    }

    static Outcome Read<T, TReal>(Optimizer optimizer, HostParameter<T>[] parameters, Func<TReal, double> load)
        where T : unmanaged
        where TReal : unmanaged
    {
        var outcome = new Dictionary<string, List<double>> { ["parameter"] = [] };
        foreach (var parameter in parameters)
        {
            outcome["parameter"].AddRange(Array.ConvertAll(MemoryMarshal.Cast<T, TReal>(parameter.Values).ToArray(), x => load(x)));
            var state = optimizer.StateOf(parameter.Parameter);
            foreach (string key in state?.TensorKeys ?? [])
                Of(key).AddRange(state!.Tensor(key));
            foreach (string key in state?.ListKeys ?? [])
                Of(key).AddRange(state!.TensorList(key).SelectMany(x => x));
            foreach (string key in state?.ScalarKeys ?? [])
                Same(key, state!.Scalar(key));
            Same("step", state?.Step ?? 0);
        }
        return new(outcome.ToDictionary(x => x.Key, x => x.Value.ToArray()));

        List<double> Of(string key) => outcome.TryGetValue(key, out var list) ? list : outcome[key] = [];

        void Same(string key, double value)
        {
            if (Of(key) is var list && list.Count == 0)
                list.Add(value);
            else if (list[0] != value)
                throw new ConformanceException($"'{key}' is {value} for one parameter and {list[0]} for another");
        }
    }

    static string Text(object? value) => value is object?[] list ? $"({string.Join(", ", list.Select(Text))})" : FormattableString.Invariant($"{value}");
}

/// <summary>All numbers that a workload left: parameters, and state by name.</summary>
public sealed class Outcome(IReadOnlyDictionary<string, double[]> numbers)
{
    public IReadOnlyDictionary<string, double[]> Numbers => numbers;

    /// <summary>Where the bits of two outcomes differ, in words; null when nowhere. Any NaN is like any other: IEEE 754 leaves its sign and payload open.</summary>
    public string? Difference(Outcome other)
    {
        if (!numbers.Keys.Order().SequenceEqual(other.Numbers.Keys.Order()))
            return $"{{{string.Join(", ", numbers.Keys)}}} or {{{string.Join(", ", other.Numbers.Keys)}}}";
        foreach (var (key, mine) in numbers)
        {
            var theirs = other.Numbers[key];
            if (mine.Length != theirs.Length)
                return $"{key}: {mine.Length} or {theirs.Length} numbers";
            for (int i = 0; i < mine.Length; i++)
            {
                if (Bits(mine[i]) != Bits(theirs[i]))
                    return FormattableString.Invariant($"{key}, element {i} of {mine.Length}: {mine[i]:R} or {theirs[i]:R}");
            }
        }
        return null;
    }

    /// <summary>A number that depends on every bit.</summary>
    public ulong Hash()
    {
        ulong hash = 14695981039346656037;
        foreach (double number in numbers.OrderBy(x => x.Key, StringComparer.Ordinal).SelectMany(x => x.Value))
            hash = ulong.RotateLeft((hash ^ Bits(number)) * 1099511628211, 23);
        return hash;
    }

    static ulong Bits(double x) => BitConverter.DoubleToUInt64Bits(double.IsNaN(x) ? double.NaN : x);
}
