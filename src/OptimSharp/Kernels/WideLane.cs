using System.Numerics;
using System.Runtime.CompilerServices;

namespace OptimSharp.Kernels;

/// <summary>
/// As many elements as this processor's <see cref="Vector{T}"/> holds. Each operator is one instruction,
/// rounded as the scalar one is; so the width never shows in the result.
/// </summary>
internal readonly struct WideLane<T>(Vector<T> value) : ILane<WideLane<T>, T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    public readonly Vector<T> Value = value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static WideLane<T> Of(T value) => new(Vector.Create(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static WideLane<T> operator +(WideLane<T> x, WideLane<T> y) => new(x.Value + y.Value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static WideLane<T> operator -(WideLane<T> x, WideLane<T> y) => new(x.Value - y.Value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static WideLane<T> operator *(WideLane<T> x, WideLane<T> y) => new(x.Value * y.Value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static WideLane<T> operator /(WideLane<T> x, WideLane<T> y) => new(x.Value / y.Value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static WideLane<T> Sqrt(WideLane<T> x) => new(Vector.SquareRoot(x.Value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static WideLane<T> Abs(WideLane<T> x) => new(Vector.Abs(x.Value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static WideLane<T> Max(WideLane<T> x, WideLane<T> y) => new(Vector.Max(x.Value, y.Value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static WideLane<T> Min(WideLane<T> x, WideLane<T> y) => new(Vector.Min(x.Value, y.Value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static WideLane<T> IfPositive(WideLane<T> x, WideLane<T> then, WideLane<T> otherwise) =>
        new(Vector.ConditionalSelect(Vector.GreaterThan(x.Value, Vector<T>.Zero), then.Value, otherwise.Value));
}
