using System.Numerics;
using OptimSharp.Rules;
using TorchSharp;

namespace OptimSharp.Torch;

/// <summary>
/// A whole tensor as a lane: a rule's operators become tensor operators, wherever the tensor is. A constant stays a number,
/// rounded to <typeparamref name="T"/> already. Results belong to the current dispose scope.
/// </summary>
internal readonly struct TorchLane<T> : ILane<TorchLane<T>, T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    readonly torch.Tensor? tensor;
    readonly T constant;

    public TorchLane(torch.Tensor tensor) => this.tensor = tensor;

    TorchLane(T constant) => this.constant = constant;

    /// <summary>Whether it is the number 0.</summary>
    public bool IsZero => tensor is null && constant == T.Zero;

    /// <summary>Whether it is the same tensor as another lane.</summary>
    public bool Is(TorchLane<T> other) => tensor is not null && ReferenceEquals(tensor, other.tensor);

    /// <summary>Whether it is a number.</summary>
    public bool IsConstant => tensor is null;

    public torch.Tensor Tensor => tensor ?? throw new InvalidOperationException("A constant is no tensor.");

    public static TorchLane<T> Of(T value) => new(value);

    public static TorchLane<T> operator +(TorchLane<T> x, TorchLane<T> y) => (x.tensor, y.tensor) switch
    {
        (null, null) => new(x.constant + y.constant),
        ({ } a, null) => new(a.add(y.Scalar)),
        (null, { } b) => new(b.add(x.Scalar)),
        var (a, b) => new(a.add(b)),
    };

    public static TorchLane<T> operator -(TorchLane<T> x, TorchLane<T> y) => (x.tensor, y.tensor) switch
    {
        (null, null) => new(x.constant - y.constant),
        ({ } a, null) => new(a.sub(y.Scalar)),
        (null, { } b) => new(x.Like(b).sub(b)),
        var (a, b) => new(a.sub(b)),
    };

    public static TorchLane<T> operator *(TorchLane<T> x, TorchLane<T> y) => (x.tensor, y.tensor) switch
    {
        (null, null) => new(x.constant * y.constant),
        ({ } a, null) => new(a.mul(y.Scalar)),
        (null, { } b) => new(b.mul(x.Scalar)),
        var (a, b) => new(a.mul(b)),
    };

    public static TorchLane<T> operator /(TorchLane<T> x, TorchLane<T> y) => (x.tensor, y.tensor) switch
    {
        (null, null) => new(x.constant / y.constant),
        ({ } a, null) => new(a.div(torch.full(Array.Empty<long>(), y.Scalar, dtype: a.dtype, device: a.device))), // by a number, some devices multiply by the reciprocal
        (null, { } b) => new(x.Like(b).div(b)),
        var (a, b) => new(a.div(b)),
    };

    public static TorchLane<T> operator -(TorchLane<T> x) => x.tensor is { } a ? new(a.neg()) : new(-x.constant);

    public static TorchLane<T> Sqrt(TorchLane<T> x) => x.tensor is { } a ? new(a.sqrt()) : new(T.Sqrt(x.constant));

    public static TorchLane<T> Abs(TorchLane<T> x) => x.tensor is { } a ? new(a.abs()) : new(T.Abs(x.constant));

    public static TorchLane<T> Max(TorchLane<T> x, TorchLane<T> y) => (x.tensor ?? y.tensor) is { } like
        ? new(x.Like(like).maximum(y.Like(like)))
        : new(T.Max(x.constant, y.constant));

    public static TorchLane<T> Min(TorchLane<T> x, TorchLane<T> y) => (x.tensor ?? y.tensor) is { } like
        ? new(x.Like(like).minimum(y.Like(like)))
        : new(T.Min(x.constant, y.constant));

    public static TorchLane<T> IfPositive(TorchLane<T> x, TorchLane<T> then, TorchLane<T> otherwise) => x.tensor is { } a
        ? new(torch.where(a.gt(0), then.Like(a), otherwise.Like(a)))
        : x.constant > T.Zero ? then : otherwise;

    public static TorchLane<T> IfGreater(TorchLane<T> x, TorchLane<T> y, TorchLane<T> then, TorchLane<T> otherwise) => (x.tensor ?? y.tensor) is { } like
        ? new(torch.where(x.Like(like).gt(y.Like(like)), then.Like(like), otherwise.Like(like)))
        : x.constant > y.constant ? then : otherwise;

    public static TorchLane<T> Sign(TorchLane<T> x) => x.tensor is { } a ? new(a.sign())
        : new(x.constant > T.Zero ? T.One : x.constant < T.Zero ? -T.One : T.Zero);

    Scalar Scalar => typeof(T) == typeof(double) ? double.CreateChecked(constant).ToScalar() : float.CreateChecked(constant).ToScalar();

    /// <summary>The tensor; of a constant, one like another, full of it.</summary>
    public torch.Tensor Like(torch.Tensor other) => tensor ?? torch.full_like(other, Scalar);
}
