using OptimSharp.Torch;
using TorchSharp;
using static OptimSharp.Doors.Door;
using static TorchSharp.torch;

namespace OptimSharp.Doors;

/// <summary>Gradients of tensors as they may lie in memory: read by their indices, written to only where each element has memory of its own.</summary>
static class TensorGradientDoors
{
    const string Share = "has elements that share their memory";

    public static IEnumerable<(string Name, Action Try)> All =>
    [
        .. Kinds.SelectMany(kind => new[] { true, false }.Select(byPointer => ($"a gradient that is {kind}, {(byPointer ? "by pointer" : "by operators")}", (Action)(() => Read(kind, byPointer))))),
        ("clip, scale, unscale and zero an expanded gradient", WriteExpanded),
        ("a training step with an expanded gradient", StepExpanded),
        ("LBFGS with an expanded gradient", LBFGSExpanded),
        ("sparse gradients with expanded values", SparseExpanded),
        ("a gradient removed while it is open", RemovedWhileOpen),
        ("a gradient measured within the step that it is in", OpenedTwice),
        ("gradients in other layouts", OtherLayouts),
    ];

    static readonly string[] Kinds = ["expanded", "transposed", "strided", "conjugated", "negated", "negated and contiguous", "sparse", "sparse and conjugated"];

    static Tensor Make(string kind) => kind switch
    {
        "expanded" => tensor(new float[] { 1, 2 }).reshape(2, 1).expand(2, 3),
        "transposed" => arange(6, dtype: float32).reshape(3, 2).t(),
        "strided" => arange(24, dtype: float32).reshape(4, 6).slice(0, 0, 4, 2).slice(1, 0, 6, 2),
        "conjugated" => Complex(3).conj(),
        "negated" => Complex(3).conj().imag,
        "negated and contiguous" => Complex(1).conj().imag,
        "sparse" => sparse_coo_tensor(tensor(new long[] { 1, 0 }).reshape(1, 2), arange(6, dtype: float32).reshape(2, 3), [2, 3]),
        _ => sparse_coo_tensor(tensor(new long[] { 1, 0 }).reshape(1, 2), Complex(3).reshape(3, 1).expand(3, 2).t().conj(), [2, 3]),
    };

    static Tensor Complex(int count) => complex(arange(1, count + 1, dtype: float32), arange(5, 5 + count, dtype: float32));

    static double[] Numbers(Tensor tensor)
    {
        var plain = (tensor.is_sparse ? tensor.to_dense() : tensor).resolve_conj().resolve_neg().contiguous();
        return [.. (is_complex(plain) ? plain.view_as_real().contiguous() : plain).data<float>().ToArray().Select(x => (double)x)];
    }

    /// <summary>θ ← 0 − g, and the norm, by the numbers that the gradient has for libtorch.</summary>
    static void Read(string kind, bool byPointer)
    {
        using var gradient = Make(kind);
        double[] expected = Numbers(gradient);
        var value = zeros(gradient.shape, dtype: gradient.dtype);
        value.grad = gradient;
        var parameter = new TorchParameter(value, "w", byPointer);
        using var optimizer = new SGD([parameter], new() { LearningRate = 1 });
        optimizer.Step();
        Same(expected.Select(x => -x), Numbers(value));
        Near(Math.Sqrt(expected.Sum(x => x * x)), Gradients.Norm([parameter]));
        if (kind != "expanded")
        {
            Gradients.Scale([parameter], 0.5);
            Same(expected.Select(x => x / 2), Numbers(value.grad!));
            new TrainingStep(optimizer, new() { MaxValue = is_complex(value) ? null : 1.5, GradientsAfter = GradientsAfter.Zeroed }).Step();
            Same(expected.Select(_ => 0.0), Numbers(value.grad!));
            Same(expected.Select(x => -x - (is_complex(value) ? x / 2 : Math.Clamp(x / 2, -1.5, 1.5))), Numbers(value));
        }
        using var lbfgs = new LBFGS([parameter], new() { MaxIterations = 1, LearningRate = 1 });
        value.detach().zero_();
        value.grad = Make(kind);
        lbfgs.Step(() => 1.0);
        double sizes = expected.Sum(Math.Abs); // its first step is of length min(1, 1/Σ|g|)
        Near(expected.Select(x => -x * Math.Min(1, 1 / sizes)).ToArray(), Numbers(value));
    }

    static (Tensor Tensor, TorchParameter Parameter, TorchParameter Other) Expanded(bool byPointer = true)
    {
        Tensor other = ones(3).requires_grad_(), value = ones(10).requires_grad_();
        other.grad = ones(3);
        value.grad = ones(1).expand(10);
        return (value, new(value, "w", byPointer), new(other, "other", byPointer));
    }

