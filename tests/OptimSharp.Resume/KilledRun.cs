using OptimSharp.Schedulers;

namespace OptimSharp.Resume;

/// <summary>
/// Trains and saves after every step, and goes on from the newest checkpoint that is there. Prints the step that it begins with, each that is saved, and
/// at the end a hash of all its bits.
/// </summary>
static class KilledRun
{
    public static void Train(string folder, int steps)
    {
        var weights = Parameter.Of("weights", Draw(0, 12 * 40), [12, 40]);
        var bias = Parameter.Of("bias", Draw(1, 40), [40]);
        Parameter<float>[] model = [weights, bias];
        using var optimizer = new AdamW(model, new() { LearningRate = 0.01, AMSGrad = true });
        var scheduler = new OneCycleLR(optimizer, maxLr: 0.1, totalSteps: steps);
        using var average = new AveragedParameters(model, Averaging.Ema(0.9));

        using var checkpoints = new CheckpointDirectory(folder, new() { KeepLast = 3 });
        int step = 0;
        if (checkpoints.LoadLatest() is { } saved)
        {
            foreach (var parameter in model)
                saved.GetDict("model").GetTensor(parameter.Name).ToArray<float>().CopyTo(parameter.Values);
            optimizer.LoadStateDict(saved.GetDict("optimizer"));
            scheduler.LoadStateDict(saved.GetDict("scheduler"));
            average.LoadStateDict(saved.GetDict("average"));
            step = (int)saved.GetInt64("step");
        }
        Console.WriteLine(step);

        while (step < steps)
        {
            foreach (var parameter in model) // the gradient of ½(p − a)², with another a in each step
            {
                float[] gradient = Draw(step + 2, parameter.Values.Length);
                for (int i = 0; i < gradient.Length; i++)
                    gradient[i] = parameter.Values.Span[i] - gradient[i];
                parameter.Gradient = gradient;
            }
            optimizer.Step();
            average.Update();
            if (++step < steps)
                scheduler.Step();
            checkpoints.Save(step, State());
            Console.WriteLine(step);
        }
        Console.WriteLine(Bits.Hash(State()));

        StateDict State() => new()
        {
            { "model", new StateDict { { "weights", TensorData.Of<float>(weights.Values.Span, 12, 40) }, { "bias", TensorData.Of<float>(bias.Values.Span, 40) } } },
            { "optimizer", optimizer.StateDict() },
            { "scheduler", scheduler.StateDict() },
            { "average", average.StateDict() },
            { "step", step },
        };
    }

    static float[] Draw(int seed, int count)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ => random.NextSingle() * 2 - 1)];
    }
}
