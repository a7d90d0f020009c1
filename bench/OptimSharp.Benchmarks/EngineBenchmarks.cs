using BenchmarkDotNet.Attributes;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.NoEmit;
using OptimSharp.Engine;
using OptimSharp.Torch;
using OptimSharp.Torch.Native;
using static TorchSharp.torch;

namespace OptimSharp.Benchmarks;

/// <summary>The engine's parts by themselves, with BenchmarkDotNet.</summary>
static class EngineBenchmarks
{
    public static void Run()
    {
        // In this process: BenchmarkDotNet would build a project of its own for each, and that would need a copy of libtorch.
        var config = DefaultConfig.Instance.AddJob(Job.ShortRun.WithToolchain(new InProcessNoEmitToolchain(TimeSpan.FromMinutes(5), logOutput: false)));
        BenchmarkRunner.Run([typeof(RuleBenchmarks), typeof(BorderBenchmarks), typeof(HandOffBenchmarks)], config);
    }
}

/// <summary>A step of 16,384 parameters on one thread: all in the second-level cache, so that it is the arithmetic's time.</summary>
[MemoryDiagnoser]
public class RuleBenchmarks
{
    const int Count = 16 * 1024;
    readonly float[] values = new float[Count], gradient = new float[Count];
    readonly BFloat16[] halfValues = new BFloat16[Count], halfGradient = new BFloat16[Count];
    Optimizer optimizer = null!, half = null!;

    [ParamsSource(nameof(Optimizers))]
    public string Optimizer { get; set; } = "";

    public static IEnumerable<string> Optimizers => Rows.All.Where(r => r.Elementwise).Select(r => r.Optimizer);

    [GlobalSetup]
    public void Setup()
    {
        Execution.ThreadCount = 1;
        var row = Rows.All.Single(r => r.Optimizer == Optimizer);
        Array.Fill(values, 1);
        Array.Fill(gradient, 0.01f);
        Array.Fill(halfValues, (BFloat16)1f);
        Array.Fill(halfGradient, (BFloat16)0.01f);
        var single = Parameter.Of("w", values);
        single.Gradient = gradient;
        var bfloat16 = Parameter.Of("w", halfValues);
        bfloat16.Gradient = halfGradient;
        (optimizer, half) = (row.Ours([single]), row.Ours([bfloat16]));
    }

    [Benchmark(OperationsPerInvoke = Count, Baseline = true)]
    public void Float32() => optimizer.Step();

    [Benchmark(OperationsPerInvoke = Count)]
    public void BFloat16() => half.Step();
}

/// <summary>What a TorchSharp parameter costs before its first element is touched: its gradient fetched and checked.</summary>
[MemoryDiagnoser]
public class BorderBenchmarks
{
    const int Count = 1000;
    TorchParameter[] parameters = [];

    [GlobalSetup]
    public void Setup() => parameters = [.. Tensors.AsParameters(Tensors.Make([.. Enumerable.Repeat<long[]>([16, 16], Count)], ScalarType.Float32))];

    [Benchmark(OperationsPerInvoke = Count)]
    public void Open()
    {
        foreach (var parameter in parameters)
        {
            parameter.BeginStep(GradientUse.Read, out _);
            parameter.EndStep();
        }
    }
}

/// <summary>Getting another thread to help, when there is nothing to do: .NET's, and libtorch's after one of its operators.</summary>
public class HandOffBenchmarks : ISharedWork
{
    WorkerTeam team = null!;
    IThreads? libtorch;
    Tensor tensor = null!;

    [Params(false, true)]
    public bool Libtorch { get; set; }

    [GlobalSetup]
    public void Setup()
    {
        OpenMPThreads.Use();
        libtorch = WorkerTeam.Borrowed;
        WorkerTeam.Borrowed = Libtorch ? libtorch : null;
        tensor = ones(1 << 16);
        team = new(this);
    }

    [GlobalCleanup]
    public void Cleanup()
    {
        WorkerTeam.Borrowed = libtorch;
        tensor.Dispose();
    }

    /// <summary>An operator that libtorch runs on all threads, as the last of <c>backward()</c>.</summary>
    [Benchmark(Baseline = true)]
    public void Operator() => tensor.add_(1);

    [Benchmark]
    public void OperatorAndHandOff()
    {
        tensor.add_(1);
        team.Run(Environment.ProcessorCount);
    }

    void ISharedWork.TakePart()
    {
    }
}
