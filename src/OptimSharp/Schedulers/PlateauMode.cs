namespace OptimSharp.Schedulers;

/// <summary>Which metrics are better for <see cref="ReduceLROnPlateau"/>.</summary>
public enum PlateauMode
{
    /// <summary>Lower ones: a loss. PyTorch's <c>"min"</c>.</summary>
    Min,

    /// <summary>Higher ones: an accuracy. PyTorch's <c>"max"</c>.</summary>
    Max,
}

/// <summary>What the threshold of <see cref="ReduceLROnPlateau"/> is relative to.</summary>
public enum ThresholdMode
{
    /// <summary>A part of the best metric's magnitude. PyTorch's <c>"rel"</c>.</summary>
    Rel,

    /// <summary>A difference from the best metric. PyTorch's <c>"abs"</c>.</summary>
    Abs,
}