    static void WriteExpanded()
    {
        foreach (bool byPointer in new[] { true, false })
        {
            var (value, parameter, other) = Expanded(byPointer);
            Near(Math.Sqrt(13), Gradients.Norm([other, parameter]));
            using var optimizer = new SGD([other, parameter]);
            foreach (Action call in (Action[])[() => Gradients.ClipNorm([other, parameter], 0.5), () => Gradients.ClipValue([other, parameter], 0.5), () => Gradients.Scale([other, parameter], 0.5),
                () => new GradScaler().Unscale(optimizer), () => new GradScaler().Step(optimizer), () => optimizer.ZeroGrad(setToNull: false)])
            {
                Refused<InvalidOperationException>(call, $"'w' [10] Float32 {Share}");
                Same([1f, 1, 1], other.Tensor.grad!.data<float>().ToArray());
                Same(Enumerable.Repeat(1.0, 10), Numbers(value.grad!));
            }
            optimizer.ZeroGrad();
            Same(true, value.grad is null && other.Tensor.grad is null);
        }
    }

    static void StepExpanded()
    {
        foreach (bool byPointer in new[] { true, false })
        {
            foreach (var after in Enum.GetValues<GradientsAfter>())
            {
                foreach (double? limit in new double?[] { null, 0.5 })
                {
                    var (value, parameter, other) = Expanded(byPointer);
                    using var optimizer = new SGD([other, parameter], new() { LearningRate = 1 });
                    var step = new TrainingStep(optimizer, new() { MaxValue = limit, GradientsAfter = after });
                    bool writes = after == GradientsAfter.Zeroed || limit is not null && (after == GradientsAfter.Kept || !byPointer);
                    if (writes)
                        Refused<InvalidOperationException>(() => step.Step(), $"'w' [10] Float32 {Share}");
                    else
                        step.Step();
                    float expected = writes ? 1 : 1 - (float)(limit ?? 1);
                    Same(Enumerable.Repeat(expected, 10), value.data<float>().ToArray());
                    Same(Enumerable.Repeat(expected, 3), other.Tensor.data<float>().ToArray());
                }
            }
        }
    }

    static void LBFGSExpanded()
    {
        var (value, parameter, other) = Expanded();
        using var optimizer = new LBFGS([other, parameter]);
        Refused<InvalidOperationException>(() => new TrainingStep(optimizer, new() { MaxNorm = 0.5 }).Step(() => 1.0, out double _), Share);
        Same(Enumerable.Repeat(1f, 10), value.data<float>().ToArray());
        optimizer.Step(() => 1.0); // reads it
        Same(true, value.data<float>()[0] < 1);
    }

    static void SparseExpanded()
    {
        var value = ones(2, 3).requires_grad_();
        value.grad = sparse_coo_tensor(tensor(new long[] { 1, 0 }).reshape(1, 2), ones(1).expand(2, 3), [2, 3]);
        var parameter = value.AsParameter("w");
        using var optimizer = new SGD([parameter], new() { LearningRate = 0.5 });
        if (value.grad!.SparseValues.is_contiguous())
            return; // libtorch made them so
        Refused<InvalidOperationException>(() => Gradients.ClipNorm([parameter], 0.5), "share their memory");
        optimizer.Step();
        Same(Enumerable.Repeat(0.5f, 6), value.data<float>().ToArray());
    }

    static void RemovedWhileOpen()
    {
        foreach (var after in Enum.GetValues<GradientsAfter>())
        {
            var value = ones(30, 20).requires_grad_();
            value.grad = ones(20, 30).t();
            using var optimizer = new Adam([value.AsParameter("w")]);
            using var averages = new AveragedParameters([value.AsParameter("w")], Averaging.PerTensor((_, _, _) =>
            {
                value.grad = null;
                GC.Collect();
            }));
            averages.Update();
            new TrainingStep(optimizer, new() { MaxNorm = 0.5, Averages = averages, GradientsAfter = after }).Step();
            Same((2L, true), (averages.Count, value.grad is null));
        }
    }

    static void OpenedTwice()
    {
        var value = ones(3, 2).requires_grad_();
        value.grad = ones(2, 3).t();
        var parameter = value.AsParameter("w");
        using var optimizer = new SGD([parameter]);
        using var averages = new AveragedParameters([parameter], Averaging.PerTensor((_, _, _) =>
            Refused<InvalidOperationException>(() => Gradients.Norm([parameter]), "in a step already")));
        averages.Update();
        new TrainingStep(optimizer, new() { Averages = averages, GradientsAfter = GradientsAfter.Zeroed }).Step();
        Same(2L, averages.Count);
        Near(0, Gradients.Norm([parameter]));
    }

    static void OtherLayouts()
    {
        var value = ones(3, 3).requires_grad_();
        value.grad = eye(3).to_sparse();
        var parameter = value.AsParameter("w");
        using var optimizer = new SGD([parameter]);
        Refused<InvalidOperationException>(optimizer.Step, "sparse in 2 dimensions");
        Refused<InvalidOperationException>(() => Gradients.Norm([parameter]), "sparse in 2 dimensions");
        Same(9f, value.sum().item<float>());
    }

    static void Near(double expected, double actual) => Near([expected], [actual]);

    static void Near(double[] expected, double[] actual)
    {
        if (expected.Length != actual.Length || expected.Zip(actual).Any(x => Math.Abs(x.First - x.Second) > 1e-5 * Math.Max(1, Math.Abs(x.First))))
            Same(expected, actual);
    }
}
