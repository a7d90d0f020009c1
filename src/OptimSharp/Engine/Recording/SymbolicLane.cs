using System.Numerics;
using OptimSharp.Rules;

namespace OptimSharp.Engine;

/// <summary>A value that is not known: its operators write down what is to be done (<see cref="Recorder"/>). A coefficient is known by its place alone.</summary>
/// <typeparam name="T">The type computed in.</typeparam>
internal readonly struct SymbolicLane<T>(Symbol symbol) : ILane<SymbolicLane<T>, T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    public Symbol Symbol { get; } = symbol;

    public static SymbolicLane<T> Of(T value) => new(Recorder.Coefficient());

    public static SymbolicLane<T> operator +(SymbolicLane<T> x, SymbolicLane<T> y) => new(Recorder.Of(Operation.Add, x.Symbol, y.Symbol));

    public static SymbolicLane<T> operator -(SymbolicLane<T> x, SymbolicLane<T> y) => new(Recorder.Of(Operation.Subtract, x.Symbol, y.Symbol));

    public static SymbolicLane<T> operator *(SymbolicLane<T> x, SymbolicLane<T> y) => new(Recorder.Of(Operation.Multiply, x.Symbol, y.Symbol));

    public static SymbolicLane<T> operator /(SymbolicLane<T> x, SymbolicLane<T> y) => new(Recorder.Of(Operation.Divide, x.Symbol, y.Symbol));

    public static SymbolicLane<T> operator -(SymbolicLane<T> x) => new(Recorder.Of(Operation.Negate, x.Symbol));

    public static SymbolicLane<T> Sqrt(SymbolicLane<T> x) => new(Recorder.Of(Operation.Sqrt, x.Symbol));

    public static SymbolicLane<T> Abs(SymbolicLane<T> x) => new(Recorder.Of(Operation.Abs, x.Symbol));

    public static SymbolicLane<T> As(Operation stored, SymbolicLane<T> x) => new(Recorder.Of(stored, x.Symbol));

    public static SymbolicLane<T> Max(SymbolicLane<T> x, SymbolicLane<T> y) => new(Recorder.Of(Operation.Max, x.Symbol, y.Symbol));

    public static SymbolicLane<T> Min(SymbolicLane<T> x, SymbolicLane<T> y) => new(Recorder.Of(Operation.Min, x.Symbol, y.Symbol));

    public static SymbolicLane<T> IfGreater(SymbolicLane<T> x, SymbolicLane<T> y, SymbolicLane<T> then, SymbolicLane<T> otherwise) =>
        new(Recorder.IfGreater(x.Symbol, y.Symbol, then.Symbol, otherwise.Symbol));

    public static SymbolicLane<T> IfPositive(SymbolicLane<T> x, SymbolicLane<T> then, SymbolicLane<T> otherwise) => IfGreater(x, default, then, otherwise);

    public static SymbolicLane<T> Sign(SymbolicLane<T> x) =>
        IfPositive(x, new(Recorder.Literal(1)), IfGreater(default, x, new(Recorder.Literal(-1)), default));
}
