namespace OptimSharp.Distributed.Tests;

/// <summary>Ranks that train by themselves and meet now and then.</summary>
public sealed class DiLoCoTests
{
    const int H = 3, Meetings = 4;

    static double[] Gradient(double[] x, int rank) => [x[0] - rank, 4 * (x[1] + 1) + 0.1 * rank];

    /// <summary>By the formulas, in plain numbers: the workers' parameters, which are the same after each meeting.</summary>
    static double[] Expected(int ranks, double rate, double momentum)
    {
        double[] met = [3, -2], buffer = [0, 0];
        for (int meeting = 0; meeting < Meetings; meeting++)
        {
            double[] delta = [0, 0];
            for (int rank = 0; rank < ranks; rank++)
            {
                double[] x = [.. met];
                for (int k = 0; k < H; k++)
                    x = [.. x.Zip(Gradient(x, rank), (v, g) => v - 0.05 * g)];
                for (int i = 0; i < 2; i++)
                    delta[i] += (met[i] - x[i]) / ranks;
            }
            for (int i = 0; i < 2; i++)
            {
                buffer[i] = momentum * buffer[i] + delta[i];
                met[i] -= rate * (delta[i] + momentum * buffer[i]);
            }
        }
        return met;
    }

    static double[][] Train(int ranks, DiLoCoOptions options, int resumeAfter = -1) => LocalRanks.Run(ranks, communicator =>
    {
        double[] x = [3, -2];
        var parameter = Parameter.Of("x", x);
        var optimizer = new SGD([parameter], new() { LearningRate = 0.05 });
        var diloco = new DiLoCo(optimizer, communicator, options);
        for (int step = 0; step < H * Meetings; step++)
        {
            if (step == resumeAfter)
            {
                var state = diloco.StateDict();
                double[] own = [.. x];
                diloco.Dispose();
                double[] start = [3, -2];
                start.CopyTo(x, 0);
                diloco = new(optimizer, communicator, options);
                own.CopyTo(x, 0);
                diloco.LoadStateDict(state);
            }
            parameter.Gradient = Gradient(x, communicator.Rank);
            optimizer.Step();
        }
        Assert.Equal(0, diloco.StepsAhead);
        diloco.Dispose();
        optimizer.Dispose();
        return x;
    });

    [Theory]
    [InlineData(1, 0.7, 0.9)]
    [InlineData(3, 0.7, 0.9)]
    [InlineData(4, 1, 0)]
    public void Meets_by_the_formulas(int ranks, double rate, double momentum)
    {
        var expected = Expected(ranks, rate, momentum);
        var results = Train(ranks, new() { Steps = H, LearningRate = rate, Momentum = momentum });
        foreach (var x in results)
        {
            Assert.Equal(results[0], x); // to the bit
            Assert.Equal(expected[0], x[0], 1e-12);
            Assert.Equal(expected[1], x[1], 1e-12);
        }
        Assert.Equal(results, Train(ranks, new() { Steps = H, LearningRate = rate, Momentum = momentum }, resumeAfter: 7));
    }

    [Fact]
    public void On_one_rank_without_momentum_it_is_Lookahead()
    {
        double[] x = [3, -2];
        var parameter = Parameter.Of("x", x);
        using var optimizer = new SGD([parameter], new() { LearningRate = 0.05 });
        using var lookahead = new Lookahead(optimizer, new() { Steps = H, Alpha = 0.5 });
        for (int step = 0; step < H * Meetings; step++)
        {
            parameter.Gradient = Gradient(x, 0);
            optimizer.Step();
        }
        var diloco = Train(1, new() { Steps = H, LearningRate = 0.5, Momentum = 0 })[0];
        Assert.Equal(x[0], diloco[0], 1e-14);
        Assert.Equal(x[1], diloco[1], 1e-14);
    }

    [Fact]
    public void Parameters_with_something_beside_them_are_refused() => LocalRanks.Run(1, communicator =>
    {
        using var optimizer = new SGD([Parameter.Of("x", new BFloat16[2])], new() { ParameterPrecision = ParameterPrecision.Split });
        string message = Assert.Throws<ArgumentException>(() => new DiLoCo(optimizer, communicator)).Message;
        Assert.Contains("DiLoCo writes the parameters itself: their ParameterPrecision must be Nearest, but is Split.", message, StringComparison.Ordinal);
    });

    [Fact]
    public void Ranks_with_other_options_are_told()
    {
        var error = Assert.Throws<AggregateException>(() => LocalRanks.Run(2, communicator =>
        {
            using var optimizer = new SGD([Parameter.Of("x", new float[2])]);
            using var diloco = new DiLoCo(optimizer, communicator, new() { Steps = 2 + communicator.Rank });
        }));
        Assert.All(error.InnerExceptions, e => Assert.Contains("Steps of DiLoCo is 2 on rank 0; 3 on rank 1", e.Message));
    }
}
