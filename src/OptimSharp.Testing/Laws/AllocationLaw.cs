using System.Numerics;
namespace OptimSharp.Testing;

/// <summary>A warm step allocates nothing.</summary>
static class AllocationLaw
{
    public static Finding? Find(Subject subject)
    {
        if (subject.NeedsClosure)
            return null;
        foreach (bool sparse in (bool[])[false, true])
        {
            ElementType[] types = [.. subject.Types.Where(t => subject.Takes(t, sparse))];
            if (types.Length == 0)
                continue;
            if (Find(subject, types, sparse, threads: 1) is { } found)
                return found;
            if (subject.Options.Alone && Find(subject, types, sparse, threads: 2) is { } amongThreads)
                return amongThreads;
        }
        return null;
    }

    static Finding? Find(Subject subject, ElementType[] types, bool sparse, int threads)
    {
        int[] sizes = subject.Options.Sizes is { } given ? [.. given] : [.. Enumerable.Repeat(400, 24)];
        Parameter[] parameters = [.. sizes.Select((size, i) => Made(new Setting(subject, types[i % types.Length], default, sparse), size, i))];
        // Two groups, where there are enough parameters: the step loops over them, too.
        int first = Math.Max(1, parameters.Length * 3 / 4);
        using var optimizer = subject.Create(parameters[..first]);
        if (first < parameters.Length)
            GroupChanges.For(optimizer).AddGroup(optimizer, parameters[first..], optimizer.ParameterGroups[0].LearningRate);
        using var averages = new AveragedParameters(parameters, Averaging.Ema(0.9));
        var whole = new TrainingStep(optimizer, new()
        {
            MaxNorm = 1,
            MaxValue = types.Any(t => t.IsComplex()) ? null : 0.5,
            Averages = averages,
            GradientsAfter = sparse ? GradientsAfter.Kept : GradientsAfter.Zeroed,
        });
        using var scope = new ExecutionScope(threads);
        string? difference = Problem(optimizer.Step, 100, "") ?? Problem(() => whole.Step(), 25, " within a training step");
        return difference is null ? null
            : new(difference, FormattableString.Invariant($"{parameters.Length} parameters of {string.Join(", ", types)}, {(sparse ? "sparse" : "dense")} gradients, {threads} {(threads == 1 ? "thread" : "threads")}"));

        string? Problem(Action step, int steps, string where) => Least(step, steps, threads > 1) is var bytes and > 0
            ? FormattableString.Invariant($"{steps} warm steps{where} allocate {bytes} bytes") : null;
    }

    /// <summary>The fewest bytes in some attempts: the runtime itself may allocate now and then (a new thread in the pool, say), but not five times running.</summary>
    static long Least(Action step, int steps, bool ofAllThreads)
    {
        long least = long.MaxValue;
        for (int attempt = 0; attempt < 5 && least > 0; attempt++)
        {
            for (int i = 0; i < 3; i++)
                step();
            long before = Allocated();
            for (int i = 0; i < steps; i++)
                step();
            least = Math.Min(least, Allocated() - before);
        }
        return least;

        long Allocated() => ofAllThreads ? GC.GetTotalAllocatedBytes(precise: true) : GC.GetAllocatedBytesForCurrentThread();
    }

    static Parameter Made(Setting setting, int size, int index)
    {
        long[] shape = setting.ShapeOf(size, index);
        return setting.Type switch
        {
            ElementType.Float32 => With(1f),
            ElementType.Float64 => With(1.0),
            ElementType.Float16 => With((Half)1),
            ElementType.BFloat16 => With((BFloat16)1),
            ElementType.Complex64 => With(new Complex64(1, 1)),
            _ => With(new Complex(1, 1)),
        };

        Parameter With<T>(T gradient) where T : unmanaged
        {
            var parameter = Parameter.Of($"p{index}", new T[shape.Aggregate(1L, (a, b) => a * b)], shape);
            if (setting.Sparse)
            {
                long[] indices = shape[0] == 0 ? [] : [shape[0] / 2, shape[0] - 1, 0, shape[0] / 2];
                parameter.SparseGradient = new(indices, Enumerable.Repeat(gradient, indices.Length * (int)shape[1]).ToArray());
            }
            else
            {
                parameter.UseGradient().Fill(gradient);
            }
            return parameter;
        }
    }
}
