using System.Diagnostics;
using OptimSharp.Benchmarks;

namespace OptimSharp.Distributed.Processes.Ranks;

/// <summary>What a step of AdamW takes on several ranks, by its parts, beside a sum of the same bytes by the library's own operation; and what state and messages it needs.</summary>
static class StepBench
{
    static readonly string[] Models = ["1x16M", "gpt6"];

    public static void Run()
    {
        using var communicator = new MpiCommunicator();
        Execution.ThreadCount = Math.Max(Environment.ProcessorCount / communicator.Size, 1);
        if (communicator.Rank == 0)
            Console.WriteLine($"{communicator.Library}, {communicator.Size} ranks, {Execution.ThreadCount} threads each; milliseconds, medians");
        foreach (var name in Models)
        {
            var shapes = Shapes.All[name];
            int count = (int)shapes.Sum(shape => shape.Aggregate((x, y) => x * y));
            float[] own = GC.AllocateArray<float>(count, true), sum = GC.AllocateArray<float>(count, true);
            double theirs = Median(communicator, () => Bench.Theirs(communicator, "MPI_Allreduce", own, sum, count))[0];
            foreach (var sharding in Enum.GetValues<StateSharding>())
                Measure(communicator, name, shapes, sharding, theirs);
        }
    }

    static void Measure(MpiCommunicator communicator, string name, long[][] shapes, StateSharding sharding, double theirs)
    {
        List<Parameter<float>> parameters = [.. shapes.Select((shape, i) => Parameter.Of($"p{i}", new float[shape.Aggregate((x, y) => x * y)], shape))];
        List<float[]> gradients = [.. parameters.Select(parameter => new float[parameter.Count])];
        foreach (var gradient in gradients)
            gradient.AsSpan().Fill(0.01f * (communicator.Rank + 1));
        using var optimizer = new AdamW(parameters);
        using var distributed = new DistributedOptimizer(optimizer, communicator, new() { Shards = communicator.Size, Sharding = sharding });
        long bytes = communicator.Sent.Bytes, steps = 0;
        var times = Median(communicator,
            () =>
            {
                foreach (int shard in distributed.Shards)
                {
                    foreach (var (i, parameter) in parameters.Index())
                        parameter.Gradient = gradients[i];
                    distributed.Accumulate();
                }
            },
            () => distributed.Synchronize(),
            () =>
            {
                optimizer.Step();
                steps++;
            });
        bytes = (communicator.Sent.Bytes - bytes) / steps;
        if (communicator.Rank == 0)
            Console.WriteLine(FormattableString.Invariant($"{name,-6} {sharding,-10} accumulate {times[0]:0.0}, synchronize {times[1]:0.0}, step {times[2]:0.0}, in all {times.Sum():0.0}; MPI_Allreduce {theirs:0.0}; state {distributed.StateBytes / 1e6:0.0} MB a rank, sent {bytes / 1e6:0.0} MB a step"));
    }

    /// <summary>The median of each action's times, taken one after the other.</summary>
    static double[] Median(Communicator communicator, params Action[] actions)
    {
        const int Times = 21;
        var all = new double[actions.Length][];
        for (int k = 0; k < all.Length; k++)
            all[k] = new double[Times];
        for (int i = -2; i < Times; i++)
        {
            communicator.Barrier();
            for (int k = 0; k < actions.Length; k++)
            {
                long start = Stopwatch.GetTimestamp();
                actions[k]();
                if (i >= 0)
                    all[k][i] = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
            }
        }
        return [.. all.Select(times => times.Order().ElementAt(Times / 2))];
    }
}
