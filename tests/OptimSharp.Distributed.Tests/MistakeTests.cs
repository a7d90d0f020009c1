namespace OptimSharp.Distributed.Tests;

/// <summary>What a program can do wrong on some ranks or on all is an error that says so, and not other numbers.</summary>
public sealed class MistakeTests
{
    public static TheoryData<StateSharding> Modes => [StateSharding.Replicated, StateSharding.Sharded];

    [Theory]
    [MemberData(nameof(Modes))]
    public void Gradients_that_were_not_accumulated_are_refused(StateSharding sharding) => OnRanks(2, sharding, (w, optimizer, distributed) =>
    {
        var error = Assert.Throws<InvalidOperationException>(() =>
        {
            foreach (int shard in distributed.Shards)
                Give(w, shard + 1);
        });
        Assert.Equal($"Shard {distributed.Shards.First} has a gradient of parameter {w} that was not accumulated: call Accumulate after backward() of all of it, or drop the gradients of a shard that is not to count.", error.Message);

        foreach (int shard in distributed.Shards)
        {
            Give(w, shard + 1);
            break; // not accumulated either
        }
        Assert.Contains("A shard of this step has a gradient", Assert.Throws<InvalidOperationException>(() => distributed.Step()).Message);
        Assert.Equal(0, w.Values.Span[0]);
    });

    [Theory]
    [MemberData(nameof(Modes))]
    public void A_step_with_gradients_of_one_rank_alone_is_refused(StateSharding sharding) => OnRanks(2, sharding, (w, optimizer, distributed) =>
    {
        Give(w, distributed.Communicator.Rank + 1);
        Assert.Contains("There was no loop over Shards since the start: go through Shards", Assert.Throws<InvalidOperationException>(optimizer.Step).Message);
        Step(w, distributed);
        Give(w, 1);
        Assert.Contains("There was no loop over Shards since step 1", Assert.Throws<InvalidOperationException>(() => distributed.Step()).Message);
        Assert.Equal(-0.25f, w.Values.Span[0]);
    });

    [Theory]
    [MemberData(nameof(Modes))]
    public void A_loop_that_is_left_early_counts_what_it_accumulated(StateSharding sharding) => OnRanks(2, sharding, (w, optimizer, distributed) =>
    {
        foreach (int shard in distributed.Shards)
        {
            Give(w, shard + 1);
            distributed.Accumulate(1);
            break;
        }
        Assert.Equal(1, distributed.Step());
        Assert.Equal(-0.2f, w.Values.Span[0]); // shards 0 and 2: gradients 1 and 3
    });

    [Fact]
    public void Ranks_in_steps_of_different_optimizers_are_told()
    {
        var errors = LocalRanks.Run(2, communicator =>
        {
            communicator.TimeLimit = TimeSpan.FromSeconds(60);
            Parameter<float> x = Parameter.Of("x", new float[2]), y = Parameter.Of("y", new float[2]);
            using SGD first = new([x]), second = new([y]);
            using DistributedOptimizer a = new(first, communicator, new() { Shards = 2 }), b = new(second, communicator, new() { Shards = 2 });
            return Assert.Throws<CommunicationException>(() =>
            {
                if (communicator.Rank == 0)
                    Step(x, a);
                else
                    Step(y, b);
            }).Message;
        });
        Assert.Equal("Rank 1 steps the optimizer that was distributed as number 2, and rank 0 that which was number 1: all ranks must step the same optimizers in the same order.", errors[0]);
    }

    [Fact]
    public void A_rate_that_only_one_rank_sets_is_told() => OnRanks(2, StateSharding.Replicated, (w, optimizer, distributed) =>
    {
        Step(w, distributed);
        if (distributed.Communicator.Rank == 1)
            optimizer.ParameterGroups[0].LearningRate = 0.5;
        Assert.Contains("in step 2, which are ", Assert.Throws<CommunicationException>(() => Step(w, distributed)).Message);
    });

    [Fact]
    public void A_state_that_only_one_rank_has_is_told()
    {
        var errors = LocalRanks.Run(2, communicator =>
        {
            communicator.TimeLimit = TimeSpan.FromSeconds(60);
            var w = Parameter.Of("w", new float[4]);
            using var optimizer = new SGD([w], new() { LearningRate = 0.1, Momentum = 0.9 });
            if (communicator.Rank == 1)
            {
                Give(w, 0);
                optimizer.Step();
            }
            return Assert.Throws<CommunicationException>(() => new DistributedOptimizer(optimizer, communicator)).Message;
        });
        Assert.All(errors, message => Assert.Contains("state of parameter 0 of group 0 is none on rank 0; of step", message));
    }

