using OptimSharp.Torch;
using TorchSharp;
using static OptimSharp.Doors.Door;
using static TorchSharp.torch;

namespace OptimSharp.Doors;

/// <summary>Tensors of parameters that are changed in place, or are what no parameter can be.</summary>
static class TensorDoors
{
    const string InPlace = "was changed in place";

    const string ByOperators = "Adam by operators"; // which go by indices, wherever these lead

    public static IEnumerable<(string Name, Action Try)> All =>
    [
        .. Changes.SelectMany(change => Uses.Where(use => !GoesOn(use.Name, change.Name)).Select(use => ($"{use.Name} after {change.Name}", (Action)(() => Changed(change.Do, use.Do))))),
        ("set_ to another type", SetToAnotherType),
        ("an elementwise step after another shape in place", AnotherShape),
        ("a tensor changed in place and back", ChangedAndBack),
        ("a tensor transposed in place, bound again", Rebound),
        ("a tensor changed in the closure of LBFGS", ChangedInClosure),
        ("a tensor disposed in the closure of LBFGS", DisposedInClosure),
        ("parameters that can't be written to", NotWritable),
        ("lazily conjugated or negated parameters", Lazy),
        ("lazily conjugated or negated buffers", LazyBuffers),
        ("a module whose buffer is expanded", ExpandedBuffer),
        ("requires_grad switched off", RequiresGrad),
        ("a parameter that is set to another's memory", SetToAnother),
    ];

    /// <summary>In place, of a tensor of 25 × 40.</summary>
    static readonly (string Name, Action<Tensor> Do)[] Changes =
    [
        ("set_ to fewer elements", t => t.set_(ones(2, 5))),
        ("set_ to nothing", t => t.set_(empty(0))),
        ("set_ to an expanded tensor", t => t.set_(ones(1).expand(25, 40))),
        ("set_ to a transposed tensor", t => t.set_(ones(40, 25).t())),
        ("set_ to another shape of as many elements", t => t.set_(ones(1000))),
        ("transpose_", t => t.transpose_(0, 1)),
        ("unsqueeze_", t => t.unsqueeze_(0)),
    ];

    static readonly (string Name, Action<TorchParameter> Do)[] Uses =
    [
        ("Adam", p => Warm(p, new Adam([p])).Step()),
        (ByOperators, p => Warm(p, new Adam([new TorchParameter(p.Tensor, "w", byPointer: false)])).Step()),
        ("Muon", p => Warm(p, new Muon([p])).Step()),
        ("Adafactor", p => Warm(p, new Adafactor([p])).Step()),
        ("LBFGS", p => Warm(p, new LBFGS([p])).Step(() => 1.0)),
        ("TrainingStep", p => new TrainingStep(Warm(p, new SGD([p])), new() { MaxNorm = 1, GradientsAfter = GradientsAfter.Zeroed }).Step()),
        ("averages", p => new AveragedParameters([p]).Update()),
        ("averages made before", p => Before(p, new AveragedParameters([p])).Update()),
        ("SwapIn", p => Before(p, Updated(p)).SwapIn()),
        ("CopyTo", p => Before(p, Updated(p)).CopyTo([p])),
        ("ClipNorm", p => Gradients.ClipNorm([p], 0.1)),
        ("ClipValue", p => Gradients.ClipValue([p], 0.1)),
        ("GradScaler", p => new GradScaler().Unscale(Warm(p, new SGD([p])))),
    ];

    /// <summary>Whether the numbers lie row by row as they did, or are found by their indices: then there is nothing to refuse until a gradient of the new shape comes.</summary>
    static bool GoesOn(string use, string change) => use == ByOperators && change.Contains("transposed", StringComparison.Ordinal)
        || use == "Adam" && change is ("set_ to another shape of as many elements" or "unsqueeze_");

    static Action<Tensor>? pending; // the change, to be made in the midst of a use

    static T Warm<T>(TorchParameter parameter, T optimizer) where T : Optimizer
    {
        if (optimizer is not LBFGS)
            optimizer.Step();
        else
            optimizer.Step(() => 1.0);
        return Before(parameter, optimizer);
    }

    static T Before<T>(TorchParameter parameter, T used)
    {
        parameter.Tensor.detach().fill_(1);
        pending!(parameter.Tensor);
        return used;
    }

    static AveragedParameters Updated(TorchParameter parameter)
    {
        var averages = new AveragedParameters([parameter]);
        averages.Update();
        return averages;
    }

    static void Changed(Action<Tensor> change, Action<TorchParameter> use)
    {
        var memory = ones(3000); // the parameter is its middle
        var tensor = memory.slice(0, 1000, 2000, 1).view(25, 40).requires_grad_();
        tensor.grad = ones(25, 40);
        var parameter = tensor.AsParameter("w");
        bool changed = false;
        pending = t =>
        {
            using var noGrad = no_grad();
            change(t);
            changed = true;
        };
        if (use.Method.Name.Length > 0 && !UsesBefore(use))
            pending(tensor);
        Refused<InvalidOperationException>(() => use(parameter), "'w' [25, 40] Float32");
        Same(true, changed);
        Same(Enumerable.Repeat(1f, 3000), memory.data<float>().ToArray());
        Same(Enumerable.Repeat(1f, 1000), tensor.grad!.contiguous().data<float>().ToArray());

        static bool UsesBefore(Action<TorchParameter> use) => Uses.Any(u => u.Do == use && u.Name is not ("averages" or "ClipNorm" or "ClipValue"));
    }

