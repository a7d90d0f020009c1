using OptimSharp.Schedulers;
using OptimSharp.Torch;
using static OptimSharp.Doors.Door;

namespace OptimSharp.Doors;

/// <summary>What other threads do meanwhile.</summary>
static class ThreadDoors
{
    const string Threads = "not for use by several threads at once";

    public static IEnumerable<(string Name, Action Try)> All =>
    [
        ("one optimizer stepped by several threads", StepAtOnce),
        ("every call while another thread steps", EveryCallMeanwhile),
        ("averages while another thread updates them", AveragesMeanwhile),
        ("a training step by several threads", TrainingStepAtOnce),
        ("several optimizers on several threads, plain memory", () => Several(torch: false)),
        ("several optimizers on several threads, TorchSharp", () => Several(torch: true)),
    ];

    static void StepAtOnce()
    {
        var parameters = Enumerable.Range(0, 400).Select(i => Ones($"w{i}", 500)).ToArray();
        using var optimizer = new Adam(parameters);
        optimizer.Step();
        int taken = 0, refused = 0;
        Parallel.For(0, 8, _ =>
        {
            for (int i = 0; i < 50; i++)
            {
                try
                {
                    optimizer.Step();
                    Interlocked.Increment(ref taken);
                }
                catch (InvalidOperationException e) when (e.Message.Contains(Threads, StringComparison.Ordinal))
                {
                    Interlocked.Increment(ref refused);
                }
            }
        });
        Same(400, taken + refused);
        Same(1L + taken, optimizer.StateOf(parameters[0])!.Step);
    }

    static void EveryCallMeanwhile()
    {
        var parameter = Ones("w", 1000);
        var optimizer = new Adam([parameter]);
        optimizer.Step();
        var state = optimizer.StateDict();
        var scaler = new GradScaler();
        var step = new TrainingStep(optimizer);
        (string Name, Action Call)[] calls =
        [
            ("Step", optimizer.Step), ("Step", () => optimizer.Step(() => 0)), ("ZeroGrad", () => optimizer.ZeroGrad()), ("StateDict", () => optimizer.StateDict()),
            ("LoadStateDict", () => optimizer.LoadStateDict(state)), ("AddParameterGroup", () => optimizer.AddParameterGroup(new([Ones("v", 2)]))),
            ("AddParameterGroups", () => optimizer.AddParameterGroups(new GroupRules<AdamOptions>().Of([Ones("u", 2)]))), ("Audit", () => optimizer.Audit()),
            ("Rebind", () => optimizer.Rebind([parameter])), ("GradScaler.Unscale", () => scaler.Unscale(optimizer)), ("Step", () => step.Step()), ("Dispose", optimizer.Dispose),
        ];
        foreach (string within in new[] { "Stepping", "closure", "Stepped" })
        {
            foreach (var (name, call) in calls)
            {
                bool tried = false;
                EventHandler handler = (_, _) => Try();
                if (within == "Stepping")
                    optimizer.Stepping += handler;
                if (within == "Stepped")
                    optimizer.Stepped += handler;
                optimizer.Step(() =>
                {
                    if (within == "closure")
                        Try();
                    return 0;
                });
                optimizer.Stepping -= handler;
                optimizer.Stepped -= handler;
                Same(true, tried);

                void Try()
                {
                    Exception? failure = null;
                    var other = new Thread(() =>
                    {
                        try
                        {
                            Refused<InvalidOperationException>(call, $"{name} was called while another thread is in Step");
                        }
                        catch (InvalidOperationException e)
                        {
                            failure = e;
                        }
                    });
                    other.Start();
                    other.Join();
                    tried = failure is null ? true : throw failure;
                }
            }
        }
        Same(1L + 3 * calls.Length, optimizer.StateOf(parameter)!.Step);
        optimizer.Dispose();
    }