    [Fact]
    public void One_optimizer_is_distributed_once_and_as_one()
    {
        using var communicator = LocalRanks.Create(1)[0];
        Parameter<float> x = Parameter.Of("x", new float[2]), y = Parameter.Of("y", new float[2]);
        using SGD first = new([x]), second = new([y]);
        using (var distributed = new DistributedOptimizer(first, communicator))
        {
            Assert.Contains("A DistributedOptimizer steps SGD already.", Assert.Throws<ArgumentException>(() => new DistributedOptimizer(first, communicator)).Message);
            Assert.Contains("A DistributedOptimizer steps SGD on several ranks already.", Assert.Throws<ArgumentException>(() => new DiLoCo(first, communicator)).Message);
            using var combined = new CombinedOptimizer(first, second);
            Assert.Equal("A DistributedOptimizer steps SGD, which is one of several here: give it the CombinedOptimizer instead.", Assert.Throws<InvalidOperationException>(combined.Step).Message);
            var step = new TrainingStep(first, new() { MicroBatches = 2 });
            Assert.Contains("MicroBatches is 2, but a DistributedOptimizer steps this optimizer", Assert.Throws<InvalidOperationException>(() => step.Step()).Message);
        }
        using (new DistributedOptimizer(first, communicator))
        {
        }
    }

    [Fact]
    public void One_of_several_can_step_alone() => Assert.Equal([-1, 0], LocalRanks.Run(2, communicator =>
    {
        communicator.TimeLimit = TimeSpan.FromSeconds(60);
        Parameter<float> x = Parameter.Of("x", new float[2]), y = Parameter.Of("y", new float[2]);
        using SGD first = new([x], new() { LearningRate = 1 }), second = new([y], new() { LearningRate = 1 });
        using var combined = new CombinedOptimizer(first, second);
        using var distributed = new DistributedOptimizer(combined, communicator, new() { Shards = 2, Sharding = StateSharding.Sharded });
        foreach (int shard in distributed.Shards)
        {
            Give(x, 1);
            Give(y, 1);
            distributed.Accumulate();
        }
        first.Step();
        return (x.Values.Span[0], y.Values.Span[0]);
    }).SelectMany(values => (float[])[values.Item1, values.Item2]).Distinct());

    /// <summary>It looks at the steps that are taken, whatever they are made of.</summary>
    [Fact]
    public void DiLoCo_goes_with_micro_batches_and_one_of_several()
    {
        using var communicator = LocalRanks.Create(1)[0];
        Parameter<float> x = Parameter.Of("x", new float[2]), y = Parameter.Of("y", new float[2]);
        using SGD first = new([x], new() { LearningRate = 1 }), second = new([y], new() { LearningRate = 1 });
        using var combined = new CombinedOptimizer(first, second);
        using var diloco = new DiLoCo(first, communicator, new() { Steps = 3 });
        var step = new TrainingStep(combined, new() { MicroBatches = 2 });
        for (int batch = 0; batch < 2; batch++)
        {
            Give(x, 1);
            Give(y, 1);
            step.Step();
        }
        Assert.Equal((1, -0.5f, -0.5f), (diloco.StepsAhead, x.Values.Span[0], y.Values.Span[0]));
    }

    [Fact]
    public void DiLoCo_refuses_parameters_that_came_later()
    {
        using var communicator = LocalRanks.Create(1)[0];
        var w = Parameter.Of("w", new float[2]);
        using var optimizer = new SGD([w]);
        using var diloco = new DiLoCo(optimizer, communicator, new() { Steps = 1 });
        optimizer.AddParameterGroup(new([Parameter.Of("later", new float[2])]));
        Assert.Contains("other parameters now than when DiLoCo was made", Assert.Throws<InvalidOperationException>(optimizer.Step).Message);
    }

