using System.Globalization;

namespace OptimSharp.ResultCharts;

/// <summary>Others' times divided by ours.</summary>
/// <param name="Title">What is compared.</param>
/// <param name="Peers">The others.</param>
/// <param name="Rows">A name and a ratio for each of the others; null where it was not measured.</param>
sealed record RatioChart(string Title, string[] Peers, IReadOnlyList<(string Name, double?[] Ratios)> Rows);

/// <summary>The charts of docs/speed.md.</summary>
static class SpeedCharts
{
    const string Fused = "libtorch's fused step", TorchSharp = "TorchSharp";

    static readonly (string Name, string Text)[] shapes =
        [("1x16M", "one tensor of 16 M"), ("256x64K", "256 tensors of 64 K"), ("4000x256", "4,000 tensors of 256"), ("resnet50", "ResNet-50"), ("gpt6", "a small GPT")];

    public static IEnumerable<(string Name, RatioChart Chart)> Of(Measurements measured)
    {
        yield return ("shapes", new("AdamW's step, float32", [Fused, TorchSharp],
        [
            .. from shape in shapes
               let name = $"adamw/{shape.Name}/f32/2t"
               where measured.RepeatedCases.Any(c => c.Case == name)
               select (shape.Text, new[] { measured.Repeated("libtorch_fused", name), measured.Repeated("torchsharp", name) }),
        ]));
        yield return ("optimizers", new("A step on one tensor of 16 M, float32", [Fused, TorchSharp],
        [
            .. from c in measured.RepeatedCases.OrderBy(c => c.Optimizer, StringComparer.OrdinalIgnoreCase)
               where c.Case.EndsWith("/1x16M/f32/2t", StringComparison.Ordinal)
               select (c.Optimizer, new[] { measured.Repeated("libtorch_fused", c.Case), measured.Repeated("torchsharp", c.Case) }),
        ]));
        yield return ("whole-step", new("The whole step: clip, AdamW, average, zero gradients", ["PyTorch 2.14 by itself", "libtorch, fused", TorchSharp],
        [
            .. from shape in shapes
               let name = $"whole/{shape.Name}/f32/2t"
               select (shape.Text, new[] { measured.PyTorch(name), measured.Single("libtorch_fused", name), measured.Single("torchsharp", name) }),
        ]));
    }

    /// <summary>A ratio as the charts and the tables show it: two digits after the point below 10, one above.</summary>
    public static string Text(double ratio) => ratio.ToString(ratio < 10 ? "0.00" : "0.0", CultureInfo.InvariantCulture);
}
