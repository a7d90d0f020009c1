namespace OptimSharp;

/// <summary>What an average covers, and how it is kept.</summary>
public sealed record AveragingOptions
{
    /// <summary>
    /// Whether buffers (such as the statistics of batch normalisation) are averaged as parameters are. false, the default: they are copied from the
    /// model at each update. PyTorch's <c>use_buffers</c>.
    /// </summary>
    public bool UseBuffers { get; init; }

    /// <summary>
    /// The type that averages are kept in. It differs from the parameter's for half types only: <see cref="StatePrecision.Compute"/>, the default, keeps
    /// their averages in float, where a model that weighs a thousandth still counts. PyTorch does as <see cref="StatePrecision.Parameter"/> does.
    /// </summary>
    public StatePrecision Precision { get; init; } = StatePrecision.Compute;
}
