using System.Numerics;
using OptimSharp.Engine;
using OptimSharp.Rules;
using TorchSharp;

namespace OptimSharp.Torch;

/// <summary>A rule and what it works on, by tensor operators.</summary>
class TensorWork<TRule, T>(TRule rule, StepTarget target)
    where TRule : struct, IUpdateRule<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    static readonly torch.ScalarType Type = typeof(T) == typeof(double) ? torch.float64 : torch.float32;

    protected TRule rule = rule; // not read-only: a measuring one takes its sums
    protected readonly StepTarget target = target;

    public void Run()
    {
        using var noGrad = torch.no_grad();
        using var scope = torch.NewDisposeScope();
        var stored = Stored();
        var (x, rows) = Read(stored);
        Update(rule, ref x, stored, rows);
    }

    /// <summary>Applies the rule and stores what comes of it.</summary>
    /// <param name="rule">The rule.</param>
    /// <param name="x">What it works on.</param>
    /// <param name="stored">Where it goes.</param>
    /// <param name="rows">Which rows of that; null: all.</param>
    /// <param name="kept">A lane that may have the memory of another one.</param>
    public static void Update(TRule rule, ref Cell<TorchLane<T>> x, torch.Tensor?[] stored, torch.Tensor? rows, TorchLane<T> kept = default)
    {
        TorchLane<T>[] before = [x.Param, x.S0, x.S1, x.S2, x.S3, x.S4, x.S5];
        rule.Update(ref x);
        TorchLane<T>[] after = [x.Step.IsZero ? x.Param : x.Param - x.Step, x.S0, x.S1, x.S2, x.S3, x.S4, x.S5];
        for (int i = 0; i < after.Length; i++)
        {
            if (after[i].Is(kept))
                after[i] = new(after[i].Tensor.clone());
            for (int j = 0; j < before.Length; j++)
            {
                if (i != j && after[i].Is(before[j])) // what one of them was becomes another one: kept before it is overwritten
                    after[i] = new(after[i].Tensor.clone());
            }
        }
        for (int i = 0; i < after.Length; i++)
        {
            if (stored[i] is not { } tensor)
                continue;
            if (rows is null)
                tensor.copy_(after[i].Like(tensor));
            else
                tensor.index_copy_(0, rows, (after[i].IsConstant ? after[i].Like(tensor.index_select(0, rows)) : after[i].Tensor).to_type(tensor.dtype));
        }
    }

    /// <summary>The parameter's and the states' tensors, of real numbers.</summary>
    protected torch.Tensor?[] Stored()
    {
        var param = TorchBackend.Reals(((TorchParameter)target.Parameter).Tensor.detach());
        long[] shape = param.shape; // a state that is flat is seen so, too
        return
        [
            param,
            .. ((StateTensor?[])[target.States.S0, target.States.S1, target.States.S2, target.States.S3, target.States.S4, target.States.S5]).Select(state => ((TorchState?)state)?.Reals.view(shape)),
        ];
    }

    /// <summary>What the rule sees, and which rows it is of, when not of all.</summary>
    protected (Cell<TorchLane<T>> Cell, torch.Tensor? Rows) Read(torch.Tensor?[] stored)
    {
        var (gradient, rows) = target.Rows is { } touched ? Rows(touched, stored[0]!) : (Gradient(((TorchParameter)target.Parameter).Tensor), null);
        return (new()
        {
            Param = Lane(stored[0]),
            Grad = new(gradient),
            S0 = Lane(stored[1]),
            S1 = Lane(stored[2]),
            S2 = Lane(stored[3]),
            S3 = Lane(stored[4]),
            S4 = Lane(stored[5]),
            S5 = Lane(stored[6]),
        }, rows);

        TorchLane<T> Lane(torch.Tensor? tensor) => tensor is null ? default : new((rows is null ? tensor : tensor.index_select(0, rows)).to_type(Type));
    }

    static torch.Tensor Gradient(torch.Tensor param)
    {
        var gradient = param.grad!.detach();
        return TorchBackend.Reals(gradient.is_sparse ? gradient.to_dense() : gradient).to_type(Type);
    }

    /// <summary>A sparse gradient's rows, each once, and which they are, where the parameter is.</summary>
    static unsafe (torch.Tensor Gradient, torch.Tensor Rows) Rows(TouchedRows touched, torch.Tensor param)
    {
        var values = new double[touched.Numbers];
        fixed (double* to = values)
        fixed (byte* from = &touched.Values.Start)
            Storage.Load(from, touched.Type.Real(), to, values.Length);
        long[] shape = [touched.Count, .. param.shape[1..]];
        return (torch.tensor(values, dtype: Type).reshape(shape).to(param.device),
            torch.tensor(touched.Indices[..touched.Count], device: param.device));
    }
}