    [Fact]
    public void Options_are_named_with_their_values()
    {
        using var communicator = LocalRanks.Create(1)[0];
        using var optimizer = new SGD([Parameter.Of("w", new float[2])]);
        Assert.Contains("Shards must be in [1, 1048576], but is 0.", Assert.Throws<ArgumentOutOfRangeException>(() => new DistributedOptimizer(optimizer, communicator, new() { Shards = 0 })).Message);
        Assert.Contains("BucketBytes must be ≥ 1, but is -5.", Assert.Throws<ArgumentOutOfRangeException>(() => new DistributedOptimizer(optimizer, communicator, new() { BucketBytes = -5 })).Message);
        Assert.Contains("Steps must be ≥ 1, but is 0.", Assert.Throws<ArgumentOutOfRangeException>(() => new DiLoCo(optimizer, communicator, new() { Steps = 0 })).Message);
        var errors = LocalRanks.Run(2, ranks =>
        {
            using var own = new SGD([Parameter.Of("w", new float[2])]);
            return Assert.Throws<CommunicationException>(() => new DistributedOptimizer(own, ranks, new() { BroadcastParameters = ranks.Rank == 1 })).Message;
        });
        Assert.All(errors, message => Assert.Equal("The ranks do not fit together: BroadcastParameters is False on rank 0; True on rank 1.", message));
    }

