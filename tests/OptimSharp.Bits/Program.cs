using System.Globalization;
using System.Numerics;
using System.Runtime.Intrinsics;
using OptimSharp;
using OptimSharp.Conformance;
using OptimSharp.Conformance.Workloads;
using OptimSharp.Testing;

// Prints what this process computes with, and a hash of the bits that every optimizer leaves with it, and of matrices' decompositions. The tests run it with instruction
// sets switched off, and compare.
Console.WriteLine($"accelerated {Vector.IsHardwareAccelerated}");
Console.WriteLine(FormattableString.Invariant($"width {Vector<byte>.Count * 8}"));
Console.WriteLine($"vector512 {Vector512.IsHardwareAccelerated}");
Console.WriteLine($"vector256 {Vector256.IsHardwareAccelerated}");
foreach (var optimizer in OptimizerDriver.PublicOptimizers)
{
    foreach (var type in OptimizerSamples.Types(optimizer))
    {
        ulong hash = 0;
        foreach (var setting in OptimizerSamples.Settings(optimizer, type))
            hash = hash * 1099511628211 + Trial.Run(setting, [1, 67, 1030]).Hash();
        Console.WriteLine($"{optimizer.Name} {type} {hash.ToString("x16", CultureInfo.InvariantCulture)}");
    }
}
foreach (var optimizer in OptimizerDriver.PublicOptimizers.Where(t => OptimizerSamples.StepsAlone(t) && OptimizerSamples.TakesDenseGradients(t)))
{
    foreach (var precision in Enum.GetValues<StatePrecision>().Where(p => p > StatePrecision.Parameter))
    {
        var subject = new Subject(OptimizerSamples.Create(optimizer, OptimizerSamples.SmallStateOptionSets(optimizer).First()),
            new() { Elementwise = false, ElementTypes = [ElementType.Float32, ElementType.BFloat16], StatePrecisions = [precision] });
        ulong hash = 0;
        foreach (var setting in subject.Settings)
            hash = hash * 1099511628211 + Trial.Run(setting, [67, 4423]).Hash();
        Console.WriteLine($"{optimizer.Name} {precision} {hash.ToString("x16", CultureInfo.InvariantCulture)}");
    }
}
foreach (var optimizer in OptimizerDriver.PublicOptimizers.Where(t => OptimizerSamples.StepsAlone(t) && OptimizerSamples.TakesDenseGradients(t) && OptimizerSamples.Types(t).Contains(ElementType.BFloat16)))
{
    foreach (var kept in new[] { ParameterPrecision.Stochastic(7), ParameterPrecision.Compensated, ParameterPrecision.Split })
    {
        var subject = new Subject(OptimizerSamples.Create(optimizer, OptimizerSamples.SmallStateOptionSets(optimizer).First()),
            new() { Elementwise = false, ElementTypes = [ElementType.BFloat16], ParameterPrecision = kept });
        ulong hash = 0;
        foreach (var setting in subject.Settings)
            hash = hash * 1099511628211 + Trial.Run(setting, [67, 1030]).Hash();
        Console.WriteLine($"{optimizer.Name} {kept} {hash.ToString("x16", CultureInfo.InvariantCulture)}");
    }
}
foreach (var (name, hash) in MatrixBits.All())
    Console.WriteLine($"{name} {hash.ToString("x16", CultureInfo.InvariantCulture)}");
