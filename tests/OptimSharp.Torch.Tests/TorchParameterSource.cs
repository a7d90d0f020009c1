using OptimSharp.Cuda;
using TorchSharp;

namespace OptimSharp.Torch.Tests;

/// <summary>Parameters over TorchSharp tensors on the CPU: through their pointers, or by the torch backend, whose kernels a device may have that shares the host's memory.</summary>
sealed class TorchParameterSource(bool byPointer, CudaDevice? kernels = null) : IParameterSource
{
    public string Name => byPointer ? "TorchSharp, by pointer" : kernels is null ? "TorchSharp, torch backend" : "TorchSharp, kernels";

    public GoldenParameter Create(string name, long[] shape, ElementType type, double[] values) =>
        new TorchGolden(name, shape, ScalarTypeOf(type), values, byPointer, kernels);

    static torch.ScalarType ScalarTypeOf(ElementType type) => type switch
    {
        ElementType.Float32 => torch.ScalarType.Float32,
        ElementType.Float64 => torch.ScalarType.Float64,
        ElementType.Float16 => torch.ScalarType.Float16,
        ElementType.BFloat16 => torch.ScalarType.BFloat16,
        ElementType.Complex64 => torch.ScalarType.ComplexFloat32,
        ElementType.Complex128 => torch.ScalarType.ComplexFloat64,
        _ => throw new NotSupportedException($"TorchSharp parameters of {type} are not supported."),
    };

    sealed class TorchGolden : GoldenParameter
    {
        readonly torch.Tensor tensor;
        readonly TorchParameter parameter;
        readonly long[] shape;

        public TorchGolden(string name, long[] shape, torch.ScalarType type, double[] values, bool byPointer, CudaDevice? kernels)
        {
            this.shape = shape;
            tensor = ToTensor(values, type, shape).requires_grad_(true);
            parameter = new TorchParameter(tensor, name, byPointer, kernels: kernels);
        }

        public override Parameter Parameter => parameter;

        public override void SetGradient(double[]? values)
        {
            parameter.ZeroGrad(setToNull: true);
            if (values is not null)
            {
                using var gradient = ToTensor(values, tensor.dtype, shape);
                tensor.grad = gradient;
            }
        }

        public override void SetSparseGradient(long[] indices, double[][] rows)
        {
            using var scope = torch.NewDisposeScope();
            var values = ToTensor([.. rows.SelectMany(row => row)], tensor.dtype, [indices.Length, .. shape[1..]]);
            tensor.grad = torch.sparse_coo_tensor(torch.tensor(indices).reshape(1, indices.Length), values, shape);
        }

        public override double[] Values() => FromTensor(tensor);

        public override double[]? Gradient()
        {
            using var gradient = tensor.grad;
            return gradient is null || gradient.is_sparse ? null : FromTensor(gradient);
        }

        public override unsafe double[] GradientNow()
        {
            var numbers = new double[parameter.Numbers];
            fixed (double* to = numbers)
                parameter.Read(to, ofGradient: true);
            return numbers;
        }

        public override void Dispose()
        {
            tensor.Dispose();
            base.Dispose();
        }

        static torch.Tensor ToTensor(double[] values, torch.ScalarType type, long[] shape)
        {
            using var scope = torch.NewDisposeScope();
            // Cloned: an array's memory may begin anywhere. libtorch's complex kernels need more than that, and the bits of MKL's products depend on it.
            var reals = torch.tensor(values, dtype: torch.float64).clone();
            return (torch.is_complex(type) ? reals.reshape([.. shape, 2]).view_as_complex() : reals.reshape(shape)).to_type(type).MoveToOuterDisposeScope();
        }

        static double[] FromTensor(torch.Tensor tensor)
        {
            if (tensor.numel() == 0)
                return [];
            using var scope = torch.NewDisposeScope();
            return TorchBackend.Reals(tensor.detach()).to_type(torch.float64).contiguous().data<double>().ToArray();
        }
    }
}
