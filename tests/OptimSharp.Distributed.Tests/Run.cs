using OptimSharp.Engine;

namespace OptimSharp.Distributed.Tests;

/// <summary>A training whose gradients are made up: of each shard, step and parameter others, and of the parameters' values.</summary>
sealed class Run
{
    public const int Steps = 4;

    readonly int shards;
    readonly Func<IReadOnlyList<Parameter>, Optimizer> create;
    readonly long[][] shapes;
    readonly ElementType type;

    public Run(int shards, Func<IReadOnlyList<Parameter>, Optimizer> create, long[][] shapes, ElementType type = ElementType.Float32)
    {
        (this.shards, this.create, this.shapes, this.type) = (shards, create, shapes, type);
    }

    /// <summary>Which shards have no data, by step.</summary>
    public Func<int, int, bool> IsMissing { get; init; } = (step, shard) => false;

    /// <summary>Which parameters a shard does not use.</summary>
    public Func<int, int, int, bool> IsUnused { get; init; } = (step, shard, parameter) => false;

    /// <summary>Which shards' gradients overflow.</summary>
    public Func<int, int, bool> Overflows { get; init; } = (step, shard) => false;

    /// <summary>Takes a step, once the optimizer's parameters have gradients.</summary>
    public Func<Optimizer, IReadOnlyList<Parameter>, Action> Stepper { get; init; } = (optimizer, parameters) => optimizer.Step;

    /// <summary>One process, without anything of this library's but the optimizer: sums by recursion.</summary>
    public Result Alone()
    {
        var parameters = Parameters();
        using var optimizer = create(parameters);
        var step = Stepper(optimizer, parameters);
        for (int t = 0; t < Steps; t++)
        {
            int taken = Enumerable.Range(0, shards).Count(shard => !IsMissing(t, shard));
            for (int p = 0; p < parameters.Count; p++)
                Give(parameters[p], Tree(t, p, parameters[p], 0, (int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)shards)), taken);
            step();
        }
        return Result.Of(parameters, optimizer.StateDict(), 0);
    }

    /// <summary>Ranks that are threads.</summary>
    public Result[] Ranks(int ranks, StateSharding sharding, long bucketBytes = 100_000) => LocalRanks.Run(ranks, communicator =>
    {
        communicator.TimeLimit = TimeSpan.FromSeconds(60);
        var parameters = Parameters();
        using var optimizer = create(parameters);
        using var distributed = new DistributedOptimizer(optimizer, communicator, new() { Shards = shards, Sharding = sharding, BucketBytes = bucketBytes });
        var step = Stepper(optimizer, parameters);
        for (int t = 0; t < Steps; t++)
        {
            Accumulate(distributed, parameters, t);
            step();
        }
        long bytes = distributed.StateBytes;
        return Result.Of(parameters, optimizer.StateDict(), bytes);
    });

    /// <summary>The shards of a step.</summary>
    public void Accumulate(DistributedOptimizer distributed, IReadOnlyList<Parameter> parameters, int t)
    {
        foreach (int shard in distributed.Shards)
        {
            if (IsMissing(t, shard))
                continue;
            for (int p = 0; p < parameters.Count; p++)
            {
                if (!IsUnused(t, shard, p))
                    Set(parameters[p], Gradient(t, shard, p, parameters[p]));
            }
            distributed.Accumulate();
        }
        distributed.Synchronize();
    }

    public List<Parameter> Parameters() => [.. shapes.Select((shape, i) => Made($"p{i}", shape, i))];

    Parameter Made(string name, long[] shape, int seed)
    {
        double[] values = Numbers((int)shape.Aggregate(1L, (x, y) => x * y) * type.Parts(), seed);
        return type switch
        {
            ElementType.Float32 => Parameter.Of(name, Array.ConvertAll(values, x => (float)x), shape),
            ElementType.Float64 => Parameter.Of(name, values, shape),
            ElementType.BFloat16 => Parameter.Of(name, Array.ConvertAll(values, x => (BFloat16)(float)x), shape),
            ElementType.Float16 => Parameter.Of(name, Array.ConvertAll(values, x => (Half)x), shape),
            _ => Parameter.Of(name, values.Chunk(2).Select(x => new Complex64((float)x[0], (float)x[1])).ToArray(), shape),
        };
    }

    /// <summary>Numbers over several decades, of either sign.</summary>
    static double[] Numbers(int count, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ => (random.NextDouble() - 0.5) * Math.Pow(10, random.Next(-3, 2)))];
    }

    double[] Gradient(int t, int shard, int p, Parameter parameter)
    {
        var numbers = Numbers((int)parameter.Numbers, 1000 * t + 17 * shard + p);
        var values = Values(parameter);
        for (int i = 0; i < numbers.Length; i++)
            numbers[i] += 0.01 * values[i];
        if (p == 0 && Overflows(t, shard))
            numbers[^1] = double.PositiveInfinity;
        return Rounded(numbers);
    }

    double[] Rounded(double[] x) => type switch
    {
        ElementType.Float64 => x,
        ElementType.BFloat16 => Array.ConvertAll(x, v => (double)(float)(BFloat16)(float)v),
        ElementType.Float16 => Array.ConvertAll(x, v => (double)(Half)v),
        _ => Array.ConvertAll(x, v => (double)(float)v),
    };

    double[]? Tree(int t, int p, Parameter parameter, int first, int count)
    {
        if (first >= shards)
            return null;
        if (count == 1)
            return IsMissing(t, first) || IsUnused(t, first, p) ? null : Gradient(t, first, p, parameter);
        double[]? left = Tree(t, p, parameter, first, count / 2), right = Tree(t, p, parameter, first + count / 2, count / 2);
        if (left is null || right is null)
            return left ?? right;
        return [.. left.Zip(right, (x, y) => type == ElementType.Float64 ? x + y : (float)x + (float)y)];
    }

    void Give(Parameter parameter, double[]? sum, int taken) =>
        Set(parameter, sum is null ? null : [.. sum.Select(x => type == ElementType.Float64 ? x / taken : (float)x / taken)]);

    public static void Set(Parameter parameter, double[]? gradient)
    {
        switch (parameter)
        {
            case Parameter<float> x: x.Gradient = gradient is null ? null : Array.ConvertAll(gradient, v => (float)v); break;
            case Parameter<double> x: x.Gradient = gradient; break;
            case Parameter<BFloat16> x: x.Gradient = gradient is null ? null : Array.ConvertAll(gradient, v => (BFloat16)(float)v); break;
            case Parameter<Half> x: x.Gradient = gradient is null ? null : Array.ConvertAll(gradient, v => (Half)v); break;
            case Parameter<Complex64> x: x.Gradient = gradient is null ? null : gradient.Chunk(2).Select(v => new Complex64((float)v[0], (float)v[1])).ToArray(); break;
        }
    }

    public static unsafe double[] Values(Parameter parameter)
    {
        var values = new double[parameter.Numbers];
        fixed (double* to = values)
            parameter.Read(to, ofGradient: false);
        return values;
    }
}