    /// <summary>libtorch leaves a tensor's type and device in place: so steps need not ask for them.</summary>
    static void SetToAnotherType()
    {
        foreach (var (type, other) in ((ScalarType, ScalarType)[])[(ScalarType.Float32, ScalarType.Float64), (ScalarType.Float64, ScalarType.Float32)])
        {
            var tensor = ones(3, dtype: type).requires_grad_();
            tensor.grad = ones(3, dtype: type);
            using var optimizer = new SGD([tensor.AsParameter("w")], new() { LearningRate = 0.5 });
            using (no_grad())
            {
                Try(() => tensor.set_(ones(3, dtype: other)));
                Try(() => tensor.set_(ones(3, dtype: type, device: META)));
            }
            Same((type, DeviceType.CPU, 3L), (tensor.dtype, tensor.device_type, tensor.numel()));
            optimizer.Step();
        }

        static void Try(Action action)
        {
            try
            {
                action();
            }
            catch (System.Runtime.InteropServices.ExternalException)
            {
            }
        }
    }

    static void AnotherShape()
    {
        foreach (Action<Tensor> change in (Action<Tensor>[])[t => t.set_(ones(6)), t => t.unsqueeze_(0)])
        {
            var tensor = ones(2, 3).requires_grad_();
            tensor.grad = ones(2, 3);
            using var optimizer = new SGD([tensor.AsParameter("w")], new() { LearningRate = 0.25 });
            using (no_grad())
                change(tensor);
            optimizer.Step(); // element by element, as the gradient lies
            Same(Enumerable.Repeat(0.75f, 6), tensor.data<float>().ToArray());
            tensor.grad = ones(tensor.shape); // as backward() makes it now
            Refused<InvalidOperationException>(optimizer.Step, InPlace);
            Refused<InvalidOperationException>(() => new TrainingStep(optimizer, new() { MaxNorm = 1 }).Step(), InPlace);
            Same(Enumerable.Repeat(0.75f, 6), tensor.data<float>().ToArray());
        }
    }

    static void ChangedAndBack()
    {
        var tensor = ones(2, 3).requires_grad_();
        tensor.grad = ones(2, 3);
        using var optimizer = new SGD([tensor.AsParameter("w")], new() { LearningRate = 0.25, Momentum = 0.5 });
        optimizer.Step();
        using (no_grad())
            tensor.transpose_(0, 1);
        Refused<InvalidOperationException>(optimizer.Step, InPlace);
        using (no_grad())
            tensor.transpose_(0, 1);
        optimizer.Step();
        Same(Enumerable.Repeat(1 - 0.25f - 0.375f, 6), tensor.data<float>().ToArray());
        using (no_grad())
            tensor.set_(zeros(2, 3)); // other memory of the same shape is followed
        optimizer.Step();
        Same(Enumerable.Repeat(-0.4375f, 6), tensor.data<float>().ToArray()); // 1 + ½(1 + ½) = 1¾, by ¼
    }

    static void Rebound()
    {
        var tensor = arange(4, dtype: float32).reshape(2, 2).requires_grad_();
        tensor.grad = ones(2, 2);
        using var optimizer = new Adam([tensor.AsParameter("w")], new() { LearningRate = 0.5 });
        optimizer.Step();
        using (no_grad())
            tensor.transpose_(0, 1);
        Refused<InvalidOperationException>(optimizer.Step, "Rebind");
        optimizer.Rebind([tensor.AsParameter("w")]);
        optimizer.Step();
        Same([0 - 1f, 2 - 1f, 1 - 1f, 3 - 1f], tensor.contiguous().data<float>().ToArray().Select(x => MathF.Round(x, 4)));
    }

    static void ChangedInClosure()
    {
        foreach (bool disposes in new[] { false, true })
        {
            Tensor a = full(10, 3f).requires_grad_(), b = full(10, 3f).requires_grad_(), c = full(10, 3f).requires_grad_();
            using var optimizer = new LBFGS([a.AsParameter("a"), b.AsParameter("b"), c.AsParameter("c")]);
            int calls = 0;
            Refused<InvalidOperationException>(() => optimizer.Step(() =>
            {
                optimizer.ZeroGrad();
                var loss = a.square().sum() + b.square().sum() + c.square().sum();
                loss.backward();
                if (++calls == 2)
                {
                    using var noGrad = no_grad();
                    if (disposes)
                        b.Dispose();
                    else
                        b.set_(zeros(3));
                }
                return loss;
            }), disposes ? "was disposed" : InPlace);
            Same(Enumerable.Repeat(3f, 10), a.data<float>().ToArray());
            Same(Enumerable.Repeat(3f, 10), c.data<float>().ToArray());
        }
    }

