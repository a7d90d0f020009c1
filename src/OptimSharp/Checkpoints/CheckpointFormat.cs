namespace OptimSharp;

/// <summary>What kind of file a checkpoint is.</summary>
public enum CheckpointFormat
{
    /// <summary>What <c>torch.save</c> writes and <c>torch.load</c> reads since PyTorch 1.6: <c>.pt</c>, <c>.pth</c>, <c>.ckpt</c>, <c>.bin</c>, <c>.tar</c>.</summary>
    PyTorch,

    /// <summary>Tensors by name, and texts: <c>.safetensors</c>.</summary>
    Safetensors,
}
