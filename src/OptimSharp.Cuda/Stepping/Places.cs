using System.Runtime.CompilerServices;

namespace OptimSharp.Cuda;

/// <summary>Where a tensor, its gradient and its states are on a device, and how many numbers each has.</summary>
internal struct Places
{
    public long Count;
    public nint Param, Grad;
    public StatePlaces States;
}

[InlineArray(6)]
internal struct StatePlaces
{
    nint first;
}
