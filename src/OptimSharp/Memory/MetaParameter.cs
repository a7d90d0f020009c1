using OptimSharp.Engine;

namespace OptimSharp;

/// <summary>A parameter without memory. Made by <see cref="Parameter.Meta"/>.</summary>
internal sealed class MetaParameter : Parameter
{
    public MetaParameter(string name, ReadOnlySpan<long> shape, ElementType type) : base(name, shape, type)
    {
        if (!type.IsTrainable())
            throw new ArgumentException($"Parameter '{name}' would have elements of type {type}; optimizers change Float32, Float64, Float16, BFloat16, Complex64 and Complex128.", nameof(type));
    }

    public override bool HasGradient => false;

    public override bool IsMeta => true;

    internal override Backend Backend => MetaBackend.Instance;

    internal override Address Locate() => throw Refused(this);

    internal override bool BeginStep(GradientUse use, out HostMemory memory) => throw Refused(this, "Step");

    internal override unsafe void Read<T>(T* to, bool ofGradient) => throw Refused(this);

    internal override unsafe void Write<T>(T* from) => throw Refused(this);

    internal override unsafe void TakeGradient(byte* from) => throw Refused(this);

    internal override void ZeroGrad(bool setToNull)
    {
    }

    public static InvalidOperationException Refused(Parameter parameter, string? call = null) =>
        new($"Parameter {parameter} is meta: it has a shape and no memory, for {nameof(MemoryReport)} to plan with{(call is null ? "" : $", so {call} can't be called")}. Put one with numbers in its place (Rebind), or make the optimizer of such.");
}
