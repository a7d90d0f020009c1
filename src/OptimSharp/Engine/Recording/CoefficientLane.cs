using System.Numerics;
using System.Runtime.CompilerServices;
using OptimSharp.Rules;

namespace OptimSharp.Engine;

/// <summary>
/// A value that is known by its <see cref="Engine.Fingerprint"/> alone. A rule that is run over it computes nothing: it gives its coefficients away
/// (<see cref="Coefficients{T}"/>), and shows that it is still the one that was recorded.
/// </summary>
/// <typeparam name="T">The type computed in.</typeparam>
internal readonly struct CoefficientLane<T>(ulong fingerprint) : ILane<CoefficientLane<T>, T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    public readonly ulong Fingerprint = fingerprint;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static CoefficientLane<T> Of(T value) => new(Engine.Fingerprint.Of(Operation.Coefficient, (ulong)Coefficients<T>.Add(value)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static CoefficientLane<T> operator +(CoefficientLane<T> x, CoefficientLane<T> y) => Of(Operation.Add, x, y);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static CoefficientLane<T> operator -(CoefficientLane<T> x, CoefficientLane<T> y) => Of(Operation.Subtract, x, y);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static CoefficientLane<T> operator *(CoefficientLane<T> x, CoefficientLane<T> y) => Of(Operation.Multiply, x, y);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static CoefficientLane<T> operator /(CoefficientLane<T> x, CoefficientLane<T> y) => Of(Operation.Divide, x, y);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static CoefficientLane<T> operator -(CoefficientLane<T> x) => Of(Operation.Negate, x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static CoefficientLane<T> Sqrt(CoefficientLane<T> x) => Of(Operation.Sqrt, x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static CoefficientLane<T> Abs(CoefficientLane<T> x) => Of(Operation.Abs, x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static CoefficientLane<T> As(Operation stored, CoefficientLane<T> x) => Of(stored, x);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static CoefficientLane<T> Max(CoefficientLane<T> x, CoefficientLane<T> y) => Of(Operation.Max, x, y);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static CoefficientLane<T> Min(CoefficientLane<T> x, CoefficientLane<T> y) => Of(Operation.Min, x, y);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static CoefficientLane<T> IfGreater(CoefficientLane<T> x, CoefficientLane<T> y, CoefficientLane<T> then, CoefficientLane<T> otherwise) =>
        new(Engine.Fingerprint.Of(Operation.IfGreater, x.Fingerprint, y.Fingerprint, then.Fingerprint, otherwise.Fingerprint));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static CoefficientLane<T> IfPositive(CoefficientLane<T> x, CoefficientLane<T> then, CoefficientLane<T> otherwise) => IfGreater(x, default, then, otherwise);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static CoefficientLane<T> Sign(CoefficientLane<T> x) =>
        IfPositive(x, new(Engine.Fingerprint.Literal(1)), IfGreater(default, x, new(Engine.Fingerprint.Literal(-1)), default));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static CoefficientLane<T> Of(Operation operation, CoefficientLane<T> x) => new(Engine.Fingerprint.Of(operation, x.Fingerprint));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    static CoefficientLane<T> Of(Operation operation, CoefficientLane<T> x, CoefficientLane<T> y) => new(Engine.Fingerprint.Of(operation, x.Fingerprint, y.Fingerprint));
}
