// An optimizer of one's own, Lion.cs: its laws checked, trained beside AdamW, saved and loaded. docs/your-own-optimizer.md explains it. The library has Lion, too
// (OptimSharp.Lion): here it is written as if it had none.
//
//     dotnet run -c Release --project samples/YourOwnOptimizer

using System.Globalization;
using OptimSharp.Testing;
using YourOwnOptimizer;

CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
const int Epochs = 12;
const string Picture = "your-own-optimizer.png", Saved = "lion.pt";

// 1. The laws that every optimizer keeps: the first that is broken would end the program.
foreach (var law in OptimizerLaws.All)
{
    law.Check(parameters => new Lion(parameters, new() { WeightDecay = 0.1 }));
    law.Check(parameters => new Lion(parameters, new() { LearningRate = 0.01, Maximize = true }));
    Console.WriteLine($"law kept  {law.Name}: {law.Description}");
}

// 2. Beside AdamW. A third of the rate and three times the decay, so that their product is the same.
using var adamW = new Run("AdamW", parameters => new AdamW(parameters, new() { LearningRate = 3e-3, WeightDecay = 0.01 }), Epochs);
using var lion = MakeLion();
adamW.GoOn(Epochs);
lion.GoOn(Epochs / 2);
lion.Save(Saved);
lion.GoOn(Epochs);
for (int i = 0; i < Epochs; i++)
    Console.WriteLine($"epoch {i + 1,2}  {Text("AdamW", adamW.History[i])}  {Text("Lion", lion.History[i])}");

// 3. A new model and a new optimizer go on from the file.
using var resumed = MakeLion();
resumed.Load(Saved);
resumed.GoOn(Epochs);
if (!resumed.HasTheBitsOf(lion))
    throw new InvalidOperationException("The run that was saved and loaded has other weights.");
Console.WriteLine($"From {Saved} on: the same weights, to the last bit");

Chart.Save(Picture, adamW, lion);
Console.WriteLine($"picture  {Path.GetFullPath(Picture)}");
Console.WriteLine($"test accuracy  AdamW {adamW.History[^1].Accuracy:F4}  Lion {lion.History[^1].Accuracy:F4}");

static Run MakeLion() => new("Lion", parameters => new Lion(parameters, new() { LearningRate = 1e-3, WeightDecay = 0.03 }), Epochs);

static string Text(string name, Epoch epoch) => $"{name}: loss {epoch.Loss:F4}, test accuracy {epoch.Accuracy:F4}";
