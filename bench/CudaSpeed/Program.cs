// Times steps of AdamW in a GPU's memory: milliseconds a step, those of them that the host needs before it may go on, and the part of the card's copy bandwidth that memory is moved with. Medians,
// beside PyTorch's by pytorch_cuda.py. With --no-card the host's milliseconds alone, over a driver that does nothing.
using System.Diagnostics;
using System.Globalization;
using OptimSharp;
using OptimSharp.Benchmarks;
using OptimSharp.Cuda;
using OptimSharp.CudaSpeed;

const int Warm = 40, Rounds = 21, Steps = 20;

CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
bool hasCard = !args.Contains("--no-card");
if (hasCard && CudaDevice.Count == 0)
{
    Console.Error.WriteLine("There is no CUDA driver, or it finds no device. --no-card times the host alone.");
    return 1;
}
var device = hasCard ? CudaDevice.Get(args.Length > 0 ? int.Parse(args[0]) : 0) : IdleDriver.Device;
double copied = hasCard ? CopyBandwidth() : 0;
Console.WriteLine(hasCard ? $"{device}, compute capability {device.ComputeCapability}; a copy moves {copied:F0} GB/s (read and written)" : "No card: the host's time alone.");
Console.WriteLine($"{"",-24}{"host ms",10}" + (hasCard ? $"{"ms/step",10}{"GB/s",10}{"of a copy",11}" : ""));
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
        Fill(values, size);
        Fill(gradient, size);
        parameters.Add(Parameter.OnCuda($"p{parameters.Count}", values.Address, type, device, count));
        parameters[^1].Gradient = gradient.Address;
    }
    using (var optimizer = new AdamW(parameters))
    {
        double host = Median(optimizer.Step, alone: true);
        Console.Write($"{name + ", " + type,-24}{host * 1e3,10:F3}");
        if (!hasCard)
        {
            Console.WriteLine();
            return;
        }
        double seconds = Median(() =>
        {
            for (int i = 0; i < Steps; i++)
                optimizer.Step();
        }) / Steps;
        double bytes = sizes.Sum() * (3.0 * size + 4 * 4); // parameter read and written, gradient read; two states in single precision, read and written
        Console.WriteLine($"{seconds * 1e3,10:F3}{bytes / seconds / 1e9,10:F0}{bytes / seconds / 1e9 / copied,11:F2}");
    }
    memory.ForEach(m => m.Dispose());
}

// With ones, as PyTorch's side: zeros would go other ways through square roots.
void Fill(CudaMemory memory, int size)
{
    uint[] ones = new uint[1 << 20];
    Array.Fill(ones, size == 4 ? 0x3F80_0000u : 0x3F80_3F80u);
    for (long at = 0; at < memory.Bytes; at += ones.Length * sizeof(uint))
    {
        unsafe
        {
            fixed (uint* from = ones)
                CudaMemory.Copy(device, memory.Address + (nint)at, from, Math.Min(ones.Length * sizeof(uint), memory.Bytes - at));
        }
    }
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

// Of the work, to its end on the device; or alone: to where the call returns, with nothing to wait for.
double Median(Action work, bool alone = false)
{
    for (int i = 0; i < Warm; i++)
        work();
    device.Synchronize();
    double[] times = new double[Rounds];
    for (int i = 0; i < Rounds; i++)
    {
        device.Synchronize();
        long start = Stopwatch.GetTimestamp();
        work();
        if (!alone)
            device.Synchronize();
        times[i] = Stopwatch.GetElapsedTime(start).TotalSeconds;
    }
    Array.Sort(times);
    return times[Rounds / 2];
}
