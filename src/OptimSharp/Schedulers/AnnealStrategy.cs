namespace OptimSharp.Schedulers;

/// <summary>How a rate goes from one value to another.</summary>
public enum AnnealStrategy
{
    /// <summary>Along half a cosine: slow at both ends. PyTorch's <c>"cos"</c>.</summary>
    Cos,

    /// <summary>In a straight line. PyTorch's <c>"linear"</c>.</summary>
    Linear,
}
