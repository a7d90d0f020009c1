using OptimSharp.Torch;
using static TorchSharp.torch;

namespace OptimSharp.Benchmarks;

/// <summary>Parameters of given shapes, with gradients.</summary>
public abstract class Workload : IDisposable
{
    /// <summary>What is stepped.</summary>
    public abstract IReadOnlyList<Parameter> Parameters { get; }

    /// <summary>Sets every gradient to its parameter's value: that of ½‖x‖².</summary>
    public abstract void SetGradientsToValues();

    public virtual void Dispose() => GC.SuppressFinalize(this);

    public static Workload Of(long[][] shapes, ScalarType type, bool onHost) => !onHost ? new TensorWorkload(Tensors.Make(shapes, type))
        : type == ScalarType.BFloat16 ? new MemoryWorkload<BFloat16>(shapes, x => (BFloat16)x) : new MemoryWorkload<float>(shapes, x => x);
}

/// <summary>TorchSharp's tensors.</summary>
sealed class TensorWorkload(Tensor[] tensors) : Workload
{
    public override IReadOnlyList<Parameter> Parameters { get; } = TorchExtensions.AsParameters(tensors);

    public override void SetGradientsToValues()
    {
        using var noGrad = no_grad();
        using var scope = NewDisposeScope();
        foreach (var tensor in tensors)
            tensor.grad!.copy_(tensor);
    }

    public override void Dispose()
    {
        Tensors.Dispose(tensors);
        base.Dispose();
    }
}

/// <summary>Arrays.</summary>
sealed class MemoryWorkload<T>(long[][] shapes, Func<float, T> round) : Workload where T : unmanaged
{
    readonly Parameter<T>[] parameters = Make(shapes, round);

    public override IReadOnlyList<Parameter> Parameters => parameters;

    public override void SetGradientsToValues()
    {
        foreach (var parameter in parameters)
            parameter.Values.Span.CopyTo(parameter.UseGradient());
    }

    static Parameter<T>[] Make(long[][] shapes, Func<float, T> round)
    {
        var random = new Random(1);
        return [.. shapes.Select(shape =>
        {
            T[] Draw(float size)
            {
                var numbers = new T[shape.Aggregate(1L, (a, b) => a * b)];
                foreach (ref var number in numbers.AsSpan())
                    number = round((random.NextSingle() - 0.5f) * size);
                return numbers;
            }
            var parameter = Parameter.Of("", Draw(0.04f), shape);
            parameter.Gradient = Draw(0.02f);
            return parameter;
        })];
    }
}
