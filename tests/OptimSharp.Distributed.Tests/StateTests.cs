namespace OptimSharp.Distributed.Tests;

/// <summary>State dicts know no ranks.</summary>
public sealed class StateTests
{
    static readonly long[][] Shapes = [[5000], [16, 700], [], [3], [2, 4100]];

    public static TheoryData<string> Kinds => ["AdamW", "AdamW in 8 bits", "Adafactor", "Prodigy", "SOAP", "SOAP in 8 bits", "Muon and AdamW"];

    internal static Optimizer Make(string kind, IReadOnlyList<Parameter> p) => kind switch
    {
        "AdamW" => new AdamW(p, new() { LearningRate = 0.01, AMSGrad = true }),
        "AdamW in 8 bits" => new AdamW(p, new() { LearningRate = 0.01, StatePrecision = StatePrecision.Dynamic8 }),
        "Adafactor" => new Adafactor(p),
        "Prodigy" => new Prodigy(p),
        "SOAP in 8 bits" => new SOAP(p, new() { MaxPreconditionerDimension = 64, StatePrecision = StatePrecision.Dynamic8 }),
        "SOAP" => new SOAP(p, new() { MaxPreconditionerDimension = 64 }),
        _ => new CombinedOptimizer(new Muon(p.Where(x => x.Shape.Length == 2)), new AdamW(p.Where(x => x.Shape.Length != 2))),
    };

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Saved_on_some_ranks_and_loaded_on_others_training_goes_on_with_the_same_bits(string kind)
    {
        var run = new Run(8, p => Make(kind, p), Shapes);
        var whole = run.Alone();
        foreach (var (before, after) in (((int, StateSharding), (int, StateSharding))[])
            [((2, StateSharding.Sharded), (4, StateSharding.Sharded)), ((4, StateSharding.Sharded), (1, StateSharding.Replicated)), ((1, StateSharding.Replicated), (3, StateSharding.Sharded)), ((2, StateSharding.Replicated), (2, StateSharding.Sharded))])
        {
            var (parameters, state) = Train(run, kind, before, 0, 2, null)[0];
            foreach (var (values, end) in Train(run, kind, after, 2, Run.Steps, (parameters, state)))
            {
                var result = Result.Of(values, end, 0);
                Assert.Equal(whole.Parameters, result.Parameters);
                Assert.Equal(whole.State, result.State);
            }
        }
    }

    static (List<Parameter>, StateDict)[] Train(Run run, string kind, (int Ranks, StateSharding Sharding) how, int first, int last, (List<Parameter> Parameters, StateDict State)? from) => LocalRanks.Run(how.Ranks, communicator =>
    {
        communicator.TimeLimit = TimeSpan.FromSeconds(60);
        var parameters = run.Parameters();
        foreach (var (i, parameter) in (from?.Parameters ?? []).Index())
            ((Parameter<float>)parameter).Values.CopyTo(((Parameter<float>)parameters[i]).Values);
        using var optimizer = Make(kind, parameters);
        using var distributed = new DistributedOptimizer(optimizer, communicator, new() { Shards = 8, Sharding = how.Sharding });
        if (from is not null)
            optimizer.LoadStateDict(from.Value.State);
        for (int t = first; t < last; t++)
        {
            run.Accumulate(distributed, parameters, t);
            distributed.Step();
        }
        return (parameters, optimizer.StateDict());
    });

    [Fact]
    public void State_that_the_optimizer_had_is_shared_out()
    {
        var run = new Run(4, p => Make("AdamW", p), Shapes);
        var results = LocalRanks.Run(2, communicator =>
        {
            var parameters = run.Parameters();
            using var optimizer = Make("AdamW", parameters);
            foreach (var parameter in parameters)
                Run.Set(parameter, [.. Enumerable.Range(0, (int)parameter.Count).Select(i => i % 7 - 3.0)]);
            optimizer.Step();
            optimizer.ZeroGrad();
            var before = Result.Of(parameters, optimizer.StateDict(), 0);
            using var distributed = new DistributedOptimizer(optimizer, communicator, new() { Shards = 4, Sharding = StateSharding.Sharded });
            return (before, Result.Of(parameters, optimizer.StateDict(), distributed.StateBytes));
        });
        foreach (var (before, after) in results)
        {
            Assert.True(before.IsLike(after));
            Assert.InRange(after.StateBytes, 1, 200_000); // of 293,652 for three states of 24,471 numbers
        }
    }

    [Fact]
    public void A_state_that_does_not_fit_changes_nothing()
    {
        var run = new Run(4, p => Make("AdamW", p), Shapes);
        var results = LocalRanks.Run(2, communicator =>
        {
            communicator.TimeLimit = TimeSpan.FromSeconds(60);
            var parameters = run.Parameters();
            using var optimizer = Make("AdamW", parameters);
            using var distributed = new DistributedOptimizer(optimizer, communicator, new() { Shards = 4, Sharding = StateSharding.Sharded });
            for (int t = 0; t < Run.Steps; t++)
            {
                run.Accumulate(distributed, parameters, t);
                if (t == 2)
                    Assert.Throws<StateDictException>(() => optimizer.LoadStateDict([]));
                distributed.Step();
            }
            return Result.Of(parameters, optimizer.StateDict(), 0);
        });
        SameBitsTests.Compare(run.Alone(), results, "a failed loading in between");
    }

    [Fact]
    public void LBFGS_steps_on_ranks_that_have_all_of_its_state_and_is_refused_else()
    {
        var results = LocalRanks.Run(3, communicator =>
        {
            communicator.TimeLimit = TimeSpan.FromSeconds(60);
            return Minimized(communicator);
        }).Append(LocalRanks.Run(1, Minimized)[0]).ToList();
        Assert.All(results, r => Assert.Equal(results[0], r));
        Assert.InRange(results[0].Loss, 0, 1e-6); // the targets' spread is 0: all shards agree
        var error = Assert.Throws<AggregateException>(() => LocalRanks.Run(2, communicator =>
        {
            using var optimizer = new LBFGS([Parameter.Of("x", new float[3])]);
            using var distributed = new DistributedOptimizer(optimizer, communicator, new() { Sharding = StateSharding.Sharded });
        }));
        Assert.All(error.InnerExceptions, e => Assert.Contains("LBFGS", Assert.IsType<ArgumentException>(e).Message));

        static (double X, double Y, double Loss) Minimized(Communicator communicator)
        {
            double[] x = [3, -2];
            var parameter = Parameter.Of("x", x);
            using var optimizer = new LBFGS([parameter], new() { LearningRate = 0.5 });
            using var distributed = new DistributedOptimizer(optimizer, communicator, new() { Shards = 4 });
            for (int i = 0; i < 5; i++)
            {
                optimizer.Step(() =>
                {
                    foreach (int shard in distributed.Shards)
                    {
                        double weight = 1 + shard / 3.0;
                        parameter.Gradient = new double[] { 2 * weight * (x[0] - 1), 8 * weight * x[1] };
                        distributed.Accumulate(weight * ((x[0] - 1) * (x[0] - 1) + 4 * x[1] * x[1]));
                    }
                    return distributed.Synchronize();
                });
            }
            return (x[0], x[1], distributed.Loss);
        }
    }
}
