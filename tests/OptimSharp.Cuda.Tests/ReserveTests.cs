namespace OptimSharp.Cuda.Tests;

/// <summary>
/// A step takes all its memory before it changes anything, gradients and averages as well: wherever it fails for want of memory, the same step tried again does what it would have done.
/// </summary>
public class ReserveTests
{
    const string OnHost = "state on the host", Accumulated = "micro-batches", Measured = "statistics", Sparse = "a sparse gradient", Kept = "gradients kept",
        Averaged = "averages", Shared = "a shared gradient", Clipped = "clipped";

    static readonly string[] TakeMemory = ["Allocate", "AllocatePinned", "LoadModule", "CreateEvent", "CreateStream"];

    public ReserveTests() => Assert.SkipWhen(FakeDriver.IsReal, "A real device does not fail when it is told to.");

    public static TheoryData<string, string[]> Steps => new()
    {
        { "SGD", [] },
        { "SGD", [OnHost] },
        { "SGD", [OnHost, Accumulated, Averaged] },
        { "SGD", [Measured] },
        { "SGD", [Sparse, Kept] },
        { "SGD", [Sparse, Averaged] },
        { "SGD", [Sparse, OnHost, Kept, Averaged] },
        { "SGD", [Shared, Clipped] },
        { "AdamW", [Averaged] },
        { "AdamW", [Measured, Averaged, Clipped] },
        { "LAMB", [Measured, Averaged] },
        { "LAMB", [OnHost, Clipped] },
        { "Prodigy", [Shared, Kept] },
        { "Adafactor", [Averaged] },
        { "Muon", [Averaged, Kept] },
        { "Muon", [OnHost, Clipped, Averaged] },
        { "LBFGS", [Averaged] },
    };

    [Theory]
    [MemberData(nameof(Steps))]
    public void A_step_without_memory_changes_nothing_and_can_be_tried_again(string optimizer, string[] with)
    {
        double[] expected;
        using (var reference = new Run(optimizer, with))
        {
            reference.Step();
            reference.Step();
            expected = reference.State();
        }
        for (int failing = 0; ; failing++)
        {
            using var run = new Run(optimizer, with);
            double[] before = run.State();
            int calls = 0;
            run.Fake.Fault = (function, _) => TakeMemory.Contains(function) && calls++ >= failing ? FakeDevice.OutOfMemory : 0;
            if (Record.Exception(run.Step) is { } e)
            {
                Assert.Equal(FakeDevice.OutOfMemory, Assert.IsType<CudaException>(e).Result);
                Assert.DoesNotContain("The step", e.Message, StringComparison.Ordinal);
                Assert.Equal(before, run.State());
                run.Fake.Fault = null;
                run.Step();
            }
            else
            {
                Assert.InRange(failing, 2, 100);
                return;
            }
            run.Step();
            Assert.Equal(expected, run.State());
        }
    }

    /// <summary>Any other failure leaves the step as it was, so that it can be tried again, or says that it is half done or taken.</summary>
    [Theory]
    [MemberData(nameof(Steps))]
    public void A_step_that_fails_otherwise_says_what_it_left(string optimizer, string[] with)
    {
        double[] expected;
        using (var reference = new Run(optimizer, with))
        {
            reference.Step();
            reference.Step();
            expected = reference.State();
        }
        foreach (string failing in (string[])["Launch", "CopyToHost", "CopyToDevice", "Record", "Await", "StreamAwait", "Set"])
        {
            for (int at = 0; ; at++)
            {
                using var run = new Run(optimizer, with);
                double[] before = run.State();
                int calls = 0;
                run.Fake.Fault = (function, _) => function == failing && calls++ == at ? 999 : 0;
                var e = Record.Exception(run.Step);
                run.Fake.Fault = null;
                if (e is null && calls <= at)
                    break;
                if (e is not null)
                {
                    Assert.Equal(999, Assert.IsType<CudaException>(e).Result);
                    if (e.Message.Contains(" The step ", StringComparison.Ordinal))
                    {
                        Assert.Equal(999, Assert.IsType<CudaException>(e.InnerException).Result);
                        continue;
                    }
                    if (!before.SequenceEqual(run.State()))
                        Assert.Fail($"{failing} {at} changed something and does not say so: {e}");
                    run.Step();
                }
                run.Step();
                if (!expected.SequenceEqual(run.State()))
                    Assert.Fail($"{failing} {at}: {e}");
            }
        }
    }

