using System.Globalization;

namespace OptimSharp;

/// <summary>A value of a <see cref="StateDict"/> that is a <c>torch.device</c> in Python. Only a name here: tensors are always in main memory.</summary>
/// <param name="Type">The kind of device: <c>cpu</c>, <c>cuda</c>, …</param>
/// <param name="Index">Which one; null for the current one.</param>
public sealed record StateDevice(string Type, long? Index = null)
{
    /// <summary>As Python writes it: <c>cuda:0</c>.</summary>
    public override string ToString() => Index is { } index ? string.Create(CultureInfo.InvariantCulture, $"{Type}:{index}") : Type;
}
