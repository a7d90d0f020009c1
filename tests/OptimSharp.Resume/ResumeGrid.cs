using System.Globalization;
using OptimSharp.Conformance;
using OptimSharp.Conformance.Workloads;
using OptimSharp.Schedulers;

namespace OptimSharp.Resume;

/// <summary>
/// Every optimizer with every scheduler. A checkpoint file has the states of all these runs before one step. Prints for each run, at its end, optimizer, scheduler
/// and a hash of its bits.
/// </summary>
static class ResumeGrid
{
    const int Steps = 12;

    static readonly (string Name, Func<Optimizer, LRScheduler> Make)[] Schedulers =
    [
        ("LambdaLR", o => new LambdaLR(o, e => Math.Pow(0.95, e))),
        ("MultiplicativeLR", o => new MultiplicativeLR(o, _ => 0.9)),
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

    /// <summary>Trains from the beginning, and saves before every step.</summary>
    public static void Train(string folder)
    {
        Run[] runs = [.. All(_ => null)];
        for (int step = 0; step < Steps; step++)
        {
            var state = new StateDict();
            foreach (var run in runs)
                state.Add(run.Name, run.State());
            Checkpoint.Save(FileAt(folder, step), state);
            foreach (var run in runs)
                run.Step(step);
        }
        End(runs);
    }

    /// <summary>Goes on from what was saved before a step.</summary>
    public static void Resume(string folder, int step)
    {
        var saved = Checkpoint.Load(FileAt(folder, step));
        Run[] runs = [.. All(name => saved.GetDict(name))];
        for (; step < Steps; step++)
        {
            foreach (var run in runs)
                run.Step(step);
        }
        End(runs);
    }

    static IEnumerable<Run> All(Func<string, StateDict?> saved) =>
        from type in OptimizerDriver.PublicOptimizers
        from scheduler in Schedulers
        let name = $"{type.Name} with {scheduler.Name}"
        select new Run(name, type, scheduler.Make, saved(name));

    static void End(Run[] runs)
    {
        foreach (var run in runs)
        {
            Console.WriteLine($"{run.Name}: {Bits.Hash(run.State())}");
            run.Dispose();
        }
    }

    static string FileAt(string folder, int step) => Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $"{step}.pt"));

    static bool HasMomentum(Optimizer optimizer) => optimizer.ParameterGroups[0] is var group && (group.HasOption("momentum") || group.HasOption("betas"));

    sealed class Run : IDisposable
    {
        static readonly long[][] Shapes = [[3, 4], [5, 2]];

        readonly Parameter<float>[] parameters;
        readonly Optimizer optimizer;
        readonly LRScheduler scheduler;
        readonly AveragedParameters average;
        readonly bool sparse;

        public Run(string name, Type type, Func<Optimizer, LRScheduler> make, StateDict? saved)
        {
            Name = name;
            sparse = !OptimizerSamples.TakesDenseGradients(type);
            var options = (sparse ? OptimizerSamples.SparseOptionSets(type) : OptimizerSamples.OptionSets(type)).MaxBy(set => set.Length)!;
            if (!OptimizerSamples.StepsAlone(type))
                options = [.. options.Where(o => o.Key is not ("max_iter" or "max_eval")), new("max_iter", 2)];
            parameters = [.. Shapes.Select((shape, i) => Parameter.Of($"p{i}", saved?.GetDict("model").GetTensor($"p{i}").ToArray<float>() ?? Draw(i, shape), shape))];
            optimizer = OptimizerDriver.For(type).Create(parameters, options);
            scheduler = make(optimizer);
            average = new(parameters, Averaging.Ema(0.9));
            if (saved is null)
                return;
            optimizer.LoadStateDict(saved.GetDict("optimizer"));
            scheduler.LoadStateDict(saved.GetDict("scheduler"));
            average.LoadStateDict(saved.GetDict("average"));
        }

        public string Name { get; }

        public void Step(int step)
        {
            if (!OptimizerSamples.StepsAlone(optimizer.GetType()))
                optimizer.Step(Bowl);
            else
            {
                foreach (var (i, parameter) in parameters.Index())
                {
                    if (sparse)
                        parameter.SparseGradient = new(new long[] { step % 3, 2, step % 3 }, Draw(step + 2, [3, Shapes[i][1]]));
                    else
                        parameter.Gradient = Draw(2 * step + i + 2, Shapes[i]);
                }
                optimizer.Step();
            }
            average.Update();
            if (scheduler is ReduceLROnPlateau plateau)
                plateau.Step(1.0 / (1 + step % 5));
            else
                scheduler.Step();
        }

        public StateDict State()
        {
            var model = new StateDict();
            foreach (var parameter in parameters)
                model.Add(parameter.Name, TensorData.Of<float>(parameter.Values.Span, parameter.Shape));
            return new() { { "model", model }, { "optimizer", optimizer.StateDict() }, { "scheduler", scheduler.StateDict() }, { "average", average.StateDict() } };
        }

        public void Dispose()
        {
            average.Dispose();
            optimizer.Dispose();
        }

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