    static void AveragesMeanwhile()
    {
        var parameter = Ones("w", 1000);
        AveragedParameters? averages = null;
        StateDict? state = null;
        averages = new([parameter], Averaging.PerTensor((_, _, _) =>
        {
            foreach (Action call in (Action[])[averages!.Update, () => averages!.StateDict(), () => averages!.Average("w"), () => averages!.SwapIn(), () => averages!.CopyTo([parameter]),
                () => averages!.LoadStateDict(state!), () => averages!.Rebind([parameter]), averages!.Dispose])
            {
                Exception? failure = null;
                var other = new Thread(() =>
                {
                    try
                    {
                        Refused<InvalidOperationException>(call, Threads);
                    }
                    catch (InvalidOperationException e)
                    {
                        failure = e;
                    }
                });
                other.Start();
                other.Join();
                if (failure is not null)
                    throw failure;
            }
        }));
        averages.Update();
        state = averages.StateDict();
        averages.Update();
        Same(2L, averages.Count);
        averages.Dispose();
    }

    static void TrainingStepAtOnce()
    {
        var parameters = Enumerable.Range(0, 100).Select(i => Ones($"w{i}", 500)).ToArray();
        using var optimizer = new AdamW(parameters);
        using var averages = new AveragedParameters(parameters, Averaging.Ema(0.9));
        int taken = 0;
        Parallel.For(0, 8, _ =>
        {
            var step = new TrainingStep(optimizer, new() { MaxNorm = 1, Averages = averages, GradientsAfter = GradientsAfter.Kept });
            for (int i = 0; i < 50; i++)
            {
                try
                {
                    step.Step();
                    Interlocked.Increment(ref taken);
                }
                catch (InvalidOperationException e) when (e.Message.Contains(Threads, StringComparison.Ordinal))
                {
                }
            }
        });
        Same((long)taken, averages.Count);
        Same((long)taken, optimizer.StateOf(parameters[0])!.Step);
    }

    /// <summary>128 runs by 32 threads end with the bits of one run by itself.</summary>
    static void Several(bool torch)
    {
        int[] expected = Train(torch);
        int runs = 0;
        var threads = Enumerable.Range(0, 32).Select(_ => new Thread(() =>
        {
            for (int i = 0; i < 4; i++)
            {
                if (Train(torch).SequenceEqual(expected))
                    Interlocked.Increment(ref runs);
            }
        })).ToArray();
        foreach (var thread in threads)
            thread.Start();
        foreach (var thread in threads)
            thread.Join();
        Same(128, runs);
    }

    static int[] Train(bool torch)
    {
        long[][] shapes = [[300, 250], [70], [30, 40], [3]];
        var random = new Random(1);
        var starts = shapes.Select(shape => Enumerable.Range(0, (int)shape.Aggregate(1L, (a, b) => a * b)).Select(_ => random.NextSingle() - 0.5f).ToArray()).ToArray();
        var tensors = torch ? starts.Select((s, i) => TorchSharp.torch.tensor(s).reshape(shapes[i]).requires_grad_()).ToArray() : [];
        var host = torch ? [] : starts.Select((s, i) => Parameter.Of($"w{i}", s, shapes[i])).ToArray();
        Parameter[] parameters = torch ? [.. tensors.AsParameters()] : [.. host];
        using var adam = new Adam(parameters[..2], new() { WeightDecay = 0.1 });
        using var muon = new Muon(parameters[2..3], new() { LearningRate = 0.01 });
        using var averages = new AveragedParameters(parameters, Averaging.Ema(0.5));
        var scheduler = new ExponentialLR(adam, 0.9);
        TrainingStep[] steps = [new(adam, new() { MaxNorm = 1, Averages = averages, Schedulers = [scheduler] }), new(muon, new() { MaxNorm = 0.1, GradientsAfter = GradientsAfter.Zeroed })];
        for (int step = 0; step < 3; step++)
        {
            for (int i = 0; i < shapes.Length; i++)
            {
                var gradient = Enumerable.Range(0, starts[i].Length).Select(_ => random.NextSingle() - 0.5f).ToArray();
                if (torch)
                    tensors[i].grad = TorchSharp.torch.tensor(gradient).reshape(shapes[i]);
                else
                    host[i].Gradient = gradient;
            }
            foreach (var one in steps)
                one.Step();
        }
        var bits = new List<int>();
        for (int i = 0; i < shapes.Length; i++)
        {
            bits.AddRange((torch ? tensors[i].data<float>().ToArray() : host[i].Values.ToArray()).Select(BitConverter.SingleToInt32Bits));
            bits.AddRange(averages.Average(averages.Names[i]).ToArray<float>().Select(BitConverter.SingleToInt32Bits));
        }
        foreach (var tensor in tensors)
            tensor.Dispose();
        return [.. bits];
    }
}
