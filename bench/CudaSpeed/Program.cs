// Times steps of AdamW in a GPU's memory: milliseconds a step, and the part of the card's copy bandwidth that it moves memory with. Medians, beside PyTorch's by pytorch_cuda.py.
using System.Diagnostics;
using System.Globalization;
using OptimSharp;
using OptimSharp.Benchmarks;
using OptimSharp.Cuda;

const int Warm = 5, Rounds = 7, Steps = 20;

CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
if (CudaDevice.Count == 0)
{
    Console.Error.WriteLine("There is no CUDA driver, or it finds no device.");
    return 1;
}
var device = CudaDevice.Get(args.Length > 0 ? int.Parse(args[0]) : 0);
double copied = CopyBandwidth();
Console.WriteLine($"{device}, compute capability {device.ComputeCapability}; a copy moves {copied:F0} GB/s (read and written)");
Console.WriteLine($"{"",-24}{"ms/step",10}{"GB/s",10}{"of a copy",11}");
foreach (var (name, shapes) in Shapes.All.Prepend(new("1x64M", [[1L << 26]])))
{
    long[] sizes = [.. shapes.Select(shape => shape.Aggregate((a, b) => a * b))];
    foreach (var type in (ElementType[])[ElementType.Float32, ElementType.BFloat16])
        Time(name, sizes, type);
}
return 0;

void Time(string name, long[] sizes, ElementType type)
{
    var memory = new List<CudaMemory>();
    var parameters = new List<CudaParameter>();
    int size = type == ElementType.Float32 ? 4 : 2;
    foreach (long count in sizes)
    {
        CudaMemory values = device.Allocate(count * size), gradient = device.Allocate(count * size);
        memory.AddRange([values, gradient]);
        parameters.Add(Parameter.OnCuda($"p{parameters.Count}", values.Address, type, device, count));
        parameters[^1].Gradient = gradient.Address;
    }
    using (var optimizer = new AdamW(parameters))
    {
        double seconds = Median(() =>
        {
            for (int i = 0; i < Steps; i++)
                optimizer.Step();
        }) / Steps;
        double bytes = sizes.Sum() * (3.0 * size + 4 * 4); // parameter read and written, gradient read; two states in single precision, read and written
        Console.WriteLine($"{name + ", " + type,-24}{seconds * 1e3,10:F3}{bytes / seconds / 1e9,10:F0}{bytes / seconds / 1e9 / copied,11:F2}");
    }
    memory.ForEach(m => m.Dispose());
}

// What the card's memory allows: a copy within it reads each byte and writes it.
double CopyBandwidth()
{
    const long Bytes = 1L << 30;
    using CudaMemory from = device.Allocate(Bytes), to = device.Allocate(Bytes);
    return 2.0 * Bytes * Steps / Median(() =>
    {
        for (int i = 0; i < Steps; i++)
            to.CopyFrom(from);
    }) / 1e9;
}

double Median(Action work)
{
    for (int i = 0; i < Warm; i++)
        work();
    device.Synchronize();
    double[] times = new double[Rounds];
    for (int i = 0; i < Rounds; i++)
    {
        long start = Stopwatch.GetTimestamp();
        work();
        device.Synchronize();
        times[i] = Stopwatch.GetElapsedTime(start).TotalSeconds;
    }
    Array.Sort(times);
    return times[Rounds / 2];
}