    static void DisposedInClosure()
    {
        Tensor a = full(10, 3f).requires_grad_(), b = full(10, 3f).requires_grad_();
        a.grad = b.grad = ones(10);
        using var optimizer = new Adam([a.AsParameter("a"), b.AsParameter("b")]);
        Refused<InvalidOperationException>(() => optimizer.Step(() =>
        {
            b.Dispose();
            return 0;
        }), "'b' [10] Float32 was disposed");
        Same(Enumerable.Repeat(3f, 10), a.data<float>().ToArray());
        Refused<InvalidOperationException>(() => optimizer.ZeroGrad(), "was disposed");
        Same(true, a.grad is not null);
    }

    static void NotWritable()
    {
        foreach (var tensor in new[] { ones(1).expand(10), ones(3, 1).expand(3, 4), arange(5, dtype: float32).as_strided([3, 3], [1, 1]) })
            Refused<ArgumentException>(() => tensor.AsParameter("w"), "share their memory");
        foreach (var tensor in new[] { ones(3, 4).t(), ones(6, 4).slice(0, 0, 6, 2), ones(1, 4).expand(1, 4), ones(0, 1).expand(0, 5), ones(2, 3, 4).permute(2, 0, 1) })
        {
            var values = tensor.detach();
            var parameter = tensor.AsParameter("w");
            tensor.grad = ones(tensor.shape);
            using var optimizer = new SGD([parameter], new() { LearningRate = 1 });
            optimizer.Step();
            Same(0f, values.sum().item<float>());
        }
    }

    static void Lazy()
    {
        var complex = ones(3, dtype: complex64);
        Refused<ArgumentException>(() => complex.conj().AsParameter("w"), "resolve_conj()");
        Refused<ArgumentException>(() => ones(1, dtype: complex64).conj().imag.AsParameter("w"), "resolve_neg()");
        complex.conj().resolve_conj().AsParameter("w");
    }

    static void LazyBuffers()
    {
        var conjugated = tensor((1f, 2f), dtype: complex64).reshape(1).conj();
        var negated = tensor((1f, 2f), dtype: complex64).reshape(1).conj().imag;
        Parameter[] buffers = [new TorchParameter(conjugated, "c", isBuffer: true), new TorchParameter(negated, "n", isBuffer: true)];
        using var averages = new AveragedParameters([Ones("w", 2)], buffers: buffers);
        averages.Update();
        Same([1, -2], averages.Average("c").ToDoubles());
        Same([-2], averages.Average("n").ToDoubles());
        conjugated.add_(1);
        using (averages.SwapIn())
            Same([1f, -2f], conjugated.view_as_real_numbers());
        Same([2f, -2f], conjugated.view_as_real_numbers());
    }

    static float[] view_as_real_numbers(this Tensor tensor) => tensor.resolve_conj().view_as_real().data<float>().ToArray();

    sealed class WithBuffer : nn.Module
    {
        public WithBuffer(Tensor buffer) : base(nameof(WithBuffer))
        {
            register_parameter("weight", new TorchSharp.Modules.Parameter(ones(2)));
            register_buffer("mask", buffer);
        }
    }

    static void ExpandedBuffer()
    {
        using var model = new WithBuffer(ones(1).expand(4));
        var saved = model.StateDict();
        Same([1, 1, 1, 1], saved.GetTensor("mask").ToDoubles());
        saved["weight"] = TensorData.Of<float>([5, 5], 2);
        Refused<StateDictException>(() => model.LoadStateDict(saved), "share their memory");
        Same([1, 1], model.StateDict().GetTensor("weight").ToDoubles());
        using var averages = new AveragedModel<WithBuffer>(model);
        averages.Update();
        Refused<InvalidOperationException>(() => averages.SwapIn(), "'mask' [4] Float32 has elements that share their memory");
        Refused<InvalidOperationException>(() => averages.CopyTo(model), "share their memory");
        Same([1, 1], model.StateDict().GetTensor("weight").ToDoubles());
    }

    static void RequiresGrad()
    {
        var tensor = ones(3).requires_grad_();
        tensor.grad = ones(3);
        using var optimizer = new SGD([tensor.AsParameter("w")], new() { LearningRate = 0.5 });
        tensor.requires_grad = false;
        optimizer.Step(); // its gradient is still there
        Same([0.5f, 0.5f, 0.5f], tensor.data<float>().ToArray());
        optimizer.ZeroGrad();
        optimizer.Step();
        Same([0.5f, 0.5f, 0.5f], tensor.data<float>().ToArray());
    }

    static void SetToAnother()
    {
        Tensor a = ones(100).requires_grad_(), b = ones(100).requires_grad_();
        a.grad = ones(100);
        b.grad = ones(100);
        using var optimizer = new Adam([a.AsParameter("a"), b.AsParameter("b")], new() { LearningRate = 0.5 });
        optimizer.Step();
        using (no_grad())
            a.set_(b);
        optimizer.Step(); // twice, as the user's tensors are
        Same(true, b.data<float>()[0] < 0);
    }
}