/// <summary>The same for a rule that measures first. Its sums are libtorch's: close to those of host memory, not the same bits.</summary>
sealed class MeasuringWork<TRule, T>(TRule rule, StepTarget target) : TensorWork<TRule, T>(rule, target), IMeasured
    where TRule : struct, IMeasuringRule<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    long count;

    public void Measure(Span<double> sums)
    {
        using var noGrad = torch.no_grad();
        using var scope = torch.NewDisposeScope();
        var (x, _) = Read(Stored());
        count = x.Grad.Tensor.numel();
        Measure(rule, ref x, sums);
    }

    /// <summary>The sums over all that a cell has.</summary>
    public static void Measure(TRule rule, ref Cell<TorchLane<T>> x, Span<double> sums)
    {
        var like = x.Grad.Tensor;
        CellSums<TorchLane<T>> measured = default;
        rule.Measure(ref x, ref measured);
        TorchLane<T>[] all = [measured.Sum0, measured.Sum1, measured.Sum2, measured.Sum3];
        var type = like.device_type == DeviceType.MPS ? torch.float32 : torch.float64; // Apple's has no doubles
        for (int k = 0; k < TRule.Sums; k++)
            sums[k] = all[k].Like(like).to_type(type).sum().cpu().to_type(torch.float64).item<double>();
    }

    public void Take(ReadOnlySpan<double> own, ReadOnlySpan<double> all) => rule.Take(new(own[..TRule.Sums], all[..TRule.Sums], count));
}

/// <summary>The same for a rule that measures each row, and is then applied to it: one after the other, which is slow on other devices.</summary>
sealed class RowWork<TRule, T>(TRule rule, StepTarget target) : TensorWork<TRule, T>(rule, target)
    where TRule : struct, IMeasuringRule<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    public void RunByRow()
    {
        using var noGrad = torch.no_grad();
        using var scope = torch.NewDisposeScope();
        var stored = Stored();
        var (all, rows) = Read(stored);
        if (all.Grad.Tensor.dim() == 0)
        {
            Run(all, stored);
            return;
        }
        for (int row = 0; row < all.Grad.Tensor.shape[0]; row++)
        {
            using var each = torch.NewDisposeScope();
            long place = rows is null ? row : target.Rows!.Indices[row];
            Run(new()
            {
                Param = Row(all.Param),
                Grad = Row(all.Grad),
                S0 = Row(all.S0),
                S1 = Row(all.S1),
                S2 = Row(all.S2),
                S3 = Row(all.S3),
                S4 = Row(all.S4),
                S5 = Row(all.S5),
            }, [.. stored.Select(tensor => tensor?.narrow(0, place, 1))]);

            TorchLane<T> Row(TorchLane<T> lane) => lane.IsConstant ? lane : new(lane.Tensor.narrow(0, row, 1));
        }
    }

    void Run(Cell<TorchLane<T>> x, torch.Tensor?[] stored)
    {
        Span<double> sums = stackalloc double[TRule.Sums];
        var measured = x; // a rule may run its update to see what comes of it
        MeasuringWork<TRule, T>.Measure(rule, ref measured, sums);
        var own = rule;
        own.Take(new(sums, default, x.Grad.Tensor.numel()));
        Update(own, ref x, stored, null);
    }
}
