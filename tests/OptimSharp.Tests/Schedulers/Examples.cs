using OptimSharp.Schedulers;
using static OptimSharp.Tests.Schedulers.Bench;

namespace OptimSharp.Tests.Schedulers;

/// <summary>The examples of docs/schedulers, compiled and run.</summary>
public class Examples
{
    readonly SGD optimizer = Sgd(0.1);

    void TrainEpoch() => optimizer.Step();

    void TrainBatch() => optimizer.Step();

    static double Validate() => 0.5;

    void Backward() => ((Parameter<float>)optimizer.ParameterGroups[0].Parameters[0]).UseGradient().Fill(1);

    [Fact]
    public void OptionScheduler_runs()
    {
        var rate = new CosineAnnealingLR(optimizer, tMax: 100);
        var decay = OptionScheduler.Over(optimizer, "weight_decay", o => new CosineAnnealingLR(o, tMax: 100, etaMin: 0.4));
        var momentum = new OptionScheduler(optimizer, "momentum", (step, start) => Math.Min(0.99, start + 0.001 * step));
        var training = new TrainingStep(optimizer, new() { Schedulers = [rate, decay, momentum] });
        for (int step = 0; step < 100; step++)
        {
            Backward();
            training.Step();
        }
        Assert.Equal(0.4, optimizer.ParameterGroups[0].Options.WeightDecay, 1e-12);
        Assert.Equal(0.99, optimizer.ParameterGroups[0].Options.Momentum);
        Assert.Contains("ends at", ScheduleReport.Of("decay", step => decay.ValueAt(step), 100).ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void OptionScheduler_has_any_shape()
    {
        var decay = OptionScheduler.Over(optimizer, "weight_decay", o => Warmup.Cosine(o, warmupSteps: 10, totalSteps: 100));
        Assert.Equal(0, decay.LastEpoch);
    }

    [Fact]
    public void OptionScheduler_follows_the_rate()
    {
        var rate = Warmup.Cosine(optimizer, warmupSteps: 10, totalSteps: 100);
        var decay = OptionScheduler.FollowRate(optimizer, "weight_decay");
        Assert.Equal(rate.LastEpoch, decay.LastEpoch);
    }

    [Fact]
    public void StepLR_runs()
    {
        var scheduler = new StepLR(optimizer, stepSize: 30, gamma: 0.1);
        for (int epoch = 0; epoch < 90; epoch++)
        {
            TrainEpoch();
            scheduler.Step();
        }
    }

    [Fact]
    public void MultiStepLR_runs()
    {
        var scheduler = new MultiStepLR(optimizer, milestones: [30, 80], gamma: 0.1);
        for (int epoch = 0; epoch < 100; epoch++)
        {
            TrainEpoch();
            scheduler.Step();
        }
    }

    [Fact]
    public void ConstantLR_runs()
    {
        var scheduler = new ConstantLR(optimizer, factor: 0.5, totalIters: 4);
        for (int epoch = 0; epoch < 100; epoch++)
        {
            TrainEpoch();
            scheduler.Step();
        }
    }

    [Fact]
    public void LinearLR_runs()
    {
        var scheduler = new LinearLR(optimizer, startFactor: 0.1, totalIters: 5);
        for (int epoch = 0; epoch < 100; epoch++)
        {
            TrainEpoch();
            scheduler.Step();
        }
    }

    [Fact]
    public void ExponentialLR_runs()
    {
        var scheduler = new ExponentialLR(optimizer, gamma: 0.95);
        for (int epoch = 0; epoch < 100; epoch++)
        {
            TrainEpoch();
            scheduler.Step();
        }
    }

    [Fact]
    public void PolynomialLR_runs()
    {
        var scheduler = new PolynomialLR(optimizer, totalIters: 100, power: 0.9);
        for (int epoch = 0; epoch < 100; epoch++)
        {
            TrainEpoch();
            scheduler.Step();
        }
    }

    [Fact]
    public void CosineAnnealingLR_runs()
    {
        int epochs = 100;
        var scheduler = new CosineAnnealingLR(optimizer, tMax: epochs - 1, etaMin: 1e-4);
        for (int epoch = 0; epoch < epochs; epoch++)
        {
            TrainEpoch();
            scheduler.Step();
        }
    }

    [Fact]
    public void CosineAnnealingWarmRestarts_runs()
    {
        int batches = 50;
        var scheduler = new CosineAnnealingWarmRestarts(optimizer, t0: 10, tMult: 2);
        for (int epoch = 0; epoch < 30; epoch++)
        {
            for (int batch = 0; batch < batches; batch++)
            {
                TrainBatch();
                scheduler.Step(epoch + (double)batch / batches);
            }
        }
    }

    [Fact]
    public void LambdaLR_runs()
    {
        // the inverse square root, after a warm-up of 4,000 steps
        var scheduler = new LambdaLR(optimizer, step => Math.Min((step + 1) / 4000.0, Math.Sqrt(4000.0 / (step + 1))));
        for (int step = 0; step < 10_000; step++)
        {
            TrainBatch();
            scheduler.Step();
        }
    }

    [Fact]
    public void MultiplicativeLR_runs()
    {
        var scheduler = new MultiplicativeLR(optimizer, epoch => epoch < 50 ? 0.99 : 0.95);
        for (int epoch = 0; epoch < 100; epoch++)
        {
            TrainEpoch();
            scheduler.Step();
        }
    }

    [Fact]
    public void CyclicLR_runs()
    {
        var scheduler = new CyclicLR(optimizer, baseLr: 0.01, maxLr: 0.1, stepSizeUp: 500, mode: CyclicMode.Triangular2);
        for (int step = 0; step < 5000; step++)
        {
            TrainBatch();
            scheduler.Step();
        }
    }

    [Fact]
    public void OneCycleLR_runs()
    {
        var (epochs, batches) = (10, 50);
        var scheduler = new OneCycleLR(optimizer, maxLr: 0.5, epochs: epochs, stepsPerEpoch: batches);
        for (int step = 0; step < epochs * batches; step++)
        {
            TrainBatch();
            scheduler.Step();
        }
    }

    [Fact]
    public void ReduceLROnPlateau_runs()
    {
        var scheduler = new ReduceLROnPlateau(optimizer, factor: 0.5, patience: 5);
        for (int epoch = 0; epoch < 100; epoch++)
        {
            TrainEpoch();
            double loss = Validate();
            scheduler.Step(loss);
        }
    }

    [Fact]
    public void SWALR_runs()
    {
        var scheduler = new CosineAnnealingLR(optimizer, tMax: 75);
        var swa = new SWALR(optimizer, swaLr: 0.05, annealEpochs: 10);
        for (int epoch = 0; epoch < 100; epoch++)
        {
            TrainEpoch();
            if (epoch < 75)
                scheduler.Step();
            else
                swa.Step(); // and average the weights
        }
    }

    [Fact]
    public void ChainedScheduler_runs()
    {
        var scheduler = new ChainedScheduler(
            [new LinearLR(optimizer, startFactor: 0.1, totalIters: 5), new ExponentialLR(optimizer, gamma: 0.95)]);
        for (int epoch = 0; epoch < 100; epoch++)
        {
            TrainEpoch();
            scheduler.Step();
        }
    }

    [Fact]
    public void SequentialLR_runs()
    {
        var scheduler = new SequentialLR(optimizer,
            [new LinearLR(optimizer, startFactor: 0.1, totalIters: 5), new CosineAnnealingLR(optimizer, tMax: 94)],
            milestones: [5]);
        for (int epoch = 0; epoch < 100; epoch++)
        {
            TrainEpoch();
            scheduler.Step();
        }
    }

    [Fact]
    public void Warmups_runs()
    {
        var scheduler = Warmup.Cosine(optimizer, warmupSteps: 500, totalSteps: 10_000);
        for (int step = 0; step < 10_000; step++)
        {
            TrainBatch();
            scheduler.Step();
        }
    }

    [Fact]
    public void Report_runs()
    {
        var scheduler = new CosineAnnealingLR(optimizer, tMax: 50);
        var report = ScheduleReport.Of(scheduler, steps: 100);
        Console.WriteLine(report);
        foreach (var finding in report.Findings)
            Console.WriteLine($"{finding.Kind} at step {finding.Step}: {finding.Message}");
    }

    [Fact]
    public void Resume_runs()
    {
        var scheduler = Warmup.Cosine(optimizer, warmupSteps: 5, totalSteps: 100);
        StateDict saved = scheduler.StateDict();
        // … later, with the optimizer and the scheduler made in the same way:
        scheduler.LoadStateDict(saved); // and the optimizer's state, before or after
    }

    [Fact]
    public void Pure_runs()
    {
        double rate = CosineAnnealingLR.At(epoch: 37, baseRate: 0.1, tMax: 99);
        Assert.Equal(0.05 * (1 + Math.Cos(Math.PI * 37 / 99)), rate, 12);
    }
}
