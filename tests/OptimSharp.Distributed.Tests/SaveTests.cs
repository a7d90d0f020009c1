using OptimSharp.Conformance;

namespace OptimSharp.Distributed.Tests;

/// <summary>Checkpoints that are written piece by piece, of state that no rank has whole.</summary>
public sealed class SaveTests : IDisposable
{
    static readonly long[][] Shapes = [[5000], [16, 700], [], [3], [2, 4100]];

    readonly string folder = Directory.CreateTempSubdirectory("OptimSharp").FullName;

    public static TheoryData<string> Kinds => StateTests.Kinds;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Theory]
    [MemberData(nameof(Kinds))]
    public void The_file_is_that_of_the_whole_state_to_the_byte(string kind)
    {
        var ofOne = new Dictionary<string, byte[]>(); // the file that one rank writes, by its ending
        foreach (var (ranks, sharding) in ((int, StateSharding)[])[(1, StateSharding.Sharded), (2, StateSharding.Sharded), (4, StateSharding.Sharded), (2, StateSharding.Replicated)])
        {
            foreach (string ending in (string[])[".pt", ".safetensors"])
            {
                string whole = Path.Combine(folder, "whole" + ending), saved = Path.Combine(folder, "saved" + ending);
                var received = Train(kind, ranks, sharding, (communicator, distributed, optimizer) =>
                {
                    long before = communicator.Received.Bytes;
                    distributed.Save(state =>
                    {
                        Assert.Equal(0, communicator.Rank);
                        Checkpoint.Save(saved, Checkpointed(state));
                    });
                    long bytes = communicator.Received.Bytes - before;
                    var all = optimizer.StateDict();
                    if (communicator.Rank == 0)
                        Checkpoint.Save(whole, Checkpointed(all));
                    return bytes;
                });
                Assert.Equal(File.ReadAllBytes(whole), File.ReadAllBytes(saved));
                if (!ofOne.TryAdd(ending, File.ReadAllBytes(saved)))
                    Assert.Equal(ofOne[ending], File.ReadAllBytes(saved));
                Assert.All(received[1..], bytes => Assert.InRange(bytes, 0, 20_000)); // what is asked for; no tensors
            }
        }

        static StateDict Checkpointed(StateDict state) => new() { { "optimizer", state }, { "epoch", 3L } };
    }

    [Fact]
    public void Each_byte_of_the_others_is_sent_once()
    {
        var moved = Train("AdamW", 4, StateSharding.Sharded, (communicator, distributed, _) =>
        {
            var (received, sent) = (communicator.Received.Bytes, communicator.Sent.Bytes);
            distributed.Save(state => Checkpoint.Save(Path.Combine(folder, "state.pt"), state));
            return (Received: communicator.Received.Bytes - received, Sent: communicator.Sent.Bytes - sent, Own: distributed.StateBytes);
        });
        Assert.Equal(moved[1..].Sum(rank => rank.Sent), moved[0].Received);
        Assert.InRange(moved[0].Received, moved[1..].Sum(rank => rank.Own) - 200, moved[1..].Sum(rank => rank.Own)); // but the counts of steps
    }

    [Fact]
    public void Tensors_can_be_read_while_they_are_saved_and_not_after()
    {
        StateDict? kept = null;
        Train("AdamW", 3, StateSharding.Sharded, (communicator, distributed, optimizer) =>
        {
            TensorData? read = null;
            float[] numbers = [];
            distributed.Save(state =>
            {
                read = Moment(state);
                numbers = read.ToArray<float>();
                Assert.Equal(numbers[4000..].Select(x => (double)x), read.ToDoubles()[4000..]);
                kept = state;
            });
            var all = optimizer.StateDict();
            if (communicator.Rank == 0)
                Assert.Equal(Moment(all).ToArray<float>(), numbers);
            return 0;
        });
        Assert.Contains("several ranks", Assert.Throws<InvalidOperationException>(() => Moment(kept!).ToArray<float>()).Message);

        static TensorData Moment(StateDict state) => state.GetDict("state").GetDict(1).GetTensor("exp_avg");
    }

    [Fact]
    public void An_error_while_saving_is_told_to_all_and_training_goes_on()
    {
        var run = new Run(8, p => StateTests.Make("AdamW", p), Shapes);
        var results = LocalRanks.Run(3, communicator =>
        {
            communicator.TimeLimit = TimeSpan.FromSeconds(60);
            var parameters = run.Parameters();
            using var optimizer = StateTests.Make("AdamW", parameters);
            using var distributed = new DistributedOptimizer(optimizer, communicator, new() { Shards = 8, Sharding = StateSharding.Sharded });
            for (int t = 0; t < Run.Steps; t++)
            {
                run.Accumulate(distributed, parameters, t);
                distributed.Step();
                string path = Path.Combine(folder, "missing", "state.pt");
                if (communicator.Rank == 0)
                    Assert.Throws<DirectoryNotFoundException>(() => distributed.Save(state => Checkpoint.Save(path, state)));
                else
                    Assert.Contains("Rank 0 could not save: Could not find", Assert.Throws<CommunicationException>(() => distributed.Save(_ => { })).Message);
            }
            return Result.Of(parameters, optimizer.StateDict(), 0);
        });
        SameBitsTests.Compare(run.Alone(), results, "failed saving in between");
    }

    [Theory]
    [InlineData(StateSharding.Sharded)]
    [InlineData(StateSharding.Replicated)]
    public void What_all_ranks_have_to_call_is_refused_while_one_saves(StateSharding sharding)
    {
        Train("AdamW", 2, sharding, (communicator, distributed, optimizer) =>
        {
            distributed.Save(_ =>
            {
                if (sharding == StateSharding.Sharded)
                    Refused(() => optimizer.StateDict());
                Refused(() => distributed.Save(_ => { }));
                Refused(() => distributed.Step());
                Refused(() => distributed.Synchronize());
                Refused(() => distributed.Shards.GetEnumerator().MoveNext());
            });
            return 0;
        });

        static void Refused(Action call) => Assert.Contains("within Save", Assert.Throws<InvalidOperationException>(call).Message);
    }

    [Fact]
    public void A_state_of_several_pieces_is_given_to_all()
    {
        float[] numbers = [.. Enumerable.Range(0, 3_000_001).Select(i => i * 0.5f)];
        var results = LocalRanks.Run(3, communicator => (communicator.Broadcast(communicator.Rank == 1 ? new StateDict { { "x", TensorData.Of(numbers, numbers.Length) }, { "step", 7L } } : null, root: 1),
            communicator.Broadcast((StateDict?)null, root: 2)));
        foreach (var (state, none) in results)
        {
            Assert.Equal(7, state!.GetInt64("step"));
            Assert.Equal(numbers, state.GetTensor("x").ToArray<float>());
            Assert.Null(none);
        }
    }

    [Fact]
    public void A_state_that_cannot_be_given_is_an_error_on_all_ranks()
    {
        var errors = Train("AdamW", 3, StateSharding.Sharded, (communicator, distributed, _) =>
        {
            StateDict? kept = null; // without its tensors, once it was saved
            distributed.Save(state => kept = state);
            var error = Assert.ThrowsAny<Exception>(() => communicator.Broadcast(kept, root: 0));
            communicator.Barrier(); // they are together again
            return error;
        });
        Assert.IsType<InvalidOperationException>(errors[0]);
        Assert.All(errors[1..], error => Assert.Equal($"Rank 0 could not send its state: {errors[0].Message}", Assert.IsType<CommunicationException>(error).Message));
    }

    [Fact]
    public async Task PyTorch_goes_on_with_it_and_ranks_with_PyTorchs()
    {
        string? python = await PythonWithTorch.FindAsync();
        Assert.SkipWhen(python is null, PythonWithTorch.Missing);
        Train("AdamW", 4, StateSharding.Sharded, (communicator, distributed, optimizer, parameters) =>
        {
            distributed.Save(state => Checkpoint.Save(Path.Combine(folder, "ours.pt"), Together(state, parameters)));
            return 0;
        });
        await PythonWithTorch.RunAsync(python, folder, "-c", """
            import torch
            saved = torch.load("ours.pt")
            parameters = [torch.nn.Parameter(p) for p in saved["parameters"]]
            optimizer = torch.optim.AdamW(parameters, amsgrad=True)
            optimizer.load_state_dict(saved["optimizer"])
            for _ in range(3):
                for p in parameters:
                    p.grad = 0.5 * p.detach()
                optimizer.step()
            torch.save({"optimizer": optimizer.state_dict(), "parameters": [p.detach() for p in parameters]}, "theirs.pt")
            """);
        StateDict ours = Checkpoint.Load(Path.Combine(folder, "ours.pt")), theirs = Checkpoint.Load(Path.Combine(folder, "theirs.pt"));

        // On other ranks ours goes on as PyTorch did, and PyTorch's file is taken as it is.
        foreach (var (goneOn, taken) in LocalRanks.Run(2, communicator => (Continue(communicator, ours, 3), Continue(communicator, theirs, 0))))
        {
            var (expected, expectedState) = (theirs.GetList("parameters"), theirs.GetDict("optimizer").GetDict("state"));
            for (int i = 0; i < Shapes.Length; i++)
            {
                Close(((TensorData)expected[i]!).ToDoubles(), ((TensorData)goneOn.GetList("parameters")[i]!).ToDoubles());
                foreach (string name in (string[])["exp_avg", "exp_avg_sq", "max_exp_avg_sq"])
                {
                    Close(expectedState.GetDict(i).GetTensor(name).ToDoubles(), goneOn.GetDict("optimizer").GetDict("state").GetDict(i).GetTensor(name).ToDoubles());
                    Assert.Equal(expectedState.GetDict(i).GetTensor(name).ToArray<float>(), taken.GetDict("optimizer").GetDict("state").GetDict(i).GetTensor(name).ToArray<float>());
                }
            }
        }
    }

    static StateDict Continue(Communicator communicator, StateDict from, int steps)
    {
        communicator.TimeLimit = TimeSpan.FromSeconds(60);
        List<Parameter> parameters = [.. from.GetList("parameters").Cast<TensorData>().Select((values, i) => Parameter.Of($"p{i}", values.ToArray<float>(), values.Shape.ToArray()))];
        using var optimizer = new AdamW(parameters);
        using var distributed = new DistributedOptimizer(optimizer, communicator, new() { Shards = 2, Sharding = StateSharding.Sharded });
        optimizer.LoadStateDict(from.GetDict("optimizer"));
        for (int t = 0; t < steps; t++)
        {
            foreach (int shard in distributed.Shards)
            {
                foreach (var parameter in parameters)
                    Run.Set(parameter, [.. Run.Values(parameter).Select(x => 0.5 * x)]);
                distributed.Accumulate();
            }
            distributed.Step();
        }
        return Together(optimizer.StateDict(), parameters);
    }

    static TResult[] Train<TResult>(string kind, int ranks, StateSharding sharding, Func<Communicator, DistributedOptimizer, Optimizer, IReadOnlyList<Parameter>, TResult> after) => LocalRanks.Run(ranks, communicator =>
    {
        var run = new Run(8, p => StateTests.Make(kind, p), Shapes);
        communicator.TimeLimit = TimeSpan.FromSeconds(60);
        var parameters = run.Parameters();
        using var optimizer = StateTests.Make(kind, parameters);
        using var distributed = new DistributedOptimizer(optimizer, communicator, new() { Shards = 8, Sharding = sharding });
        for (int t = 0; t < 2; t++)
        {
            run.Accumulate(distributed, parameters, t);
            distributed.Step();
        }
        return after(communicator, distributed, optimizer, parameters);
    });

    static TResult[] Train<TResult>(string kind, int ranks, StateSharding sharding, Func<Communicator, DistributedOptimizer, Optimizer, TResult> after) =>
        Train(kind, ranks, sharding, (communicator, distributed, optimizer, _) => after(communicator, distributed, optimizer));

    static StateDict Together(StateDict optimizer, IReadOnlyList<Parameter> parameters) => new() { { "optimizer", optimizer }, { "parameters", parameters.Select(p => TensorData.Of(((Parameter<float>)p).Values.ToArray(), p.Shape)).ToArray() } };

    static void Close(double[] expected, double[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (int i = 0; i < expected.Length; i++)
            Assert.True(Math.Abs(expected[i] - actual[i]) <= 1e-6 * (0.01 + Math.Abs(expected[i])), $"{i}: {expected[i]} and {actual[i]}"); // single precision, beside steps of 0.01
    }
}
