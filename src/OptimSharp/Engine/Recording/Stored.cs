using System.Diagnostics;
using System.Numerics;
using System.Runtime.CompilerServices;
using OptimSharp.Rules;

namespace OptimSharp.Engine;

/// <summary>A rule that is only recorded, never run in host memory, and whose gradient is written, too: what it leaves in <see cref="Cell{L}.Grad"/> is kept.</summary>
internal interface IGradientRule;

/// <summary>Numbers as if they had been stored, in rules that are only recorded. What they are stored as is known where a kernel is written.</summary>
internal static class Stored
{
    /// <summary>A number rounded to what the parameter is stored as.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static L AsParam<L, T>(L x) where L : struct, ILane<L, T> where T : unmanaged, IBinaryFloatingPointIeee754<T> => As<L, T>(Operation.AsParam, x);

    /// <summary>A number rounded to what the gradient is stored as.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static L AsGrad<L, T>(L x) where L : struct, ILane<L, T> where T : unmanaged, IBinaryFloatingPointIeee754<T> => As<L, T>(Operation.AsGrad, x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static L As<L, T>(Operation stored, L x) where L : struct, ILane<L, T> where T : unmanaged, IBinaryFloatingPointIeee754<T>
    {
        if (typeof(L) == typeof(CoefficientLane<T>))
            return (L)(object)CoefficientLane<T>.As(stored, (CoefficientLane<T>)(object)x); // the compiler sees that it is the same type: nothing is boxed
        return typeof(L) == typeof(SymbolicLane<T>) ? (L)(object)SymbolicLane<T>.As(stored, (SymbolicLane<T>)(object)x) : throw new UnreachableException();
    }
}
