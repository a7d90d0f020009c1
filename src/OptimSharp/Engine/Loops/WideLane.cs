using System.Numerics;
using System.Runtime.CompilerServices;
using OptimSharp.Rules;

namespace OptimSharp.Engine;

/// <summary>
/// As many elements as this processor's <see cref="Vector{T}"/> holds. Each operator is one instruction,
/// rounded as the scalar one is; so the width never shows in the result.
/// </summary>
/// <remarks>Operators set the field instead of calling the constructor: that is one small method less to inline for each of them, and of those a rule has a hundred.</remarks>
/// <typeparam name="T">The type computed in.</typeparam>
/// <typeparam name="TRounds">Whether rules may have to round in the middle of a step (<see cref="Rounding{T}"/>).</typeparam>
internal struct WideLane<T, TRounds>(Vector<T> value) : ILane<WideLane<T, TRounds>, T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
    where TRounds : struct, IChoice
{
    public Vector<T> Value = value;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static WideLane<T, TRounds> Of(T value) => new() { Value = Vector.Create(value) };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static WideLane<T, TRounds> operator +(WideLane<T, TRounds> x, WideLane<T, TRounds> y) => new() { Value = x.Value + y.Value };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static WideLane<T, TRounds> operator -(WideLane<T, TRounds> x, WideLane<T, TRounds> y) => new() { Value = x.Value - y.Value };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static WideLane<T, TRounds> operator *(WideLane<T, TRounds> x, WideLane<T, TRounds> y) => new() { Value = x.Value * y.Value };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static WideLane<T, TRounds> operator /(WideLane<T, TRounds> x, WideLane<T, TRounds> y) => new() { Value = x.Value / y.Value };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static WideLane<T, TRounds> operator -(WideLane<T, TRounds> x) => new() { Value = -x.Value };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static WideLane<T, TRounds> Sqrt(WideLane<T, TRounds> x) => new() { Value = Vector.SquareRoot(x.Value) };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static WideLane<T, TRounds> Abs(WideLane<T, TRounds> x) => new() { Value = Vector.Abs(x.Value) };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static WideLane<T, TRounds> Max(WideLane<T, TRounds> x, WideLane<T, TRounds> y) => new() { Value = Vector.Max(x.Value, y.Value) };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static WideLane<T, TRounds> Min(WideLane<T, TRounds> x, WideLane<T, TRounds> y) => new() { Value = Vector.Min(x.Value, y.Value) };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static WideLane<T, TRounds> IfPositive(WideLane<T, TRounds> x, WideLane<T, TRounds> then, WideLane<T, TRounds> otherwise) =>
        new() { Value = Vector.ConditionalSelect(Vector.GreaterThan(x.Value, Vector<T>.Zero), then.Value, otherwise.Value) };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static WideLane<T, TRounds> IfGreater(WideLane<T, TRounds> x, WideLane<T, TRounds> y, WideLane<T, TRounds> then, WideLane<T, TRounds> otherwise) =>
        new() { Value = Vector.ConditionalSelect(Vector.GreaterThan(x.Value, y.Value), then.Value, otherwise.Value) };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static WideLane<T, TRounds> Sign(WideLane<T, TRounds> x) => IfPositive(x, Of(T.One), new() { Value = Vector.ConditionalSelect(Vector.LessThan(x.Value, Vector<T>.Zero), Vector.Create(-T.One), Vector<T>.Zero) });
}
