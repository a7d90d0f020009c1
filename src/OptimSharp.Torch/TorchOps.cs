using System.Numerics;
using OptimSharp.Engine;
using OptimSharp.Rules;
using TorchSharp;

namespace OptimSharp.Torch;

/// <summary>
/// What whole-tensor rules compute with where tensors are: libtorch's operators. Scratch memory is the device's: its allocator keeps what an update gives back for the next one, or for
/// activations.
/// </summary>
sealed partial class TorchOps(TorchParameter like) : DeviceOps
{
    const long Piece = 1 << 24; // numbers that are made doubles at a time: 128 MiB

    readonly torch.Device device = like.Tensor.device;
    readonly (DeviceType Type, int Index) place = like.Place;
    readonly List<TorchMemory> taken = [];
    readonly Dictionary<object, TorchMemory?> places = new(ReferenceEqualityComparer.Instance); // of states

    /// <summary>Whether a parameter is on this device.</summary>
    public bool IsFor(TorchParameter parameter) => parameter.Place == place;

    DeviceType Type => place.Type;

    public override DeviceMemory Take<T>(nint count)
    {
        using var noGrad = torch.no_grad();
        return Keep(torch.empty(count, dtype: TypeOf<T>(), device: device).DetachFromDisposeScope(), isOwn: true);
    }

    public override void Release()
    {
        using (Operation.Begin())
        {
            foreach (var memory in taken)
                memory.Upload();
        }
        foreach (var memory in taken)
            memory.Dispose();
        taken.Clear();
        places.Clear();
    }

    public override double Dot<T>(Matrices<T> x, Matrices<T> y)
    {
        using var operation = Operation.Begin();
        return Sum(x.Count, Read(x), Read(y), (a, b) => a.dot(b!));
    }

    public override double SumOfSizes<T>(Matrices<T> x)
    {
        using var operation = Operation.Begin();
        return Sum(x.Count, Read(x), null, (a, _) => a.abs_().sum());
    }

    public override double Largest<T>(Matrices<T> x)
    {
        using var operation = Operation.Begin();
        return x.Count == 0 ? 0 : Number(Read(x).abs().max());
    }

    /// <summary>Adds up in double precision, piece by piece.</summary>
    double Sum(long count, torch.Tensor x, torch.Tensor? y, Func<torch.Tensor, torch.Tensor?, torch.Tensor> sum)
    {
        var total = torch.zeros(Array.Empty<long>(), dtype: Wide, device: device);
        for (long first = 0; first < count; first += Piece)
        {
            using var each = torch.NewDisposeScope();
            long length = Math.Min(Piece, count - first);
            total.add_(sum(Part(x), y is null ? null : Part(y)), Scalars.One);

            torch.Tensor Part(torch.Tensor all) => all.narrow(0, first, length).to_type(Wide, copy: true);
        }
        return Number(total);
    }

    public override void Apply<T, TRule>(in TRule rule, Matrices<T> param, Matrices<T> grad, ReadOnlySpan<Matrices<T>> states)
    {
        using var operation = Operation.Begin();
        var stored = new torch.Tensor?[7];
        stored[0] = Read(param);
        for (int i = 0; i < states.Length; i++)
            stored[i + 1] = Read(states[i]);
        var x = new Cell<TorchLane<T>>
        {
            Param = new(stored[0]!),
            Grad = new(Read(grad)),
            S0 = Lane<T>(stored[1]),
            S1 = Lane<T>(stored[2]),
            S2 = Lane<T>(stored[3]),
            S3 = Lane<T>(stored[4]),
            S4 = Lane<T>(stored[5]),
            S5 = Lane<T>(stored[6]),
        };
        TensorWork<TRule, T>.Update(rule, ref x, stored, null, kept: x.Grad);
        Done(param);
        foreach (var state in states)
            Done(state);
    }

    public override void ApplyAcross<T, TRule>(in TRule rule, Matrices<T> param, Matrices<T> grad, Matrices<T> rows, Matrices<T> columns, Matrices<T> each)
    {
        using var operation = Operation.Begin();
        var target = View(param);
        var x = new Cell<TorchLane<T>>
        {
            Param = new(target),
            Grad = new(Read(grad).view(target.shape)),
            S0 = new(Read(rows).view(param.Batch, param.Rows, 1)),
            S1 = new(Read(columns).view(param.Batch, 1, param.Columns)),
            S2 = new(Read(each).view(param.Batch, 1, 1)),
        };
        TensorWork<TRule, T>.Update(rule, ref x, [target, null, null, null, null, null, null], null, kept: x.Grad);
        Done(param);
    }

    static TorchLane<T> Lane<T>(torch.Tensor? tensor) where T : unmanaged, IBinaryFloatingPointIeee754<T> => tensor is null ? default : new(tensor);

