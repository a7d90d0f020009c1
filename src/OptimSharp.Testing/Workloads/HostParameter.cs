namespace OptimSharp.Testing;

/// <summary>A host parameter whose values and gradient a test writes and reads.</summary>
internal abstract class HostParameter<T> : IDisposable where T : unmanaged
{
    public abstract Parameter<T> Parameter { get; }

    public abstract Span<T> Values { get; }

    /// <summary>The memory of a dense gradient.</summary>
    public abstract Span<T> Gradient { get; }

    /// <summary>Gives the parameter its gradient.</summary>
    public abstract Span<T> UseGradient();

    public virtual void Dispose() => GC.SuppressFinalize(this);
}

sealed class FromMemory<T>(string name, long[] shape, Memory<T> values, Memory<T> gradient) : HostParameter<T> where T : unmanaged
{
    public override Parameter<T> Parameter { get; } = OptimSharp.Parameter.Of(name, values, shape);

    public override Span<T> Values => values.Span;

    public override Span<T> Gradient => gradient.Span;

    public override Span<T> UseGradient()
    {
        Parameter.Gradient = gradient;
        return gradient.Span;
    }
}

/// <summary>A parameter in native memory, which the caller owns.</summary>
internal unsafe class FromPointers<T>(string name, long[] shape, int count, T* values, T* gradient) : HostParameter<T> where T : unmanaged
{
    public override Parameter<T> Parameter { get; } = OptimSharp.Parameter.Of(name, values, shape);

    public override Span<T> Values => new(values, count);

    protected T* ValuesAt => values;

    protected T* GradientAt => gradient;

    public override Span<T> Gradient => new(gradient, count);

    public override Span<T> UseGradient()
    {
        Parameter.SetGradient(gradient);
        return Gradient;
    }
}
