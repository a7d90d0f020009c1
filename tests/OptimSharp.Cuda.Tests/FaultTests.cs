using System.Runtime.CompilerServices;

namespace OptimSharp.Cuda.Tests;

/// <summary>What is told, and what is left, where a driver or a device fails.</summary>
public class FaultTests
{
    public FaultTests() => Assert.SkipWhen(FakeDriver.IsReal, "A real device does not fail when it is told to.");

    [Fact]
    public void Without_a_driver_it_is_said_what_is_missing()
    {
        var e = Assert.Throws<CudaException>(() => CudaDevice.Get());
        Assert.Matches("^There is no CUDA driver on this machine: (libcuda.so.1|nvcuda.dll) was not found", e.Message);
        Assert.Equal(0, CudaDevice.Count);
    }

    [Fact]
    public void A_driver_that_does_not_load_is_told_from_one_that_is_not_there()
    {
        const string Start = "Unable to load shared library 'libcuda.so.1' or one of its dependencies. In order to help diagnose loading problems, …: \n";
        Assert.Equal("was not found", CudaDriver.WhyNot(Start + "/program/libcuda.so.1: cannot open shared object file: No such file or directory\nlibcuda.so.1: cannot open shared object file: No such file or directory\n"));
        Assert.Equal("is there, and does not load (/lib/libcuda.so.1: file too short)", CudaDriver.WhyNot(Start + "/program/libcuda.so.1: cannot open shared object file: No such file or directory\n/lib/libcuda.so.1: file too short\n"));
    }

    [Fact]
    public void A_driver_that_lacks_a_function_is_too_old()
    {
        var e = Assert.Throws<CudaException>(() => new CudaDriver(name => name == "cuMemHostAlloc" ? 0 : FakeDriver.Find(name)));
        Assert.Equal("The CUDA driver of this machine has no function cuMemHostAlloc: it is older than CUDA 9.0, or not NVIDIA's.", e.Message);
    }

