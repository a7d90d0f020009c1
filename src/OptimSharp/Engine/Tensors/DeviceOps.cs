using System.Numerics;
using OptimSharp.Rules;

namespace OptimSharp.Engine;

/// <summary>
/// What is done to whole tensors that are not in host memory: as <see cref="TensorOps"/>, but where they are, over all matrices of a batch at once. Sizes were
/// checked. The bits are those of the device's own library.
/// </summary>
internal abstract class DeviceOps
{
    /// <summary>Memory with anything in it, until <see cref="Release"/>.</summary>
    public abstract DeviceMemory Take<T>(nint count) where T : unmanaged;

    /// <summary>Gives back all memory, and ends what was opened by <see cref="Place{T}(Parameter, bool)"/>.</summary>
    public abstract void Release();

    /// <summary>The numbers of a parameter, or its gradient, to be changed where they are; null where they are not laid out row by row, or not of this type.</summary>
    public abstract DeviceMemory? Place<T>(Parameter parameter, bool ofGradient) where T : unmanaged, IBinaryFloatingPointIeee754<T>;

    /// <summary>The same of a state.</summary>
    public abstract DeviceMemory? Place<T>(StateTensor state) where T : unmanaged;

    /// <summary>A state of zeros where the parameters are.</summary>
    public abstract StateTensor CreateState(ReadOnlySpan<long> shape, ElementType type);

    /// <summary>Copies a parameter, or its gradient (zeros when there is none), row by row.</summary>
    public abstract void Read<T>(Parameter parameter, bool ofGradient, Matrices<T> to) where T : unmanaged, IBinaryFloatingPointIeee754<T>;

    /// <summary>Sets a parameter, rounded to its type.</summary>
    public abstract void Write<T>(Matrices<T> from, Parameter parameter) where T : unmanaged, IBinaryFloatingPointIeee754<T>;

    /// <summary>Copies a state, from wherever it is.</summary>
    public abstract void Read<T>(StateTensor state, Matrices<T> to) where T : unmanaged, IBinaryFloatingPointIeee754<T>;

    /// <summary>Sets a state, rounded to its type.</summary>
    public abstract void Write<T>(Matrices<T> from, StateTensor state) where T : unmanaged, IBinaryFloatingPointIeee754<T>;

    public abstract double Dot<T>(Matrices<T> x, Matrices<T> y) where T : unmanaged, IBinaryFloatingPointIeee754<T>;

    public abstract double SumOfSizes<T>(Matrices<T> x) where T : unmanaged, IBinaryFloatingPointIeee754<T>;

    public abstract double Largest<T>(Matrices<T> x) where T : unmanaged, IBinaryFloatingPointIeee754<T>;

    public abstract void Apply<T, TRule>(in TRule rule, Matrices<T> param, Matrices<T> grad, ReadOnlySpan<Matrices<T>> states)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
        where TRule : struct, IUpdateRule<T>;

    public abstract void ApplyAcross<T, TRule>(in TRule rule, Matrices<T> param, Matrices<T> grad, Matrices<T> rows, Matrices<T> columns, Matrices<T> each)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>
        where TRule : struct, IUpdateRule<T>;

    public abstract void MeanSquares<T>(Matrices<T> x, Matrices<T> means, bool ofRows) where T : unmanaged, IBinaryFloatingPointIeee754<T>;

    public abstract void MeanOfMatrices<T>(Matrices<T> x, Matrices<T> means, double least) where T : unmanaged, IBinaryFloatingPointIeee754<T>;

    /// <summary>Copies numbers, rounded to the other type when that is another one.</summary>
    public abstract void Copy<TFrom, TTo>(Matrices<TFrom> from, Matrices<TTo> to) where TFrom : unmanaged where TTo : unmanaged;

    /// <summary>Copies a block out of a tensor of these sizes, or back into it.</summary>
    public abstract void CopyBlock<T>(Matrices<T> all, in BlockPlace at, Matrices<T> block, bool toBlock) where T : unmanaged;

    public abstract void Transpose<T>(Matrices<T> x, Matrices<T> to) where T : unmanaged;

    /// <summary>to ← α·ab + β·c, where a and b may be meant transposed. c may be none, for β = 0, or <paramref name="to"/>.</summary>
    public abstract void Multiply<T>(T alpha, Matrices<T> a, bool aTransposed, Matrices<T> b, bool bTransposed, T beta, Matrices<T> c, Matrices<T> to) where T : unmanaged, IBinaryFloatingPointIeee754<T>;

    public abstract void AddToDiagonal<T>(Matrices<T> x, T number) where T : unmanaged, IBinaryFloatingPointIeee754<T>;

    public abstract void Eigen<T>(Matrices<T> a, Matrices<T> values, Matrices<T> vectors) where T : unmanaged, IBinaryFloatingPointIeee754<T>;

    public abstract void QR<T>(Matrices<T> a, Matrices<T> q, Matrices<T> r) where T : unmanaged, IBinaryFloatingPointIeee754<T>;

    public abstract void InverseRoot<T>(Matrices<T> a, int p, double epsilon, Matrices<T> root) where T : unmanaged, IBinaryFloatingPointIeee754<T>;
}