    /// <summary>Rules over whole tensors look at shapes, also of those that have no numbers.</summary>
    [Theory]
    [InlineData("SOAP")]
    [InlineData("Shampoo")]
    [InlineData("Muon")]
    [InlineData("Adafactor")]
    public void Empty_matrices_keep_their_shapes(string kind)
    {
        var states = LocalRanks.Run(2, communicator =>
        {
            communicator.TimeLimit = TimeSpan.FromSeconds(60);
            Parameter<float>[] parameters = [Parameter.Of("x", new float[20], 4, 5), Parameter.Of("empty", Array.Empty<float>(), 0, 5)];
            using var optimizer = Make(parameters);
            using var distributed = new DistributedOptimizer(optimizer, communicator, new() { Shards = 2, Sharding = StateSharding.Sharded });
            foreach (int shard in distributed.Shards)
            {
                foreach (var parameter in parameters)
                    Give(parameter, shard + 1);
                distributed.Accumulate();
            }
            distributed.Step();
            return optimizer.StateDict();
        });
        using var alone = Make([Parameter.Of("x", new float[20], 4, 5), Parameter.Of("empty", Array.Empty<float>(), 0, 5)]);
        Assert.True(alone.LoadStateDict(states[0]).IsComplete);

        Optimizer Make(IEnumerable<Parameter> parameters) => kind switch
        {
            "SOAP" => new SOAP(parameters),
            "Shampoo" => new Shampoo(parameters),
            "Muon" => new Muon(parameters),
            _ => new Adafactor(parameters),
        };
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public void Saving_may_take_longer_than_the_time_limit(StateSharding sharding) => OnRanks(2, sharding, (w, optimizer, distributed) =>
    {
        Step(w, distributed);
        distributed.Communicator.TimeLimit = TimeSpan.FromSeconds(0.5);
        distributed.Save(_ => Thread.Sleep(1500));
        Assert.Equal(TimeSpan.FromSeconds(0.5), distributed.Communicator.TimeLimit);
    });

    [Theory]
    [MemberData(nameof(Modes))]
    public void A_step_without_a_loop_is_refused(StateSharding sharding) => OnRanks(2, sharding, (w, optimizer, distributed) =>
    {
        Assert.Contains("no loop over Shards since the start", Assert.Throws<InvalidOperationException>(() => distributed.Step()).Message);
        Step(w, distributed);
        Assert.Contains("no loop over Shards since step 1", Assert.Throws<InvalidOperationException>(() => distributed.Step()).Message);
        Assert.Equal((1, -0.25f), (distributed.Steps, w.Values.Span[0]));
    });

    [Theory]
    [MemberData(nameof(Modes))]
    public void A_closure_that_does_not_synchronize_is_synchronized(StateSharding sharding) => OnRanks(2, sharding, (w, optimizer, distributed) =>
    {
        var step = new TrainingStep(optimizer);
        for (int i = 1; i <= 2; i++)
        {
            optimizer.Step(Loop);
            step.Step(Loop, out double _);
            Assert.Equal((2L * i, -0.5f * i), (distributed.Steps, w.Values.Span[0]));
        }

        double Loop()
        {
            foreach (int shard in distributed.Shards)
            {
                Give(w, shard + 1);
                distributed.Accumulate();
            }
            return 0;
        }
    });

    [Fact]
    public void A_closure_of_LBFGS_has_to_return_the_loss_of_all_ranks() => LocalRanks.Run(2, communicator =>
    {
        var w = Parameter.Of("w", new float[5]);
        using var optimizer = new LBFGS([w]);
        using var distributed = new DistributedOptimizer(optimizer, communicator, new() { Shards = 2 });
        Assert.Contains("let it return what Synchronize() gives", Assert.Throws<InvalidOperationException>(() => optimizer.Step(() =>
        {
            foreach (int shard in distributed.Shards)
            {
                Give(w, shard + 1);
                distributed.Accumulate();
            }
            return 0.0;
        })).Message);
    });

    [Theory]
    [InlineData(1L << 50)]
    [InlineData(long.MaxValue)]
    public void Buckets_may_be_of_any_size(long bytes) => Assert.Equal([-0.25f], LocalRanks.Run(3, communicator =>
    {
        var w = Parameter.Of("w", new float[20_000]);
        using var optimizer = new SGD([w], new() { LearningRate = 0.1 });
        using var distributed = new DistributedOptimizer(optimizer, communicator, new() { Shards = 4, BucketBytes = bytes });
        Step(w, distributed);
        return w.Values.ToArray();
    }).SelectMany(values => values).Distinct());

    [Theory]
    [MemberData(nameof(Modes))]
    public void State_is_still_there_when_a_group_was_added(StateSharding sharding) => LocalRanks.Run(2, communicator =>
    {
        var w = Parameter.Of("w", new float[9000]);
        using var optimizer = new SGD([w], new() { LearningRate = 0.1, Momentum = 0.9 });
        using var distributed = new DistributedOptimizer(optimizer, communicator, new() { Shards = 4, Sharding = sharding });
        Step(w, distributed);
        optimizer.AddParameterGroup(new([Parameter.Of("more", new float[3])]));
        Assert.Contains("make the DistributedOptimizer anew", Assert.Throws<InvalidOperationException>(() => Step(w, distributed)).Message);
        var state = optimizer.StateDict();
        distributed.Dispose();
        optimizer.LoadStateDict(state);
        Assert.Equal(Enumerable.Repeat(2.5, 9000), optimizer.StateOf(w)!.Tensor("momentum_buffer"));
    });

    [Fact]
    public void An_error_before_saving_is_told_to_all() => LocalRanks.Run(2, communicator =>
    {
        communicator.TimeLimit = TimeSpan.FromSeconds(60);
        var w = Parameter.Of("w", new float[5]);
        using var optimizer = new AdamWScheduleFree([w]);
        using var distributed = new DistributedOptimizer(optimizer, communicator, new() { Shards = 2 });
        using (optimizer.EvalView())
        {
            var error = Assert.ThrowsAny<Exception>(() => distributed.Save(_ => { }));
            Assert.Contains("EvalView", error.Message);
            Assert.Equal(communicator.Rank == 0 ? typeof(InvalidOperationException) : typeof(CommunicationException), error.GetType());
        }
        Assert.ThrowsAny<Exception>(() => distributed.Save(communicator.Rank == 0 ? null! : _ => { }));
        distributed.Save(_ => { });
    });

    [Theory]
    [MemberData(nameof(Modes))]
    public void A_state_that_only_one_rank_loads_is_told(StateSharding sharding)
    {
        var errors = LocalRanks.Run(2, communicator =>
        {
            communicator.TimeLimit = TimeSpan.FromSeconds(60);
            var w = Parameter.Of("w", new float[5]);
            using var optimizer = new SGD([w], new() { LearningRate = 0.1 });
            using var distributed = new DistributedOptimizer(optimizer, communicator, new() { Shards = 4, Sharding = sharding });
            Step(w, distributed);
            var state = optimizer.StateDict();
            if (communicator.Rank == 1)
                optimizer.LoadStateDict(state);
            return Assert.Throws<CommunicationException>(() => Step(w, distributed)).Message;
        });
        Assert.Contains("Rank 1 has loaded a state 1 times, and rank 0 0 times, before step 2: all ranks must load the same.", errors);
    }

    [Fact]
    public void Mean_gradients_can_be_read_and_written() => OnRanks(2, StateSharding.Replicated, (w, optimizer, distributed) =>
    {
        foreach (int shard in distributed.Shards)
        {
            Give(w, shard + 1);
            distributed.Accumulate();
        }
        distributed.Synchronize();
        Assert.Equal([2.5f, 2.5f, 2.5f, 2.5f, 2.5f], w.Gradient!.Value.ToArray());
        w.UseGradient().Fill(1);
        distributed.Step();
        Assert.Equal(-0.1f, w.Values.Span[0]);
    });

    [Fact]
    public void DiLoCo_refuses_what_it_can_not_do()
    {
        using var communicator = LocalRanks.Create(1)[0];
        var w = Parameter.Of("w", new float[5]);
        using var optimizer = new AdamW([w]);
        foreach (double value in new[] { double.PositiveInfinity, double.NaN, -1 })
        {
            Assert.Contains("LearningRate of DiLoCo must be ≥ 0 and finite", Assert.Throws<ArgumentOutOfRangeException>(() => new DiLoCo(optimizer, communicator, new() { LearningRate = value })).Message);
            Assert.Contains("Momentum of DiLoCo must be ≥ 0 and finite", Assert.Throws<ArgumentOutOfRangeException>(() => new DiLoCo(optimizer, communicator, new() { Momentum = value })).Message);
        }
        var diloco = new DiLoCo(optimizer, communicator);
        var state = diloco.StateDict();
        Assert.Contains("A DiLoCo moves the parameters of AdamW already.", Assert.Throws<ArgumentException>(() => new DiLoCo(optimizer, communicator)).Message);
        foreach (var sharding in Enum.GetValues<StateSharding>())
            Assert.Contains("A DiLoCo lets AdamW train on each rank by itself", Assert.Throws<ArgumentException>(() => new DistributedOptimizer(optimizer, communicator, new() { Sharding = sharding })).Message);
        diloco.Dispose();
        Assert.Contains("DiLoCo", Assert.Throws<ObjectDisposedException>(diloco.StateDict).Message);
        Assert.Contains("DiLoCo", Assert.Throws<ObjectDisposedException>(() => diloco.LoadStateDict(state)).Message);
        using (new DiLoCo(optimizer, communicator))
        {
        }
        using (new DistributedOptimizer(optimizer, communicator))
        {
        }
    }

    [Fact]
    public void Ranges_are_checked()
    {
        using var communicator = LocalRanks.Create(1)[0];
        var w = Parameter.Of("w", new float[5]);
        using var optimizer = new AdamW([w]);
        Assert.Contains("Sharding must be one of Replicated, Sharded, but is 7", Assert.Throws<ArgumentOutOfRangeException>(() => new DistributedOptimizer(optimizer, communicator, new() { Sharding = (StateSharding)7 })).Message);
        Assert.Contains("Shards must be in [1, 1048576], but is 2147483647", Assert.Throws<ArgumentOutOfRangeException>(() => new DistributedOptimizer(optimizer, communicator, new() { Shards = int.MaxValue })).Message);
        using var distributed = new DistributedOptimizer(optimizer, communicator);
        Assert.Throws<ArgumentOutOfRangeException>(() => distributed.Accumulate(1, long.MaxValue));
        Assert.Throws<ArgumentOutOfRangeException>(() => distributed.Accumulate(1, 0));
    }

    static void OnRanks(int ranks, StateSharding sharding, Action<Parameter<float>, Optimizer, DistributedOptimizer> program) => LocalRanks.Run(ranks, communicator =>
    {
        communicator.TimeLimit = TimeSpan.FromSeconds(60);
        var w = Parameter.Of("w", new float[5]);
        using var optimizer = new SGD([w], new() { LearningRate = 0.1 });
        using var distributed = new DistributedOptimizer(optimizer, communicator, new() { Shards = 4, Sharding = sharding });
        program(w, optimizer, distributed);
    });

    /// <summary>A step of 0.1 · (1 + 2 + 3 + 4)/4.</summary>
    static void Step(Parameter<float> w, DistributedOptimizer distributed)
    {
        foreach (int shard in distributed.Shards)
        {
            Give(w, shard + 1);
            distributed.Accumulate();
        }
        distributed.Step();
    }

    static void Give(Parameter<float> w, float gradient) => w.Gradient = Enumerable.Repeat(gradient, (int)w.Count).ToArray();
}
