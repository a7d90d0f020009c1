using System.Numerics;
using System.Runtime.CompilerServices;

namespace OptimSharp.Kernels;

/// <summary>
/// As many elements as this processor's <see cref="Vector{T}"/> holds. Each operator is one instruction,
/// rounded as the scalar one is; so the width never shows in the result.
/// </summary>
/// <typeparam name="T">The type computed in.</typeparam>
/// <typeparam name="TRounds">Whether rules may have to round in the middle of a step (<see cref="Rounding{T}"/>).</typeparam>
internal readonly struct WideLane<T, TRounds>(Vector<T> value) : ILane<WideLane<T, TRounds>, T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
    where TRounds : struct, IFlag
{
    public readonly Vector<T> Value = value;

    public static bool Rounds => TRounds.On;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static WideLane<T, TRounds> Of(T value) => new(Vector.Create(value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static WideLane<T, TRounds> operator +(WideLane<T, TRounds> x, WideLane<T, TRounds> y) => new(x.Value + y.Value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static WideLane<T, TRounds> operator -(WideLane<T, TRounds> x, WideLane<T, TRounds> y) => new(x.Value - y.Value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static WideLane<T, TRounds> operator *(WideLane<T, TRounds> x, WideLane<T, TRounds> y) => new(x.Value * y.Value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static WideLane<T, TRounds> operator /(WideLane<T, TRounds> x, WideLane<T, TRounds> y) => new(x.Value / y.Value);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static WideLane<T, TRounds> Sqrt(WideLane<T, TRounds> x) => new(Vector.SquareRoot(x.Value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static WideLane<T, TRounds> Abs(WideLane<T, TRounds> x) => new(Vector.Abs(x.Value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static WideLane<T, TRounds> Max(WideLane<T, TRounds> x, WideLane<T, TRounds> y) => new(Vector.Max(x.Value, y.Value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static WideLane<T, TRounds> Min(WideLane<T, TRounds> x, WideLane<T, TRounds> y) => new(Vector.Min(x.Value, y.Value));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static WideLane<T, TRounds> IfPositive(WideLane<T, TRounds> x, WideLane<T, TRounds> then, WideLane<T, TRounds> otherwise) =>
        new(Vector.ConditionalSelect(Vector.GreaterThan(x.Value, Vector<T>.Zero), then.Value, otherwise.Value));
}
