// A program that does not reference OptimSharp.Torch itself but uses TorchSharp before the library does: what makes TorchSharp
// load has to reach it through the library.
using TorchSharp;

using var one = torch.ones(1);
var (before, after) = Library.Fit.Run();
Console.WriteLine($"{one.item<float>()}: {before:F4} → {after:F4}");
return after < before ? 0 : 1;
