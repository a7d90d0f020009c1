using OptimSharp.Conformance;
using OptimSharp.Conformance.Workloads;
using OptimSharp.Schedulers;
using OptimSharp.Tests.Checkpoints.RoundTrips;

namespace OptimSharp.Tests.Checkpoints;

/// <summary>Every optimizer with every scheduler: a run that goes on from a checkpoint file, written after any of its steps, ends with the same bits.</summary>
public class ResumeGridTests
{
    const int Steps = 12;

    static readonly (string Name, Func<Optimizer, LRScheduler> Make)[] Schedulers =
    [
        ("LambdaLR", o => new LambdaLR(o, e => Math.Pow(0.95, e))),
        ("MultiplicativeLR", o => new MultiplicativeLR(o, _ => 0.95)),
        ("StepLR", o => new StepLR(o, stepSize: 3, gamma: 0.5)),
        ("MultiStepLR", o => new MultiStepLR(o, [2, 5, 5, 9], gamma: 0.5)),
        ("ConstantLR", o => new ConstantLR(o, factor: 0.3, totalIters: 6)),
        ("LinearLR", o => new LinearLR(o, startFactor: 0.2, endFactor: 0.9, totalIters: 7)),
        ("ExponentialLR", o => new ExponentialLR(o, gamma: 0.9)),
        ("PolynomialLR", o => new PolynomialLR(o, totalIters: 12, power: 1.5)),
        ("CosineAnnealingLR", o => new CosineAnnealingLR(o, tMax: 8, etaMin: 0.001)),
        ("CosineAnnealingWarmRestarts", o => new CosineAnnealingWarmRestarts(o, t0: 3, tMult: 2, etaMin: 0.001)),
        ("CyclicLR", o => new CyclicLR(o, baseLr: 0.01, maxLr: 0.1, stepSizeUp: 3, stepSizeDown: 5, cycleMomentum: HasMomentum(o))),
        ("OneCycleLR", o => new OneCycleLR(o, maxLr: 0.1, totalSteps: 25, cycleMomentum: HasMomentum(o))),
        ("ReduceLROnPlateau", o => new ReduceLROnPlateau(o, factor: 0.5, patience: 1, cooldown: 1)),
        ("SWALR", o => new SWALR(o, swaLr: 0.05, annealEpochs: 6)),
        ("ChainedScheduler", o => new ChainedScheduler([new ConstantLR(o, 0.5, 3), new ExponentialLR(o, 0.9)])),
        ("SequentialLR", o => new SequentialLR(o, [new LinearLR(o, 0.1, totalIters: 4), new CosineAnnealingLR(o, 4, 0.01), new ExponentialLR(o, 0.5)], [4, 8])),
    ];

    public static TheoryData<string> Optimizers => Support.Rows.Optimizers;

    [Fact]
    public void It_has_every_scheduler() => Assert.Equal(SchedulerRoundTrip.Types.Select(t => t.Name).Order(), Schedulers.Select(s => s.Name).Order());