    [Fact]
    public void A_record_that_fails_after_the_launch_does_not_undo_the_step()
    {
        using Run run = new("AdamW", []), reference = new("AdamW", []);
        int failed = 0;
        run.Fake.Fault = (function, _) => function == "Record" && run.Fake.Calls("Launch") > 0 && failed++ == 0 ? 999 : 0;
        run.Step();
        Assert.True(failed > 0);
        reference.Step();
        Assert.Equal(reference.State(), run.State());
    }

    [Fact]
    public void A_step_that_stops_between_blocks_says_so()
    {
        var (device, fake) = FakeDriver.Create(new() { BytesOfBlock = 1 << 18 });
        double[] numbers = [.. Enumerable.Range(0, 100_000).Select(i => Math.Sin(i))];
        using CudaMemory values = DeviceMemory.Of(device, ElementType.Float32, numbers), gradient = DeviceMemory.Of(device, ElementType.Float32, numbers);
        var parameter = Parameter.OnCuda("p", values.Address, ElementType.Float32, device, numbers.Length);
        parameter.Gradient = gradient.Address;
        using var optimizer = new AdamW(new[] { parameter }.WithStateOnHost());
        optimizer.Step();
        int sent = fake.Calls("CopyToDevice");
        fake.Fault = (function, before) => function == "CopyToDevice" && before == sent + 1 ? 999 : 0;
        var e = Assert.Throws<CudaException>(optimizer.Step);
        Assert.Equal("The CUDA driver's cuMemcpyHtoDAsync_v2 failed: error (999), of which it says no more. The step had begun: parameters, state or gradients may be changed in part, and the step is not counted. Go on from a checkpoint.", e.Message);
        Assert.Equal(1, optimizer.StateOf(parameter)!.Step);
    }

    [Fact]
    public void A_rule_that_measures_on_two_devices_changes_neither_without_memory_on_one() =>
        ChangesNeither("LAMB", (one, two) => new LAMB([.. one.Parameters, .. two.Parameters]), both => both.Step());

    [Fact]
    public void Unscaling_on_two_devices_changes_neither_without_memory_on_one() =>
        ChangesNeither("SGD", (one, two) => new SGD([.. one.Parameters, .. two.Parameters], new() { LearningRate = 0.1 }), both => new GradScaler(8).Unscale(both));

    static void ChangesNeither(string kind, Func<Run, Run, Optimizer> make, Action<Optimizer> use)
    {
        for (int failing = 0; ; failing++)
        {
            using Run one = new(kind, []), two = new(kind, []);
            using var both = make(one, two);
            double[] before = one.State();
            int calls = 0;
            two.Fake.Fault = (function, _) => TakeMemory.Contains(function) && calls++ >= failing ? FakeDevice.OutOfMemory : 0;
            if (Record.Exception(() => use(both)) is null)
            {
                Assert.InRange(failing, 1, 100);
                return;
            }
            Assert.Equal(before, one.State());
            Assert.Equal(before, two.State());
        }
    }

    [Fact]
    public void A_sparse_gradient_in_host_memory_is_as_it_was_as_well()
    {
        for (int failing = 0; ; failing++)
        {
            using Run there = new("SGD", []);
            float[] values = new float[6], gradient = [8, 16];
            var here = Parameter.Of("here", values, 6, 1);
            here.SparseGradient = new(new long[] { 1, 4 }, gradient); // rising, so that it needs no copy to be stepped
            using var both = new SGD([.. there.Parameters, here], new() { LearningRate = 0.5, Momentum = 0.5 });
            var training = new TrainingStep(both, new() { Scaler = new GradScaler(8), GradientsAfter = GradientsAfter.Kept });
            int calls = 0;
            there.Fake.Fault = (function, _) => TakeMemory.Contains(function) && calls++ == failing ? FakeDevice.OutOfMemory : 0;
            bool fails = Record.Exception(() => training.Step()) is not null;
            if (fails)
            {
                Assert.Equal([8, 16], gradient);
                training.Step();
            }
            Assert.Equal([1, 2], gradient);
            Assert.Equal([0, -0.5f, 0, 0, -1, 0], values);
            if (fails)
                continue;
            Assert.InRange(failing, 2, 100);
            return;
        }
    }

    /// <summary>A training step over three parameters on a device of its own.</summary>
    sealed class Run : IDisposable
    {
        static readonly long[][] Shapes = [[40, 30], [5, 3], [5, 3]];

        readonly CudaDevice device;
        readonly List<CudaMemory> values = [], gradients = [];
        readonly CudaMemory rows;
        readonly bool isSparse, isShared;
        readonly Optimizer optimizer;
        readonly AveragedParameters? averages;
        readonly TrainingStep training;
        int step;

