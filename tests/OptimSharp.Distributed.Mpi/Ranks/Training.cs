using System.Security.Cryptography;
using OptimSharp.Conformance.Workloads;

namespace OptimSharp.Distributed.Processes.Ranks;

/// <summary>Trains with made-up gradients, which follow from the step, the shard and the parameters' values.</summary>
static class Training
{
    const int Shards = 8;

    static readonly long[][] shapes = [[3000], [16, 300], [30, 40], [7], [2, 2100]];

    /// <summary>Every public optimizer that steps alone, which all but LBFGS do, and takes dense gradients, which all but SparseAdam do.</summary>
    public static IEnumerable<Type> Optimizers =>
        from type in typeof(Optimizer).Assembly.GetExportedTypes()
        where !type.IsAbstract && type.IsSubclassOf(typeof(Optimizer)) && type != typeof(CombinedOptimizer)
        where OptimizerSamples.StepsAlone(type) && OptimizerSamples.TakesDenseGradients(type)
        orderby type.Name
        select type;

    /// <summary>Each optimizer in each mode.</summary>
    /// <returns>Lines with a hash of the parameters and of the whole state.</returns>
    public static IEnumerable<string> Hashes(Communicator communicator)
    {
        foreach (var type in Optimizers)
        {
            foreach (var sharding in Enum.GetValues<StateSharding>())
            {
                communicator.Activity = $"{type.Name}, {sharding}";
                var parameters = Parameters(type);
                using var optimizer = OptimizerSamples.Create(type, OptimizerSamples.OptionSets(type)[0])(parameters);
                using var distributed = new DistributedOptimizer(optimizer, communicator, new() { Shards = Shards, Sharding = sharding, BucketBytes = 20_000 });
                for (var step = 0; step < 3; step++)
                    Step(distributed, parameters, step);
                yield return $"{type.Name} {sharding} {Hash(State(optimizer.StateDict(), parameters, 3))}";
            }
        }
    }

    /// <summary>Trains with AdamW and saves after every step, from the last that is there on.</summary>
    /// <param name="communicator">The ranks.</param>
    /// <param name="folder">Where checkpoints are; null: nothing is saved.</param>
    /// <param name="steps">How many steps there are in all.</param>
    /// <param name="atStep">Is told each step before it is taken.</param>
    /// <returns>A hash of the parameters and of the whole state at the end.</returns>
    public static string GoOn(Communicator communicator, string? folder, int steps, Action<int>? atStep = null)
    {
        var parameters = Parameters(typeof(AdamW));
        using var checkpoints = communicator.Rank == 0 && folder is not null ? new CheckpointDirectory(folder, new() { KeepLast = 2 }) : null;
        using var optimizer = new AdamW(parameters, new() { LearningRate = 0.01, AMSGrad = true });
        var saved = communicator.Broadcast(checkpoints?.LoadLatest(), root: 0);
        foreach (var parameter in saved is null ? [] : parameters)
            saved!.GetDict("model").GetTensor(parameter.Name).ToArray<float>().CopyTo(parameter.Values);
        using var distributed = new DistributedOptimizer(optimizer, communicator, new() { Shards = Shards, Sharding = StateSharding.Sharded });
        if (saved is not null)
            optimizer.LoadStateDict(saved.GetDict("optimizer"));
        var step = (int)(saved?.GetInt64("step") ?? 0);
        if (checkpoints is not null)
            Console.Out.Write($"begins with step {step}\n");
        while (step < steps)
        {
            communicator.Activity = $"step {step}";
            atStep?.Invoke(step);
            Step(distributed, parameters, step++);
            if (folder is not null)
                distributed.Save(state => checkpoints!.Save(step, State(state, parameters, step)));
        }
        return Hash(State(optimizer.StateDict(), parameters, step));
    }

    static void Step(DistributedOptimizer distributed, List<Parameter<float>> parameters, int step)
    {
        foreach (var shard in distributed.Shards)
        {
            foreach (var (index, parameter) in parameters.Index())
                parameter.Gradient = Gradient(parameter, 1000 * step + 17 * shard + index);
            distributed.Accumulate();
        }
        distributed.Step();
    }

    static List<Parameter<float>> Parameters(Type optimizer)
    {
        var random = new Random(3);
        return
        [
            .. shapes.Where(shape => shape.Length > 1 || OptimizerSamples.TakesVectors(optimizer))
                .Select((shape, i) => Parameter.Of($"p{i}", Numbers(random, (int)shape.Aggregate((x, y) => x * y)), shape))
        ];
    }

    static float[] Gradient(Parameter<float> parameter, int seed)
    {
        var gradient = Numbers(new Random(seed), parameter.Values.Length);
        for (var i = 0; i < gradient.Length; i++)
            gradient[i] += 0.01f * parameter.Values.Span[i];
        return gradient;
    }

    /// <summary>Of either sign, over several decades: a sum in another order has other bits.</summary>
    static float[] Numbers(Random random, int count) =>
        [.. Enumerable.Range(0, count).Select(_ => (random.NextSingle() - 0.5f) * MathF.Pow(10, random.Next(-3, 2)))];

    static StateDict State(StateDict optimizer, List<Parameter<float>> parameters, long step)
    {
        StateDict model = [];
        foreach (var parameter in parameters)
            model.Add(parameter.Name, TensorData.Of<float>(parameter.Values.Span, parameter.Values.Length));
        return new() { { "model", model }, { "optimizer", optimizer }, { "step", step } };
    }

    static string Hash(StateDict state)
    {
        return $"parameters {Of("model")}, state {Of("optimizer")}";

        string Of(string name)
        {
            using var file = new MemoryStream();
            Checkpoint.Save(file, state.GetDict(name));
            return Convert.ToHexString(SHA256.HashData(file.ToArray()))[..16];
        }
    }
}
