namespace OptimSharp.Distributed.Tests;

/// <summary>Ranks that do not fit together are told who differs in what; wrong use, what to do.</summary>
public sealed class StartUpTests
{
    static string Refusal(Func<int, Optimizer> make, Func<int, DistributedOptions>? options = null)
    {
        var error = Assert.Throws<AggregateException>(() => LocalRanks.Run(3, communicator =>
        {
            using var optimizer = make(communicator.Rank);
            using var distributed = new DistributedOptimizer(optimizer, communicator, options?.Invoke(communicator.Rank));
        }));
        Assert.Equal(3, error.InnerExceptions.Count);
        return Assert.Single(error.InnerExceptions.Select(e => Assert.IsType<CommunicationException>(e).Message).Distinct());
    }

    [Fact]
    public void Differences_are_named()
    {
        Assert.Equal("The ranks do not fit together: parameter 1 of group 0 is 'b' [2] Float32 on ranks 0, 2; 'c' [2] Float32 on rank 1.",
            Refusal(rank => new SGD([Parameter.Of("a", new float[3]), Parameter.Of(rank == 1 ? "c" : "b", new float[2])])));
        Assert.Contains("parameter 0 of group 0 is 'a' [3] Float32 on ranks 0, 1; 'a' [3] Float64 on rank 2", Refusal(rank => new SGD([rank == 2 ? Parameter.Of("a", new double[3]) : Parameter.Of("a", new float[3])])));
        Assert.Equal("The ranks do not fit together: lr of group 0 is 0.1 on rank 0; 0.2 on ranks 1, 2.", Refusal(rank => new SGD([Parameter.Of("a", new float[3])], new() { LearningRate = rank == 0 ? 0.1 : 0.2 })));
        Assert.Contains("optimizer is SGD on rank 0; Adam on ranks 1, 2", Refusal(rank => rank == 0 ? new SGD([Parameter.Of("a", new float[3])]) : new Adam([Parameter.Of("a", new float[3])])));
        Assert.Contains("Shards is 8 on rank 0; 4 on ranks 1, 2", Refusal(rank => new SGD([Parameter.Of("a", new float[3])]), rank => new() { Shards = rank == 0 ? 8 : 4 }));
        Assert.Equal("The ranks do not fit together: number of groups is 1 on ranks 0, 2; 2 on rank 1.", Refusal(rank => rank == 1 ? new SGD([new([Parameter.Of("a", new float[3])]), new([Parameter.Of("b", new float[3])])]) : new SGD([Parameter.Of("a", new float[3]), Parameter.Of("b", new float[3])])));
        Assert.Equal("The ranks do not fit together: ParameterPrecision of group 0 is Split on ranks 0, 2; Stochastic(3) on rank 1.",
            Refusal(rank => new SGD([Parameter.Of("a", new BFloat16[3])], new() { ParameterPrecision = rank == 1 ? ParameterPrecision.Stochastic(3) : ParameterPrecision.Split })));
        Assert.Equal("The ranks do not fit together: number of parameters in group 0 is 2 on ranks 0, 2; 1 on rank 1.", Refusal(rank => new SGD(Enumerable.Range(0, rank == 1 ? 1 : 2).Select(i => Parameter.Of($"{i}", new float[3])))));
        Assert.StartsWith("The ranks do not fit together: values of parameter 'a' [3] Float32 is ", Refusal(rank => new SGD([Parameter.Of("a", new float[] { 1, 2, rank == 1 ? 3 : 4 })])));
    }

    [Fact]
    public void Rank_0_can_give_its_parameters_to_all()
    {
        var values = LocalRanks.Run(3, communicator =>
        {
            var a = new float[] { communicator.Rank, 5 };
            using var optimizer = new SGD([Parameter.Of("a", a)]);
            using var distributed = new DistributedOptimizer(optimizer, communicator, new() { BroadcastParameters = true });
            return a;
        });
        Assert.All(values, a => Assert.Equal([0f, 5f], a));
    }

    [Fact]
    public void Wrong_use_says_what_to_do()
    {
        using var communicator = LocalRanks.Create(1)[0];
        var a = Parameter.Of("a", new float[] { 1, 2 });
        using var optimizer = new SGD([a], new() { LearningRate = 1 });
        Assert.Throws<ArgumentOutOfRangeException>(() => new DistributedOptimizer(optimizer, communicator, new() { Shards = 0 }));
        Assert.Throws<ArgumentOutOfRangeException>(() => new DistributedOptimizer(optimizer, communicator, new() { BucketBytes = 0 }));
        using (var distributed = new DistributedOptimizer(optimizer, communicator, new() { Shards = 2 }))
        {
            Assert.Contains("go through Shards", Assert.Throws<InvalidOperationException>(() => distributed.Synchronize()).Message);
            Assert.Contains("loop over Shards", Assert.Throws<InvalidOperationException>(() => distributed.Accumulate()).Message);
            foreach (int shard in distributed.Shards)
            {
                a.Gradient = new float[] { 2, 4 };
                distributed.Accumulate(loss: shard);
                Assert.Contains("taken already", Assert.Throws<InvalidOperationException>(() => distributed.Accumulate()).Message);
            }
            Assert.Equal(0.5, distributed.Step()); // the mean of 0 and 1
            Assert.Equal([-1f, -2f], a.Values.ToArray());

            foreach (int shard in distributed.Shards) // sums over 3 and 1 examples
            {
                a.Gradient = new float[] { 2, 4 };
                distributed.Accumulate(6 - shard * 4, examples: shard == 0 ? 3 : 1);
            }
            Assert.Equal(2, distributed.Step());
            Assert.Equal([-2f, -4f], a.Values.ToArray());

            foreach (int shard in distributed.Shards)
            {
                a.SparseGradient = null;
                a.Gradient = new float[] { 2, 4 };
                if (shard == 0)
                    distributed.Accumulate(6, examples: 3);
                else
                    distributed.Accumulate(6);
            }
            Assert.Contains("1 of 2 shards said how many examples", Assert.Throws<CommunicationException>(() => distributed.Step()).Message);
            optimizer.AddParameterGroup(new([Parameter.Of("b", new float[1])]));
            Assert.Contains("anew", Assert.Throws<InvalidOperationException>(() => { foreach (int _ in distributed.Shards) { } }).Message);
        }
        optimizer.Step(); // alone again
    }

    [Fact]
    public void Sparse_gradients_are_refused_by_name()
    {
        using var communicator = LocalRanks.Create(1)[0];
        var table = Parameter.Of("table", new float[6], 3, 2);
        using var optimizer = new SGD([table]);
        using var distributed = new DistributedOptimizer(optimizer, communicator);
        foreach (int shard in distributed.Shards)
        {
            table.SparseGradient = new(new long[] { 1 }, new float[2]);
            Assert.Contains("'table'", Assert.Throws<InvalidOperationException>(() => distributed.Accumulate()).Message);
            Assert.True(table.HasGradient);
            break;
        }
    }
}
