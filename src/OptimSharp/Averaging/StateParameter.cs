using OptimSharp.Engine;

namespace OptimSharp;

/// <summary>A host tensor as a parameter.</summary>
internal static unsafe class StateParameter
{
    /// <summary>The tensor must be kept alive for as long as the parameter is used.</summary>
    public static Parameter Over(HostTensor tensor) => tensor.Type switch
    {
        ElementType.Float32 => Parameter.Of("", (float*)tensor.Start, tensor.Shape),
        ElementType.Float64 => Parameter.Of("", (double*)tensor.Start, tensor.Shape),
        ElementType.Float16 => Parameter.Of("", (Half*)tensor.Start, tensor.Shape),
        ElementType.BFloat16 => Parameter.Of("", (BFloat16*)tensor.Start, tensor.Shape),
        ElementType.Complex64 => Parameter.Of("", (Complex64*)tensor.Start, tensor.Shape),
        ElementType.Complex128 => Parameter.Of("", (System.Numerics.Complex*)tensor.Start, tensor.Shape),
        var whole => new WholeParameter(tensor, whole),
    };

    /// <summary>Whole numbers: only to be read.</summary>
    sealed class WholeParameter(HostTensor tensor, ElementType type) : Parameter("", tensor.Shape, type)
    {
        public override bool HasGradient => false;

        internal override Backend Backend => HostBackend.Instance;

        internal override Address Locate() => tensor.Address;

        internal override bool BeginStep(GradientUse use, out HostMemory memory) => throw new NotSupportedException();

        internal override void Read<T>(T* to, bool ofGradient) => tensor.Read(to);

        internal override void Write<T>(T* from) => throw new NotSupportedException();

        internal override void TakeGradient(byte* from) => throw new NotSupportedException();

        internal override void ZeroGrad(bool setToNull)
        {
        }
    }
}
