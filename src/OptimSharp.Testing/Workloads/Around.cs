namespace OptimSharp.Testing;

/// <summary>What a training step does besides the optimizer's step.</summary>
internal sealed record Around(double? MaxNorm, double Order, double? MaxValue, double? Scale, Averaging? Averaging, GradientsAfter After, int Batches)
{
    /// <summary>Every combination.</summary>
    public static IReadOnlyList<Around> All { get; } =
    [
        .. from clip in new (double?, double)[] { (null, 2), (0.5, 2), (0.01, double.PositiveInfinity) }
           from value in new double?[] { null, 0.002 }
           from scale in new double?[] { null, 3.3 }
           from averaging in new[] { null, Averaging.Ema(0.9), Averaging.Equal }
           from after in Enum.GetValues<GradientsAfter>()
           from batches in new[] { 1, 3 }
           where batches == 1 || after != GradientsAfter.Kept
           select new Around(clip.Item1, clip.Item2, value, scale, averaging, after, batches),
    ];

    /// <summary>Whether parameters of a type can be stepped so: values of complex gradients aren't clipped, and a scaler refuses Float16.</summary>
    public bool Takes(ElementType type) => !(Scale is not null && type == ElementType.Float16 || MaxValue is not null && type.IsComplex());
}
