namespace OptimSharp.AotCheck;

/// <summary>A small task that every optimizer must get better at: a linear map of four numbers to three, learned from 16 pairs.</summary>
static class Training
{
    const int Pairs = 16, In = 4, Out = 3;

    /// <summary>The problem; null when there is none.</summary>
    public static string? Run(Func<Parameter[][], Optimizer> create)
    {
        var random = new Random(1);
        float[] inputs = Draw(random, Pairs * In), truth = Draw(random, In * Out);
        var weights = Parameter.Of("weights", new float[In * Out], In, Out);
        using var optimizer = create([[weights]]);
        bool sparse = optimizer is SparseAdam;
        var gradient = new float[In * Out];
        long[] allRows = [.. Enumerable.Range(0, In).Select(i => (long)i)];

        double Closure()
        {
            optimizer.ZeroGrad();
            Array.Clear(gradient);
            double loss = Loss(inputs, truth, weights.Values.Span, gradient);
            if (sparse)
                weights.SparseGradient = new(allRows, gradient);
            else
                weights.Gradient = gradient;
            return loss;
        }

        double first = optimizer.Step(Closure);
        for (int i = 0; i < 100; i++)
            optimizer.Step(Closure);
        double last = Loss(inputs, truth, weights.Values.Span, gradient);
        return last < first ? null : $"the loss went from {first} to {last}";
    }

    static double Loss(float[] inputs, float[] truth, ReadOnlySpan<float> weights, Span<float> gradient)
    {
        double sum = 0;
        for (int pair = 0; pair < Pairs; pair++)
        {
            for (int o = 0; o < Out; o++)
            {
                float error = 0;
                for (int i = 0; i < In; i++)
                    error += inputs[pair * In + i] * (weights[i * Out + o] - truth[i * Out + o]);
                sum += error * error / Pairs;
                for (int i = 0; i < In; i++)
                    gradient[i * Out + o] += 2 * error * inputs[pair * In + i] / Pairs;
            }
        }
        return sum;
    }

    static float[] Draw(Random random, int count) => [.. Enumerable.Range(0, count).Select(_ => random.NextSingle() * 2 - 1)];
}
