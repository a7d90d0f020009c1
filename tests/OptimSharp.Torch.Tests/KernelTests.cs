using OptimSharp.Conformance;
using OptimSharp.Conformance.Workloads;
using OptimSharp.Cuda;
using OptimSharp.Cuda.Tests;
using TorchSharp;

namespace OptimSharp.Torch.Tests;

/// <summary>Tensors whose steps are done by the kernels of OptimSharp.Cuda: tensors of the CPU, over a device that shares the host's memory.</summary>
public class KernelTests
{
    static (CudaDevice Device, FakeDevice Fake) Create() => FakeDriver.Create(new() { SharesHost = true });

    public static IEnumerable<TheoryDataRow<string>> Cases =>
        from x in GoldenFiles.All()
        where File.ReadAllText(x.File).Contains("\"kind\":\"optimizer\"", StringComparison.Ordinal)
        select new TheoryDataRow<string>(x.File) { TestDisplayName = $"{x.Name} (kernels)" };

    [Theory]
    [MemberData(nameof(Cases))]
    public void Matches_PyTorch(string file)
    {
        var (device, fake) = Create();
        GoldenCase.Run(file, new TorchParameterSource(byPointer: false, device));
        Assert.Null(fake.Failure);
    }

    public static TheoryData<string> Optimizers => [.. OptimizerDriver.PublicOptimizers.Where(OptimizerSamples.TakesDenseGradients).Select(o => o.Name)];

    [Theory]
    [MemberData(nameof(Optimizers))]
    public void One_pass_is_the_separate_calls(string optimizer)
    {
        var (device, fake) = Create();
        foreach (var run in OnePasses.Some(OptimizerDriver.For(optimizer).Type, ElementType.Float32, new TorchParameterSource(byPointer: false, device), every: 31))
        {
            if ((run with { Sizes = [600, 33, 64] }).Difference() is { } difference)
                Assert.Fail($"{run}: {difference} {fake.Failure}");
        }
    }