    [Theory]
    [MemberData(nameof(Optimizers))]
    public void Going_on_from_any_step_gives_the_same_bits(string name)
    {
        var type = OptimizerDriver.For(name).Type;
        bool sparse = !OptimizerSamples.TakesDenseGradients(type);
        var options = (sparse ? OptimizerSamples.SparseOptionSets(type) : OptimizerSamples.OptionSets(type)).MaxBy(set => set.Length)!;
        if (!OptimizerSamples.StepsAlone(type))
            options = [.. options.Where(o => o.Key is not ("max_iter" or "max_eval")), new("max_iter", 2)];
        var folder = Directory.CreateTempSubdirectory("optimsharp-resume-");
        try
        {
            foreach (var (scheduler, make) in Schedulers)
            {
                string At(int k) => Path.Combine(folder.FullName, $"{k}.pt");
                byte[] whole;
                using (var run = new Run(type, options, sparse, make))
                {
                    for (int k = 0; k < Steps; k++)
                    {
                        Checkpoint.Save(At(k), run.State());
                        run.Step(k);
                    }
                    whole = Bytes(run.State());
                }
                for (int k = 0; k < Steps; k++)
                {
                    using var resumed = new Run(type, options, sparse, make, Checkpoint.Load(At(k)));
                    for (int later = k; later < Steps; later++)
                        resumed.Step(later);
                    Assert.True(whole.AsSpan().SequenceEqual(Bytes(resumed.State())), $"{name} with {scheduler}, resumed before step {k}, ends with other bits.");
                }
            }
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    static bool HasMomentum(Optimizer optimizer) => optimizer.ParameterGroups[0] is var group && (group.HasOption("momentum") || group.HasOption("betas"));

    static byte[] Bytes(StateDict state)
    {
        using var stream = new MemoryStream();
        Checkpoint.Save(stream, Sorted(state));
        return stream.ToArray();
    }

    /// <summary>With keys in one order: what schedulers leave in groups comes back in another.</summary>
    static StateDict Sorted(StateDict state)
    {
        var sorted = new StateDict();
        foreach (var (key, value) in state.OrderBy(e => e.Key.ToString(), StringComparer.Ordinal))
            sorted.Add(key, In(value));
        return sorted;

        static object? In(object? value) => value is StateDict dict ? Sorted(dict) : value is IReadOnlyList<object?> list ? list.Select(In).ToArray() : value;
    }

    sealed class Run : IDisposable
    {
        static readonly long[][] Shapes = [[3, 4], [5, 2]];

        readonly Parameter<float>[] parameters;
        readonly Optimizer optimizer;
        readonly LRScheduler scheduler;
        readonly bool sparse;

        public Run(Type type, KeyValuePair<string, object?>[] options, bool sparse, Func<Optimizer, LRScheduler> make, StateDict? saved = null)
        {
            this.sparse = sparse;
            parameters = [.. Shapes.Select((shape, i) => Parameter.Of($"p{i}", saved?.GetDict("model").GetTensor($"p{i}").ToArray<float>() ?? Draw(i, shape), shape))];
            optimizer = OptimizerDriver.For(type).Create(parameters, options);
            scheduler = make(optimizer);
            if (saved is null)
                return;
            optimizer.LoadStateDict(saved.GetDict("optimizer"));
            scheduler.LoadStateDict(saved.GetDict("scheduler"));
        }

        public void Step(int k)
        {
            if (!OptimizerSamples.StepsAlone(optimizer.GetType()))
                optimizer.Step(Bowl);
            else
            {
                foreach (var (i, parameter) in parameters.Index())
                {
                    if (sparse)
                        parameter.SparseGradient = new(new long[] { k % 3, 2, k % 3 }, Draw(k + 2, [3, Shapes[i][1]]));
                    else
                        parameter.Gradient = Draw(2 * k + i + 2, Shapes[i]);
                }
                optimizer.Step();
            }
            if (scheduler is ReduceLROnPlateau plateau)
                plateau.Step(1.0 / (1 + k % 5));
            else
                scheduler.Step();
        }

        public StateDict State()
        {
            var model = new StateDict();
            foreach (var parameter in parameters)
                model.Add(parameter.Name, TensorData.Of<float>(parameter.Values.Span, parameter.Shape));
            return new() { { "model", model }, { "optimizer", optimizer.StateDict() }, { "scheduler", scheduler.StateDict() } };
        }

        public void Dispose() => optimizer.Dispose();

        /// <summary>The loss ½c(p − ½)² + ¼(p − ½)⁴, summed, with c from 0.1 on.</summary>
        double Bowl()
        {
            double loss = 0;
            foreach (var parameter in parameters)
            {
                float[] distance = [.. parameter.Values.ToArray().Select(p => p - 0.5f)];
                loss += distance.Select((d, i) => (0.1 + i) * d * d / 2 + d * d * d * d / 4.0).Sum();
                parameter.Gradient = distance.Select((d, i) => (0.1f + i) * d + d * d * d).ToArray();
            }
            return loss;
        }

        static float[] Draw(int seed, long[] shape)
        {
            var random = new Random(seed);
            return [.. Enumerable.Range(0, (int)(shape[0] * shape[1])).Select(_ => random.NextSingle() * 2 - 1)];
        }
    }
}
