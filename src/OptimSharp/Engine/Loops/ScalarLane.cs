using System.Numerics;
using System.Runtime.CompilerServices;
using OptimSharp.Rules;

namespace OptimSharp.Engine;

/// <summary>One element: the tail of a tensor, and machines without SIMD.</summary>
/// <typeparam name="T">The type computed in.</typeparam>
/// <typeparam name="TRounds">Whether rules may have to round in the middle of a step (<see cref="Rounding{T}"/>).</typeparam>
internal struct ScalarLane<T, TRounds>(T value) : ILane<ScalarLane<T, TRounds>, T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
    where TRounds : struct, IChoice
{
    public T Value = value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ScalarLane<T, TRounds> Of(T value) => new() { Value = value };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ScalarLane<T, TRounds> operator +(ScalarLane<T, TRounds> x, ScalarLane<T, TRounds> y) => new() { Value = x.Value + y.Value };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ScalarLane<T, TRounds> operator -(ScalarLane<T, TRounds> x, ScalarLane<T, TRounds> y) => new() { Value = x.Value - y.Value };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ScalarLane<T, TRounds> operator *(ScalarLane<T, TRounds> x, ScalarLane<T, TRounds> y) => new() { Value = x.Value * y.Value };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ScalarLane<T, TRounds> operator /(ScalarLane<T, TRounds> x, ScalarLane<T, TRounds> y) => new() { Value = x.Value / y.Value };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ScalarLane<T, TRounds> operator -(ScalarLane<T, TRounds> x) => new() { Value = -x.Value };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ScalarLane<T, TRounds> Sqrt(ScalarLane<T, TRounds> x) => new() { Value = T.Sqrt(x.Value) };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ScalarLane<T, TRounds> Abs(ScalarLane<T, TRounds> x) => new() { Value = T.Abs(x.Value) };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ScalarLane<T, TRounds> Max(ScalarLane<T, TRounds> x, ScalarLane<T, TRounds> y) => new() { Value = T.Max(x.Value, y.Value) };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ScalarLane<T, TRounds> Min(ScalarLane<T, TRounds> x, ScalarLane<T, TRounds> y) => new() { Value = T.Min(x.Value, y.Value) };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ScalarLane<T, TRounds> IfPositive(ScalarLane<T, TRounds> x, ScalarLane<T, TRounds> then, ScalarLane<T, TRounds> otherwise) =>
        x.Value > T.Zero ? then : otherwise;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ScalarLane<T, TRounds> IfGreater(ScalarLane<T, TRounds> x, ScalarLane<T, TRounds> y, ScalarLane<T, TRounds> then, ScalarLane<T, TRounds> otherwise) =>
        x.Value > y.Value ? then : otherwise;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ScalarLane<T, TRounds> Sign(ScalarLane<T, TRounds> x) => new() { Value = x.Value > T.Zero ? T.One : x.Value < T.Zero ? -T.One : T.Zero };
}