        public Run(string kind, string[] with)
        {
            (device, Fake) = FakeDriver.Create();
            (isSparse, isShared) = (with.Contains(Sparse), with.Contains(Shared));
            foreach (long[] shape in Shapes)
            {
                values.Add(DeviceMemory.Of(device, ElementType.Float32, Numbers(shape, Math.Sin)));
                gradients.Add(DeviceMemory.Of(device, ElementType.Float32, Numbers(shape, Math.Cos)));
                Parameters.Add(Parameter.OnCuda($"p{Parameters.Count}", values[^1].Address, ElementType.Float32, device, shape));
            }
            rows = device.Allocate(3 * sizeof(long));
            rows.CopyFrom<long>([4, 1, 4]);
            if (with.Contains(Averaged))
                averages = new(Parameters, Averaging.Ema(0.5));
            IEnumerable<Parameter> parameters = with.Contains(OnHost) ? [.. Parameters.WithStateOnHost()] : Parameters;
            optimizer = kind switch
            {
                "SGD" => new SGD(parameters, new() { LearningRate = 0.5, Momentum = 0.5 }),
                "AdamW" => new AdamW(parameters),
                "LAMB" => new LAMB(parameters),
                "Prodigy" => new Prodigy(parameters),
                "Adafactor" => new Adafactor(parameters),
                "Muon" => new Muon(parameters),
                _ => new LBFGS(parameters, new() { MaxIterations = 2 }),
            };
            training = new(optimizer, new()
            {
                Scaler = new GradScaler(8),
                MicroBatches = with.Contains(Accumulated) ? 2 : 1,
                Statistics = with.Contains(Measured),
                GradientsAfter = with.Contains(Kept) ? GradientsAfter.Kept : GradientsAfter.Dropped,
                MaxNorm = with.Contains(Clipped) ? 0.1 : null,
                Averages = averages,
            });
            Give();
        }

        public FakeDevice Fake { get; }

        public List<CudaParameter> Parameters { get; } = [];

        /// <summary>A step by the gradients that are there; after one that was taken there are new ones.</summary>
        public void Step()
        {
            if (optimizer is LBFGS)
            {
                training.Step(Evaluate, out double _);
            }
            else
            {
                if (training.Options.MicroBatches > 1 && training.Gathered == 0)
                    training.Step();
                training.Step();
            }
            step++;
            Fake.Fault = null; // the step is over
            Give();
        }

        /// <summary>All that a step may change. (The gradients of LBFGS are computed in it.)</summary>
        public double[] State() =>
        [
            .. values.Concat(optimizer is LBFGS ? [] : gradients).SelectMany(memory => DeviceMemory.Read(memory, ElementType.Float32, (int)memory.Bytes / sizeof(float))),
            .. averages is null ? [] : Parameters.SelectMany(p => averages.Average(p.Name).ToDoubles()),
            averages?.Count ?? 0,
            .. Parameters.Select(p => (double)(optimizer.StateOf(p)?.Step ?? 0)),
        ];

        public void Dispose()
        {
            optimizer.Dispose();
            averages?.Dispose();
            foreach (var memory in values.Concat(gradients))
                memory.Dispose();
            rows.Dispose();
        }

        void Give()
        {
            for (int i = 0; i < Parameters.Count; i++)
            {
                var memory = gradients[isShared && i == 2 ? 1 : i];
                if (step > 0)
                    memory.CopyFrom<float>([.. Numbers(Shapes[i], x => Math.Cos(x + step)).Select(x => (float)x)]);
                if (isSparse && i == 1)
                    Parameters[i].SetSparseGradient(rows.Address, memory.Address, 3);
                else
                    Parameters[i].Gradient = memory.Address;
            }
        }

        /// <summary>4‖θ − 1‖², times the scale.</summary>
        double Evaluate()
        {
            double loss = 0;
            for (int i = 0; i < Parameters.Count; i++)
            {
                float[] numbers = new float[Parameters[i].Count];
                values[i].CopyTo<float>(numbers);
                loss += 4 * numbers.Sum(x => (x - 1.0) * (x - 1.0));
                gradients[i].CopyFrom<float>([.. numbers.Select(x => 8 * 8 * (x - 1))]);
                Parameters[i].Gradient = gradients[i].Address;
            }
            return loss;
        }

        static double[] Numbers(long[] shape, Func<double, double> of) => [.. Enumerable.Range(0, (int)shape.Aggregate(1L, (x, y) => x * y)).Select(i => of(i))];
    }
}
