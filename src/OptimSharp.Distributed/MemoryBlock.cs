namespace OptimSharp.Distributed;

/// <summary>Bytes in native or pinned memory.</summary>
/// <param name="Address">Where they start.</param>
/// <param name="Bytes">How many.</param>
public readonly record struct MemoryBlock(nint Address, long Bytes);
