using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using OptimSharp.Rules;

namespace OptimSharp.Engine;

/// <summary>512 bits of elements, as <see cref="WideLane{T, TRounds}"/>: for loops that are bound by arithmetic, which .NET's <see cref="Vector{T}"/> is no wider than 256 bits for.</summary>
/// <typeparam name="T">The type computed in.</typeparam>
/// <typeparam name="TRounds">Whether rules may have to round in the middle of a step (<see cref="Rounding{T}"/>).</typeparam>
internal struct Lane512<T, TRounds>(Vector512<T> value) : ILane<Lane512<T, TRounds>, T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
    where TRounds : struct, IChoice
{
    public Vector512<T> Value = value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane512<T, TRounds> Of(T value) => new() { Value = Vector512.Create(value) };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane512<T, TRounds> operator +(Lane512<T, TRounds> x, Lane512<T, TRounds> y) => new() { Value = x.Value + y.Value };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane512<T, TRounds> operator -(Lane512<T, TRounds> x, Lane512<T, TRounds> y) => new() { Value = x.Value - y.Value };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane512<T, TRounds> operator *(Lane512<T, TRounds> x, Lane512<T, TRounds> y) => new() { Value = x.Value * y.Value };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane512<T, TRounds> operator /(Lane512<T, TRounds> x, Lane512<T, TRounds> y) => new() { Value = x.Value / y.Value };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane512<T, TRounds> operator -(Lane512<T, TRounds> x) => new() { Value = -x.Value };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane512<T, TRounds> Sqrt(Lane512<T, TRounds> x) => new() { Value = Vector512.Sqrt(x.Value) };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane512<T, TRounds> Abs(Lane512<T, TRounds> x) => new() { Value = Vector512.Abs(x.Value) };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane512<T, TRounds> Max(Lane512<T, TRounds> x, Lane512<T, TRounds> y) => new() { Value = Vector512.Max(x.Value, y.Value) };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane512<T, TRounds> Min(Lane512<T, TRounds> x, Lane512<T, TRounds> y) => new() { Value = Vector512.Min(x.Value, y.Value) };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane512<T, TRounds> IfPositive(Lane512<T, TRounds> x, Lane512<T, TRounds> then, Lane512<T, TRounds> otherwise) =>
        new() { Value = Vector512.ConditionalSelect(Vector512.GreaterThan(x.Value, Vector512<T>.Zero), then.Value, otherwise.Value) };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane512<T, TRounds> IfGreater(Lane512<T, TRounds> x, Lane512<T, TRounds> y, Lane512<T, TRounds> then, Lane512<T, TRounds> otherwise) =>
        new() { Value = Vector512.ConditionalSelect(Vector512.GreaterThan(x.Value, y.Value), then.Value, otherwise.Value) };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Lane512<T, TRounds> Sign(Lane512<T, TRounds> x) => IfPositive(x, Of(T.One), new() { Value = Vector512.ConditionalSelect(Vector512.LessThan(x.Value, Vector512<T>.Zero), Vector512.Create(-T.One), Vector512<T>.Zero) });
}
