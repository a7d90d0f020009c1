// A program that has the package OptimSharp.Cuda and nothing else: where there is a GPU, a training in its memory ends with the host's bits; where there is none, that is said.
using OptimSharp;
using OptimSharp.Cuda;

const int Count = 10_000;
float[] gradients = [.. Enumerable.Range(0, Count).Select(i => MathF.Sin(i))], onHost = new float[Count], onDevice = new float[Count];
var weight = Parameter.Of("weight", onHost);
weight.Gradient = gradients;
using var expected = new AdamW([weight], new() { LearningRate = 0.01 });
for (int step = 0; step < 5; step++)
    expected.Step();
try
{
    var device = CudaDevice.Get();
    using CudaMemory values = device.Allocate(Count * sizeof(float)), memory = device.Allocate(Count * sizeof(float));
    memory.CopyFrom<float>(gradients);
    var parameter = Parameter.OnCuda("weight", values.Address, ElementType.Float32, device, Count);
    parameter.Gradient = memory.Address;
    using var optimizer = new AdamW([parameter], new() { LearningRate = 0.01 });
    for (int step = 0; step < 5; step++)
        optimizer.Step();
    values.CopyTo<float>(onDevice);
    bool same = onDevice.AsSpan().SequenceEqual(onHost);
    Console.WriteLine($"{device}: {(same ? "the host's" : "other")} bits");
    return same ? 0 : 1;
}
catch (CudaException e) when (CudaDevice.Count == 0)
{
    Console.WriteLine(e.Message);
    return e.Message.StartsWith("There is no CUDA driver on this machine", StringComparison.Ordinal) ? 0 : 1;
}
