using System.Diagnostics.CodeAnalysis;
using System.Runtime.InteropServices;
using OptimSharp.Engine;

namespace OptimSharp.Cuda;

/// <summary>A dense gradient in a device's memory.</summary>
internal readonly record struct GradientPlace(nint Address, ElementType Type, long Numbers)
{
    /// <summary>The gradient in a parameter's place.</summary>
    public Places At => new() { Count = Numbers, Param = Address };
}

/// <summary>What is done to gradients on a device apart from rules: they are measured, for a norm, and changed.</summary>
[SuppressMessage("Design", "CA1001", Justification = "It lives as long as its device, which is as long as the process.")]
internal sealed unsafe class CudaGradients(CudaDevice device)
{
    readonly Lock gate = new();
    readonly CudaLaunches launches = new(device);
    MeasuredTensor?[] tensors = []; // that are measured; null: on the host

    /// <summary>What gradients gather to, each as it is after a change.</summary>
    public void Gather(ReadOnlySpan<GradientPlace> gradients, NormOrder order, in GradientChange change, Span<double> gathered)
    {
        Gathering? gathering = order.P switch { 2 => Gathering.SumOfSquares, 1 => Gathering.SumOfSizes, double.PositiveInfinity => Gathering.Largest, _ => null };
        lock (gate)
        {
            try
            {
                if (tensors.Length < gradients.Length)
                    tensors = new MeasuredTensor?[gradients.Length];
                bool any = false;
                for (int i = 0; i < gradients.Length; i++)
                {
                    var gradient = gradients[i];
                    var type = gradient.Type.Real();
                    tensors[i] = null;
                    if (gathering is not { } how || gradient.Type.IsComplex() && order.P != 2)
                        continue;
                    any = true;
                    tensors[i] = type == ElementType.Float64
                        ? launches.AddMeasured<GradientChangeRule<double>, double>(new(change), gradient.At, new(type), how, GradientChunk.Size)
                        : launches.AddMeasured<GradientChangeRule<float>, float>(new(change), gradient.At, new(type), how, GradientChunk.Size);
                }
                if (any)
                    launches.Measure();
                for (int i = 0; i < gradients.Length; i++)
                    gathered[i] = tensors[i] is { } tensor ? tensor.Gathered(order) : GatherOnHost(gradients[i], order, change);
            }
            finally
            {
                launches.Clear();
            }
        }
    }

    /// <summary>Takes the memory that a change of these gradients needs. It stays.</summary>
    public void Reserve(ReadOnlySpan<GradientPlace> gradients, in GradientChange change) => Change(gradients, change, runs: false);

    /// <summary>Changes gradients in place. No two are one.</summary>
    public void Change(ReadOnlySpan<GradientPlace> gradients, in GradientChange change) => Change(gradients, change, runs: true);

    void Change(ReadOnlySpan<GradientPlace> gradients, in GradientChange change, bool runs)
    {
        lock (gate)
        {
            try
            {
                foreach (var gradient in gradients)
                {
                    var type = gradient.Type.Real();
                    if (type == ElementType.Float64)
                        launches.Add<GradientChangeRule<double>, double>(new(change), gradient.At, new(type));
                    else
                        launches.Add<GradientChangeRule<float>, float>(new(change), gradient.At, new(type));
                }
                bool hasBegun = false;
                if (runs)
                    launches.Run(ref hasBegun);
                else
                    launches.Reserve();
            }
            finally
            {
                launches.Clear();
            }
        }
    }

    /// <summary>What there is no kernel for: norms of other orders.</summary>
    double GatherOnHost(in GradientPlace gradient, NormOrder order, in GradientChange change)
    {
        long bytes = gradient.Numbers * gradient.Type.Real().Size();
        void* host = NativeMemory.Alloc((nuint)Math.Max(bytes, 1));
        try
        {
            CudaMemory.Copy(device, host, gradient.Address, bytes);
            return GradientChunk.GatherAll((byte*)host, gradient.Type, (nint)gradient.Numbers, order, change);
        }
        finally
        {
            NativeMemory.Free(host);
        }
    }
}
