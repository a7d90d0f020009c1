using System.Numerics;

namespace OptimSharp.Engine;

/// <summary>Copies numbers into another type.</summary>
unsafe struct ConvertLoop<TFrom, TTo> : ILoopBody
    where TFrom : unmanaged, IBinaryFloatingPointIeee754<TFrom>
    where TTo : unmanaged, IBinaryFloatingPointIeee754<TTo>
{
    public TFrom* From;
    public TTo* To;

    public readonly void Run(nint first, nint last) => Storage.Load(From + first, Storage.Of<TFrom>(), To + first, last - first);
}