    public override void MeanSquares<T>(Matrices<T> x, Matrices<T> means, bool ofRows)
    {
        using var operation = Operation.Begin();
        var (from, to) = (View(x), Written(means).view(x.Batch, ofRows ? x.Rows : x.Columns));
        long most = Math.Max(1, Piece / Math.Max(1, x.Columns)); // rows at a time
        for (long b = 0; b < x.Batch; b += Math.Max(1, most / Math.Max(1, x.Rows)))
        {
            long matrices = Math.Min(Math.Max(1, most / Math.Max(1, x.Rows)), x.Batch - b);
            var some = from.narrow(0, b, matrices);
            using var total = torch.zeros([matrices, x.Columns], dtype: Wide, device: device);
            for (long i = 0; i < x.Rows; i += most)
            {
                using var each = torch.NewDisposeScope();
                long count = Math.Min(most, x.Rows - i);
                var squares = some.narrow(1, i, count).to_type(Wide).square();
                if (ofRows)
                    to.narrow(0, b, matrices).narrow(1, i, count).copy_(squares.mean([2]));
                else
                    total.add_(squares.sum(1L), Scalars.One);
            }
            if (!ofRows)
                to.narrow(0, b, matrices).copy_(Scalars.With(x.Rows, rows => total.div_(rows)));
        }
        Done(means);
    }

    public override void MeanOfMatrices<T>(Matrices<T> x, Matrices<T> means, double least)
    {
        using var operation = Operation.Begin();
        var mean = Read(x).view(x.Batch, x.Rows * x.Columns).to_type(Wide).mean([1]);
        Written(means).copy_(mean.maximum(Scalars.With(least, scalar => torch.full_like(mean, scalar))));
        Done(means);
    }

    public override void Copy<TFrom, TTo>(Matrices<TFrom> from, Matrices<TTo> to)
    {
        using var operation = Operation.Begin();
        Written(to).copy_(Read(from));
        Done(to);
    }

    public override void CopyBlock<T>(Matrices<T> all, in BlockPlace at, Matrices<T> block, bool toBlock)
    {
        using var operation = Operation.Begin();
        torch.Tensor there = Read(all).view(Long(at.Sizes)), here = Read(block).view(Long(at.Extents));
        for (int k = 0; k < at.Sizes.Length; k++)
            there = there.narrow(k, at.Offsets[k], at.Extents[k]);
        if (toBlock)
            here.copy_(there);
        else
            there.copy_(here);
        Done(toBlock ? block : all);
    }

    static long[] Long(ReadOnlySpan<nint> sizes)
    {
        var made = new long[sizes.Length];
        for (int i = 0; i < made.Length; i++)
            made[i] = sizes[i];
        return made;
    }

    /// <summary>Where most sums are taken. Apple's devices have no doubles.</summary>
    torch.ScalarType Wide => Type == DeviceType.MPS ? torch.float32 : torch.float64;

    static double Number(torch.Tensor number) => number.cpu().to_type(torch.float64).item<double>();

    TorchMemory Keep(torch.Tensor tensor, bool isOwn)
    {
        var memory = new TorchMemory(tensor, isOwn);
        taken.Add(memory);
        return memory;
    }

    /// <summary>All numbers, as a vector. Of the current dispose scope.</summary>
    static torch.Tensor Read<T>(Matrices<T> x) where T : unmanaged
    {
        var memory = (TorchMemory)x.Memory!;
        memory.Upload();
        return memory.View(x.Offset, x.Count);
    }

    /// <summary>The same, to be written to.</summary>
    static torch.Tensor Written<T>(Matrices<T> x) where T : unmanaged => Read(x);

    /// <summary>The matrices as they are. Of the current dispose scope.</summary>
    static torch.Tensor View<T>(Matrices<T> x) where T : unmanaged
    {
        var memory = (TorchMemory)x.Memory!;
        memory.Upload();
        return memory.View(x.Offset, x.Batch, x.Rows, x.Columns);
    }

    /// <summary>Says that matrices were written to.</summary>
    static void Done<T>(Matrices<T> x) where T : unmanaged => ((TorchMemory)x.Memory!).Download();

    static torch.ScalarType TypeOf<T>() where T : unmanaged =>
        typeof(T) == typeof(float) ? torch.float32
        : typeof(T) == typeof(double) ? torch.float64
        : Storage.Find<T>() is { } type ? type.ToScalarType()
        : throw new NotSupportedException($"There are no matrices of {typeof(T)} for parameters on a device: take numbers of a type that a tensor can have.");

    /// <summary>What an operator runs in: without gradients, and its results are freed.</summary>
    readonly struct Operation(IDisposable noGrad, IDisposable scope) : IDisposable
    {
        public static Operation Begin() => new(torch.no_grad(), torch.NewDisposeScope());

        public void Dispose()
        {
            scope.Dispose();
            noGrad.Dispose();
        }
    }
}
