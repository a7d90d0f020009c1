namespace OptimSharp.Distributed.Tests;

/// <summary>What goes on around the steps: uneven data, other numbers of shards, clipping, steps left out, averages, schedules, few bits.</summary>
public sealed class TrainingTests
{
    static readonly long[][] Shapes = [[5000], [16, 700], [], [3], [2, 4100]];

    static AdamW AdamW(IReadOnlyList<Parameter> parameters) => new(parameters, new() { LearningRate = 0.01 });

    static void Check(Run run, string what, int[]? ranks = null)
    {
        var alone = run.Alone();
        foreach (var sharding in Enum.GetValues<StateSharding>())
        {
            foreach (int count in ranks ?? [1, 2, 3])
                SameBitsTests.Compare(alone, run.Ranks(count, sharding), $"{what}, {sharding}, {count} ranks");
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(5)]
    [InlineData(6)]
    [InlineData(7)]
    [InlineData(12)]
    [InlineData(13)]
    public void Any_number_of_shards_on_any_number_of_ranks(int shards) =>
        Check(new(shards, AdamW, Shapes), $"{shards} shards", [1, 2, 3, 4, 5, 8]);

    [Fact]
    public void Shards_without_data_and_without_some_parameters() => Check(new(8, AdamW, Shapes)
    {
        IsMissing = (step, shard) => step == 1 && shard >= 3 || step == 2 && shard % 3 != 1,
        IsUnused = (step, shard, parameter) => parameter == 1 && shard % 2 == step % 2 || parameter == 3 && step != 2 || parameter == 4 && shard < 4,
    }, "uneven data", [1, 2, 3, 4, 8]);

    [Fact]
    public void A_step_without_any_data_is_one_without_gradients() => Check(new(4, AdamW, Shapes) { IsMissing = (step, shard) => step == 1 }, "a step without data");

    [Theory]
    [InlineData(ElementType.Float64)]
    [InlineData(ElementType.BFloat16)]
    [InlineData(ElementType.Float16)]
    [InlineData(ElementType.Complex64)]
    public void Every_type(ElementType type) => Check(new(6, AdamW, [[5000], [16, 700], [3]], type), $"{type}", [1, 2, 4]);

    [Theory]
    [InlineData(StatePrecision.Dynamic8)]
    [InlineData(StatePrecision.Linear4)]
    [InlineData(StatePrecision.Float8)]
    [InlineData(StatePrecision.BFloat16)]
    public void State_in_few_bits(StatePrecision precision) =>
        Check(new(4, p => new AdamW(p, new() { LearningRate = 0.01, StatePrecision = precision }), [[5000], [16, 700], [4095], [4096], [3]]), $"{precision}", [1, 2, 4]);

    [Fact]
    public void A_training_step_clips_and_averages_and_leaves_steps_out()
    {
        foreach (double order in (double[])[2, double.PositiveInfinity, 1])
        {
            Check(new(8, AdamW, Shapes)
            {
                Stepper = (optimizer, parameters) =>
                {
                    var averages = new AveragedParameters(parameters, Averaging.Ema(0.9));
                    var schedule = new Schedulers.ExponentialLR(optimizer, 0.5);
                    var step = new TrainingStep(optimizer, new() { MaxNorm = 3, NormOrder = order, MaxValue = 0.01, Averages = averages, Schedulers = [schedule], SkipNotFinite = true });
                    int t = 0;
                    return () =>
                    {
                        step.Step();
                        if (++t == Run.Steps)
                        {
                            foreach (var parameter in parameters) // so that they are compared, too
                                Add(parameter, averages.Average(parameter.Name).ToArray<float>());
                        }
                    };
                },
            }, $"norm of order {order}");
        }

        static void Add(Parameter parameter, float[] other)
        {
            var values = ((Parameter<float>)parameter).Values.Span;
            for (int i = 0; i < values.Length; i++)
                values[i] = other[i] + 3 * values[i];
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Gradients_that_overflow_on_one_rank_are_left_out_on_all(bool inOnePass)
    {
        var outcomes = new System.Collections.Concurrent.ConcurrentDictionary<(int, bool), int>();
        Check(new(4, p => new SGD(p, new() { LearningRate = 0.1, Momentum = 0.9 }), [[5000], [16, 700]])
        {
            Overflows = (step, shard) => step == 1 && shard == 2,
            Stepper = (optimizer, parameters) =>
            {
                var scaler = new GradScaler(initialScale: 4, growthInterval: 2);
                var step = new TrainingStep(optimizer, new() { Scaler = scaler, MaxNorm = 1 });
                int t = 0;
                return () =>
                {
                    bool taken;
                    if (inOnePass)
                    {
                        taken = step.Step().Outcome == StepOutcome.Updated;
                    }
                    else
                    {
                        scaler.Unscale(optimizer);
                        Gradients.ClipNorm(optimizer.ParameterGroups.SelectMany(g => g.Parameters), 1);
                        taken = scaler.Step(optimizer);
                        scaler.Update();
                    }
                    Assert.Equal(t <= 1 ? t == 0 ? 4 : 2 : t == 2 ? 2 : 4, scaler.CurrentScale);
                    outcomes.AddOrUpdate((t++, taken), 1, (_, n) => n + 1);
                };
            },
        }, "overflow");
        Assert.Equal([(0, true), (1, false), (2, true), (3, true)], outcomes.Keys.Order());
    }

    [Fact]
    public void Optimizers_together() => Check(new(8, p => new CombinedOptimizer(new Muon(p.Where(x => x.Shape.Length == 2)), new LAMB(p.Where(x => x.Shape.Length != 2))), Shapes), "Muon and LAMB", [1, 2, 4]);

    [Fact]
    public void Sharded_state_is_about_its_share_of_the_whole()
    {
        var run = new Run(4, AdamW, [[64, 4096], [1000], [256, 1024]]);
        long whole = run.Ranks(1, StateSharding.Replicated)[0].StateBytes;
        Assert.Equal((64 * 4096 + 1000 + 256 * 1024) * 8, whole);
        foreach (int ranks in (int[])[2, 4])
        {
            var bytes = run.Ranks(ranks, StateSharding.Sharded).Select(r => r.StateBytes).ToArray();
            Assert.Equal(whole, bytes.Sum());
            Assert.All(bytes, b => Assert.InRange(b, whole / ranks - 2 * 4096 * 8, whole / ranks + 2 * 4096 * 8)); // to a chunk
        }
    }
}