    [Fact]
    public void A_device_that_is_not_there_is_refused()
    {
        var (device, _) = FakeDriver.Create();
        Assert.Contains("an index must be in [0, ", Assert.Throws<ArgumentOutOfRangeException>(() => new CudaDevice(device.Driver, 1 << 20)).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentOutOfRangeException>(() => new CudaDevice(device.Driver, -1));
    }

    [Fact]
    public void An_old_device_is_refused()
    {
        var e = Assert.Throws<CudaException>(() => FakeDriver.Create(new() { Name = "GTX 980", ComputeCapability = (5, 2) }));
        Assert.Matches(@"^cuda:\d+ \(GTX 980\) has compute capability 5\.2, but the kernels need 6\.0", e.Message);
    }

    [Fact]
    public void A_device_says_what_it_is()
    {
        var (device, _) = FakeDriver.Create(new() { Name = "NVIDIA H200", ComputeCapability = (9, 0) });
        Assert.Equal(("NVIDIA H200", new Version(9, 0)), (device.Name, device.ComputeCapability));
    }

    [Fact]
    public void Too_little_memory_for_state_changes_nothing()
    {
        var (device, fake) = FakeDriver.Create();
        using var model = new Model(device);
        using var optimizer = new AdamW(model.Parameters);
        fake.Fault = (function, before) => function == "Allocate" && before == fake.Calls("Allocate") - 1 && fake.Allocated >= model.Bytes + 4000 ? FakeDevice.OutOfMemory : 0;
        double[] before = model.Values();
        var e = Assert.Throws<CudaException>(() => optimizer.Step());
        Assert.Equal("The CUDA driver's cuMemAlloc_v2 failed: CUDA_ERROR_OUT_OF_MEMORY (2), out of memory. 4,000 bytes of the device's memory were asked for.", e.Message);
        Assert.Equal(FakeDevice.OutOfMemory, e.Result);
        Assert.Equal(before, model.Values());
        Assert.All(model.Parameters, p => Assert.Empty(optimizer.StateOf(p)?.TensorKeys ?? []));
        fake.Fault = null;
        optimizer.Step(); // as if nothing had been
        using var other = new Model(FakeDriver.Create().Device);
        using var reference = new AdamW(other.Parameters);
        reference.Step();
        Assert.Equal(other.Values(), model.Values());
    }

    [Fact]
    public void Too_little_pinned_memory_is_told_with_its_bytes()
    {
        var (device, fake) = FakeDriver.Create();
        using var model = new Model(device);
        using var optimizer = new AdamW(model.Parameters.WithStateOnHost());
        fake.Fault = (function, _) => function == "AllocatePinned" ? FakeDevice.OutOfMemory : 0;
        Assert.Equal("The CUDA driver's cuMemHostAlloc failed: CUDA_ERROR_OUT_OF_MEMORY (2), out of memory. 8,388,608 bytes of pinned host memory were asked for.", Assert.Throws<CudaException>(optimizer.Step).Message);
    }

    [Fact]
    public void State_is_given_back_with_its_optimizer()
    {
        var (device, fake) = FakeDriver.Create();
        using var model = new Model(device);
        var optimizer = new AdamW(model.Parameters, new() { AMSGrad = true });
        optimizer.Step();
        Assert.True(fake.Allocated > model.Bytes + 3 * 4000);
        optimizer.Dispose();
        Collect();
        Assert.Equal(model.Bytes, fake.Allocated);
    }

    [Theory]
    [InlineData("Launch")]
    [InlineData("CopyToDevice")]
    [InlineData("AllocatePinned")]
    [InlineData("LoadModule")]
    [InlineData("Record")]
    public void Each_call_that_fails_is_told(string function)
    {
        var (device, fake) = FakeDriver.Create();
        using var model = new Model(device);
        using var optimizer = new AdamW(model.Parameters);
        fake.Fault = (name, _) => name == function ? 999 : 0;
        var e = Assert.Throws<CudaException>(() => optimizer.Step());
        Assert.Equal(999, e.Result);
        Assert.Matches(@"^The CUDA driver's cu\w+ failed: error \(999\), of which it says no more\.", e.Message);
        Assert.Equal(0, FakeDriver.Contexts);
        fake.Fault = null;
        double[] before = model.Values();
        optimizer.Step();
        Assert.NotEqual(before, model.Values());
    }

    [Fact]
    public void A_kernel_that_the_driver_refuses_is_told_with_its_log()
    {
        var (device, fake) = FakeDriver.Create();
        using var model = new Model(device);
        using var optimizer = new AdamW(model.Parameters);
        fake.Fault = (name, _) => name == "LoadModule" ? FakeDevice.InvalidPtx : 0;
        var e = Assert.Throws<CudaException>(() => optimizer.Step());
        Assert.Equal("The CUDA driver's cuModuleLoadDataEx failed: CUDA_ERROR_INVALID_PTX (218), a PTX JIT compilation failed. The kernel asks for PTX 6.0, which drivers know since CUDA 9.0. ptxas says no.", e.Message);
    }

    [Fact]
    public void A_lost_device_is_told_at_each_call_and_disposing_is_quiet()
    {
        var (device, fake) = FakeDriver.Create();
        using (var model = new Model(device))
        {
            using var optimizer = new AdamW(model.Parameters);
            optimizer.Step();
            fake.Lost = FakeDevice.IllegalAddress;
            for (int i = 0; i < 2; i++)
            {
                var e = Assert.Throws<CudaException>(() => optimizer.Step());
                Assert.EndsWith("CUDA_ERROR_ILLEGAL_ADDRESS (700), an illegal memory access was encountered. The device is lost to this process, with all that was in its memory: only a new process can use it.", e.Message, StringComparison.Ordinal);
                Assert.Throws<CudaException>(() => optimizer.StateDict());
                Assert.Throws<CudaException>(device.Synchronize);
            }
        }
        Collect();
        Assert.Equal(0, FakeDriver.Contexts);
    }

    [Fact]
    public void A_gradient_that_is_shorter_than_it_should_be_is_an_illegal_access()
    {
        var (device, fake) = FakeDriver.Create();
        using var memory = device.Allocate(4000);
        using var little = device.Allocate(400);
        var parameter = Parameter.OnCuda("p", memory.Address, ElementType.Float32, device, 1000);
        parameter.Gradient = little.Address;
        using var optimizer = new SGD([parameter], new() { LearningRate = 1 });
        optimizer.Step();
        Assert.Equal(FakeDevice.IllegalAddress, Assert.Throws<CudaException>(device.Synchronize).Result);
        Assert.NotNull(fake.Failure);
    }

    [Fact]
    public void Steps_do_not_wait_for_the_device_and_rows_are_not_written_over()
    {
        var (device, fake) = FakeDriver.Create();
        using var model = new Model(device);
        using var host = new Model(FakeDriver.Create().Device);
        using var optimizer = new AdamW(model.Parameters);
        using var reference = new AdamW(host.Parameters);
        optimizer.Step();
        int waits = fake.Calls("Synchronize");
        for (int step = 1; step < 20; step++)
        {
            optimizer.ParameterGroups[0].LearningRate = 1e-3 * step;
            optimizer.Step();
        }
        Assert.Equal(waits, fake.Calls("Synchronize"));
        Assert.Equal(20, fake.Calls("Launch"));
        for (int step = 0; step < 20; step++)
        {
            reference.ParameterGroups[0].LearningRate = step == 0 ? 1e-3 : 1e-3 * step;
            reference.Step();
            host.Device.Synchronize();
        }
        Assert.Equal(host.Values(), model.Values());
    }

    [Fact]
    public void Another_stream_waits_for_the_rows_of_the_one_before()
    {
        var (device, _) = FakeDriver.Create();
        using var model = new Model(device);
        using var host = new Model(FakeDriver.Create().Device);
        using var optimizer = new AdamW(model.Parameters);
        using var reference = new AdamW(host.Parameters);
        for (int step = 0; step < 6; step++)
        {
            device.Synchronize(); // parameters and gradients are the caller's to order
            device.Stream = 3 + step % 3;
            optimizer.Step();
            reference.Step();
        }
        device.Synchronize();
        Assert.Equal(host.Values(), model.Values());
    }

    [Fact]
    public void Too_little_memory_for_the_second_of_two_kernels_changes_nothing_and_the_next_step_is_whole()
    {
        var (device, fake) = FakeDriver.Create();
        using var single = new Model(device);
        using var expected = new Model(FakeDriver.Create().Device);
        using var memory = device.Allocate(1000 * 8);
        var wide = Parameter.OnCuda("wide", memory.Address, ElementType.Float64, device, 500);
        wide.Gradient = memory.Address + 4000;
        using var optimizer = new AdamW([.. single.Parameters, wide]);
        using var reference = new AdamW(expected.Parameters);
        double[] before = single.Values();
        for (int failing = 1; ; failing++)
        {
            int allocated = fake.Calls("Allocate");
            fake.Fault = (function, calls) => function == "Allocate" && calls >= allocated + failing ? FakeDevice.OutOfMemory : 0;
            if (Record.Exception(optimizer.Step) is not { } e)
                break;
            Assert.IsType<CudaException>(e);
            Assert.Equal(before, single.Values());
            Assert.True(failing < 100);
        }
        fake.Fault = null;
        reference.Step();
        Assert.Equal(expected.Values(), single.Values());
    }

    [Fact]
    public void Parameters_without_elements_are_stepped()
    {
        var (device, fake) = FakeDriver.Create();
        using var memory = device.Allocate(64);
        foreach (var create in new Func<Parameter[], Optimizer>[] { p => new LAMB(p), p => new AdamW(p), p => new LARS(p, new() { LearningRate = 0.1, Momentum = 0.9 }) })
        {
            var empty = Parameter.OnCuda("empty", memory.Address, ElementType.Float32, device, 0, 3);
            empty.Gradient = memory.Address;
            using var optimizer = create([empty]);
            Assert.Null(Record.Exception(optimizer.Step));
        }
        Assert.Null(fake.Failure);
    }

    [Fact]
    public void The_default_stream_of_each_thread_is_refused()
    {
        var (device, _) = FakeDriver.Create();
        Assert.StartsWith("The default stream of each thread (2) is another one on each thread", Assert.Throws<ArgumentException>(() => device.Stream = 2).Message, StringComparison.Ordinal);
        Assert.Equal(0, device.Stream);
    }

    [Fact]
    public void A_step_that_leaves_a_kernel_out_keeps_its_table()
    {
        var (device, fake) = FakeDriver.Create();
        using var model = new Model(device);
        using var optimizer = new SGD(model.Parameters, new() { LearningRate = 0.1, Momentum = 0.9 });
        var training = new TrainingStep(optimizer, new() { SkipNotFinite = false, GradientsAfter = GradientsAfter.Kept });
        optimizer.Step();
        for (int step = 0; step < 4; step++) // the first step of momentum is another rule
        {
            training.Options = training.Options with { MaxValue = step % 2 == 0 ? 1 : null };
            training.Step();
        }
        int before = fake.Calls("Synchronize");
        for (int step = 0; step < 4; step++)
        {
            training.Options = training.Options with { MaxValue = step % 2 == 0 ? 1 : null };
            training.Step();
        }
        Assert.Equal(before, fake.Calls("Synchronize"));
    }

    [Theory]
    [InlineData(221)]
    [InlineData(223)]
    public void A_driver_without_its_compiler_says_what_is_missing(int result)
    {
        var (device, fake) = FakeDriver.Create();
        using var model = new Model(device);
        using var optimizer = new AdamW(model.Parameters);
        fake.Fault = (function, _) => function == "LoadModule" ? result : 0;
        Assert.Contains("ptx", Assert.Throws<CudaException>(() => optimizer.Step()).Message, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public void A_stream_may_be_gone_when_another_takes_its_place()
    {
        var (device, _) = FakeDriver.Create();
        using var model = new Model(device);
        using var host = new Model(FakeDriver.Create().Device);
        using (var optimizer = new AdamW(model.Parameters))
        {
            using var reference = new AdamW(host.Parameters);
            for (int step = 0; step < 3; step++)
            {
                nint stream, before = device.Stream;
                using (device.Enter())
                    stream = device.Driver.CreateStream();
                device.Synchronize();
                device.Stream = stream;
                using (device.Enter())
                {
                    if (before != 0)
                        device.Driver.DestroyStream(before);
                }
                optimizer.Step();
                reference.Step();
            }
            device.Synchronize();
            using (device.Enter())
                device.Driver.DestroyStream(device.Stream);
            device.Stream = 0;
        }
        Assert.Equal(host.Values(), model.Values());
    }

    [Theory]
    [InlineData(2, "Elements of parameter 'p' [10] Float32 must be at multiples of 4, but begin at 0x")]
    [InlineData(0, "Parameter 'p' [10] Float32 has 10 elements, but no address.")]
    public void Wrong_addresses_are_refused(int offset, string message)
    {
        var (device, _) = FakeDriver.Create();
        using var memory = device.Allocate(80);
        Assert.Contains(message, Assert.Throws<ArgumentException>(() => Parameter.OnCuda("p", offset == 0 ? 0 : memory.Address + offset, ElementType.Float32, device, 10)).Message, StringComparison.Ordinal);
        var parameter = Parameter.OnCuda("p", memory.Address, ElementType.Float32, device, 10);
        Assert.Throws<ArgumentException>(() => parameter.Gradient = memory.Address + 1);
        Assert.Throws<ArgumentException>(() => parameter.SetSparseGradient(memory.Address + 4, memory.Address, 1));
        Assert.Throws<ArgumentException>(() => parameter.SetSparseGradient(memory.Address, memory.Address + 2, 1));
        Assert.Throws<ArgumentException>(() => parameter.SetSparseGradient(0, memory.Address, 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => parameter.SetSparseGradient(memory.Address, memory.Address, -1));
        Assert.False(parameter.HasGradient);
        Assert.Throws<ArgumentException>(() => Parameter.OnCuda("p", memory.Address, ElementType.Int32, device, 10));
    }

    [Fact]
    public void Parameters_that_share_memory_are_refused()
    {
        var (device, _) = FakeDriver.Create();
        using var memory = device.Allocate(80);
        var one = Parameter.OnCuda("one", memory.Address, ElementType.Float32, device, 10);
        Assert.Contains("'two'", Assert.Throws<ArgumentException>(() => new SGD([one, Parameter.OnCuda("two", memory.Address + 8, ElementType.Float32, device, 10)], new() { LearningRate = 1 })).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => new SGD([one, Parameter.OnCuda("two", memory.Address, ElementType.Float32, device, 10)], new() { LearningRate = 1 }));
    }

    [Fact]
    public void What_is_for_host_memory_only_is_refused()
    {
        var (device, _) = FakeDriver.Create();
        using var memory = device.Allocate(80_000);
        var parameter = Parameter.OnCuda("p", memory.Address, ElementType.BFloat16, device, 10_000);
        parameter.Gradient = memory.Address + 40_000;
        foreach (var (options, reason) in new (AdamWOptions, string)[]
        {
            (new() { StatePrecision = StatePrecision.Dynamic8 }, "is for state in host memory, but parameter 'p' [10000] BFloat16 is elsewhere"),
            (new() { ParameterPrecision = ParameterPrecision.Split }, "is for parameters in host memory"),
        })
            Assert.Contains(reason, Assert.Throws<ArgumentException>(() => new AdamW([parameter], options)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Memory_copies_and_refuses()
    {
        var (device, fake) = FakeDriver.Create();
        var memory = device.Allocate(16);
        int[] numbers = [1, 2, 3, 4], back = [9, 9, 9, 9];
        memory.CopyTo<int>(back);
        Assert.Equal([0, 0, 0, 0], back);
        memory.CopyFrom<int>(numbers);
        memory.CopyTo<int>(back);
        Assert.Equal(numbers, back);
        using (CudaMemory other = device.Allocate(16), longer = device.Allocate(17), foreign = FakeDriver.Create().Device.Allocate(1))
        {
            other.CopyFrom(memory);
            other.CopyTo<int>(back);
            Assert.Equal(numbers, back);
            Assert.Throws<ArgumentException>(() => other.CopyFrom(longer));
            Assert.Throws<ArgumentException>(() => other.CopyFrom(foreign));
            Assert.Throws<ArgumentNullException>(() => other.CopyFrom(null!));
        }
        Assert.Throws<ArgumentException>(() => memory.CopyFrom<long>([1, 2, 3]));
        Assert.Throws<ArgumentException>(() => memory.CopyTo<long>(new long[3]));
        Assert.Throws<ArgumentOutOfRangeException>(() => device.Allocate(-1));
        memory.Dispose();
        memory.Dispose();
        Assert.Throws<ObjectDisposedException>(() => memory.Address);
        Assert.Equal(0, fake.Allocated);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    static void Collect()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
    }

    /// <summary>Three tensors with gradients.</summary>
    sealed class Model : IDisposable
    {
        readonly List<CudaMemory> memory = [];

        public Model(CudaDevice device)
        {
            Device = device;
            foreach (int count in (int[])[1000, 1, 1000])
            {
                memory.Add(DeviceMemory.Of(device, ElementType.Float32, [.. Enumerable.Range(0, count).Select(i => Math.Sin(i))]));
                memory.Add(DeviceMemory.Of(device, ElementType.Float32, [.. Enumerable.Range(0, count).Select(i => Math.Cos(3 * i))]));
                Parameters.Add(Parameter.OnCuda($"p{Parameters.Count}", memory[^2].Address, ElementType.Float32, device, count));
                Parameters[^1].Gradient = memory[^1].Address;
            }
        }

        public CudaDevice Device { get; }

        public List<CudaParameter> Parameters { get; } = [];

        public long Bytes => memory.Sum(m => m.Bytes);

        public double[] Values() => [.. Parameters.SelectMany((p, i) => DeviceMemory.Read(memory[2 * i], ElementType.Float32, (int)p.Count))];

        public void Dispose() => memory.ForEach(m => m.Dispose());
    }
}