    [Fact]
    public void A_model_has_the_hosts_bits()
    {
        var (device, fake) = Create();
        using var mine = new Model(device);
        using var host = new Model(null);
        for (int step = 0; step < 4; step++)
        {
            mine.Step();
            host.Step();
        }
        Assert.Equal(host.Numbers(), mine.Numbers());
        Assert.Equal(4 * 6, fake.Calls("Launch")); // a step, for each of two types: two for the norm, and one for all else
        Assert.Null(fake.Failure);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_model_whose_state_is_in_host_memory_has_the_hosts_bits(bool hasKernels)
    {
        var (device, fake) = Create();
        using var mine = new Model(hasKernels ? device : null, isElsewhere: true, stateOnHost: true);
        using var host = new Model(null);
        for (int step = 0; step < 4; step++)
        {
            mine.Step();
            host.Step();
        }
        Assert.Equal(host.Numbers(), mine.Numbers());
        Assert.Equal(hasKernels, fake.Calls("StreamAwait") > 0); // by blocks
    }

    [Fact]
    public void Tensors_that_are_not_contiguous_are_stepped_by_operators_beside_those_that_are()
    {
        var (device, fake) = Create();
        using var turned = torch.arange(12, dtype: torch.float32).reshape(3, 4).t().requires_grad_(true);
        using var plain = torch.arange(12, dtype: torch.float32).requires_grad_(true);
        using var odd = torch.arange(12, dtype: torch.float32).reshape(3, 4).requires_grad_(true);
        turned.grad = torch.ones_like(turned);
        plain.grad = torch.ones(12);
        odd.grad = torch.ones(4, 3).t();
        TorchParameter[] parameters = [new(turned, "turned", byPointer: false, kernels: device), new(plain, "plain", byPointer: false, kernels: device), new(odd, "odd", byPointer: false, kernels: device)];
        var said = new List<string>();
        void Listen(object? sender, WarningEventArgs e) => said.Add(e.Message);
        TorchKernels.SayAgain();
        Warnings.Raised += Listen;
        try
        {
            using var optimizer = new SGD(parameters, new() { LearningRate = 0.5, Momentum = 0.9 });
            for (int step = 0; step < 3; step++)
                optimizer.Step();
        }
        finally
        {
            Warnings.Raised -= Listen;
        }
        Assert.Contains("Parameter 'turned' [4, 3] Float32 is not contiguous", Assert.Single(said, s => s.Contains("libtorch's tensor operators", StringComparison.Ordinal)), StringComparison.Ordinal);
        Assert.Equal(3, fake.Calls("Launch"));
        double expected = -0.5 * (1 + 1.9 + 2.71);
        foreach (var tensor in (torch.Tensor[])[plain, odd])
        {
            float[] numbers = [.. tensor.detach().contiguous().data<float>()];
            for (int i = 0; i < 12; i++)
                Assert.Equal(i + expected, numbers[i], 1e-5);
        }
        Assert.Equal(plain.detach().sum().item<float>(), turned.detach().sum().item<float>(), 1e-4f);
    }

    [Fact]
    public void A_device_is_tried_before_it_is_used()
    {
        Assert.Null(TorchKernels.WhyNot(FakeDriver.Create().Device));
        Assert.Matches("^A step of AdamW on cuda:.* came to other numbers than on the host.$", TorchKernels.WhyNot(FakeDriver.Create(new() { Garbles = true }).Device));
        var (device, fake) = FakeDriver.Create();
        fake.Fault = (function, _) => function == "LoadModule" ? FakeDevice.InvalidPtx : 0;
        Assert.Equal(FakeDevice.InvalidPtx, Assert.Throws<CudaException>(() => TorchKernels.WhyNot(device)).Result);
        if (CudaDevice.Count == 0)
            Assert.Null(TorchKernels.DeviceAt(0));
    }

    /// <summary>A training of two tensors in single precision, one in bfloat16 and one with a sparse gradient.</summary>
    sealed class Model : IDisposable
    {
        readonly torch.Tensor[] tensors;
        readonly Optimizer optimizer;
        readonly AveragedParameters averages;
        readonly TrainingStep step;
        int steps;

        public Model(CudaDevice? device, bool isElsewhere = false, bool stateOnHost = false)
        {
            tensors = [Made(3000, torch.float32), Made(1, torch.float32), Made(777, torch.bfloat16)];
            TorchParameter[] parameters = [.. tensors.Select((t, i) => new TorchParameter(t, $"p{i}", byPointer: device is null && !isElsewhere, kernels: device))];
            if (stateOnHost)
                parameters.WithStateOnHost();
            optimizer = new AdamW(parameters, new() { LearningRate = 1e-2 });
            averages = new(parameters, OptimSharp.Averaging.Ema(0.9));
            step = new(optimizer, new() { MaxNorm = 0.5, Averages = averages, GradientsAfter = GradientsAfter.Zeroed });
        }

        public void Step()
        {
            foreach (var (i, tensor) in tensors.Index())
                tensor.grad = torch.sin(torch.arange(tensor.numel(), dtype: torch.float32) * (1 + i + steps)).to_type(tensor.dtype);
            steps++;
            step.Step();
        }

        public double[] Numbers()
        {
            var all = new List<double>();
            foreach (var tensor in tensors)
            {
                all.AddRange(tensor.detach().to_type(torch.float64).data<double>().ToArray());
                all.AddRange(tensor.grad!.to_type(torch.float64).data<double>().ToArray());
            }
            foreach (var parameter in optimizer.ParameterGroups[0].Parameters)
            {
                foreach (string key in optimizer.StateOf(parameter)!.TensorKeys)
                    all.AddRange(optimizer.StateOf(parameter)!.Tensor(key));
            }
            foreach (var (_, value) in averages.StateDict().OfType<KeyValuePair<string, object?>>())
            {
                if (value is TensorData data)
                    all.AddRange(data.ToArray<double>());
            }
            return [.. all];
        }

        public void Dispose()
        {
            optimizer.Dispose();
            foreach (var tensor in tensors)
                tensor.Dispose();
        }

        static torch.Tensor Made(int count, torch.ScalarType type) => torch.cos(torch.arange(count, dtype: torch.float32)).to_type(type).requires_grad_(true);
    }
}
