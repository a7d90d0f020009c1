namespace OptimSharp;

/// <summary>PyTorch's names of options that mean the same wherever there are any.</summary>
internal static class KnownOptions
{
    public const string LearningRate = "lr", WeightDecay = "weight_decay";
}
