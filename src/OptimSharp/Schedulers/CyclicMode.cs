namespace OptimSharp.Schedulers;

/// <summary>How the height of <see cref="CyclicLR"/>'s cycles changes over time.</summary>
public enum CyclicMode
{
    /// <summary>All are as high. PyTorch's <c>"triangular"</c>.</summary>
    Triangular,

    /// <summary>Each is half as high as the one before. PyTorch's <c>"triangular2"</c>.</summary>
    Triangular2,

    /// <summary>The height is γ^epoch. PyTorch's <c>"exp_range"</c>.</summary>
    ExpRange,
}

/// <summary>What <see cref="CyclicLR"/>'s scale function is given.</summary>
public enum ScaleMode
{
    /// <summary>The number of the cycle, 1 first. PyTorch's <c>"cycle"</c>.</summary>
    Cycle,

    /// <summary>The epoch, 0 first. PyTorch's <c>"iterations"</c>.</summary>
    Iterations,
}
