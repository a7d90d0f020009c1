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
        ({ } a, null) => With(y, scalar => a.add(scalar, Scalars.One)),
        (null, { } b) => With(x, scalar => b.add(scalar, Scalars.One)),
        var (a, b) => new(a.add(b, Scalars.One)),
    };

    public static TorchLane<T> operator -(TorchLane<T> x, TorchLane<T> y) => (x.tensor, y.tensor) switch
    {
        (null, null) => new(x.constant - y.constant),
        ({ } a, null) => With(y, scalar => a.sub(scalar)),
        (null, { } b) => new(x.Like(b).sub(b)),
        var (a, b) => new(a.sub(b)),
    };

    public static TorchLane<T> operator *(TorchLane<T> x, TorchLane<T> y) => (x.tensor, y.tensor) switch
    {
        (null, null) => new(x.constant * y.constant),
        ({ } a, null) => With(y, scalar => a.mul(scalar)),
        (null, { } b) => With(x, scalar => b.mul(scalar)),
        var (a, b) => new(a.mul(b)),
    };

    public static TorchLane<T> operator /(TorchLane<T> x, TorchLane<T> y) => (x.tensor, y.tensor) switch
    {
        (null, null) => new(x.constant / y.constant),
        ({ } a, null) => With(y, scalar => a.div(torch.full(Array.Empty<long>(), scalar, dtype: a.dtype, device: a.device))), // by a number, some devices multiply by the reciprocal
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
        ? new(torch.where(a.gt(Scalars.Zero), then.Like(a), otherwise.Like(a)))
        : x.constant > T.Zero ? then : otherwise;

    public static TorchLane<T> IfGreater(TorchLane<T> x, TorchLane<T> y, TorchLane<T> then, TorchLane<T> otherwise) => (x.tensor ?? y.tensor) is { } like
        ? new(torch.where(x.Like(like).gt(y.Like(like)), then.Like(like), otherwise.Like(like)))
        : x.constant > y.constant ? then : otherwise;

    public static TorchLane<T> Sign(TorchLane<T> x) => x.tensor is { } a ? new(a.sign())
        : new(x.constant > T.Zero ? T.One : x.constant < T.Zero ? -T.One : T.Zero);

    static TorchLane<T> With(TorchLane<T> x, Func<Scalar, torch.Tensor> operation) => new(Scalars.With(double.CreateChecked(x.constant), operation));

    /// <summary>The tensor; of a constant, one like another, full of it.</summary>
    public torch.Tensor Like(torch.Tensor other) => tensor ?? Scalars.With(double.CreateChecked(constant), scalar => torch.full_like(other, scalar));
}
