using OptimSharp.Engine;

namespace OptimSharp.Cuda.Tests;

/// <summary>Parameters in a device's memory.</summary>
/// <param name="device">The device.</param>
/// <param name="stateOnHost">Whether their state is in host memory.</param>
sealed unsafe class CudaParameterSource(CudaDevice device, bool stateOnHost = false) : IParameterSource
{
    public string Name => stateOnHost ? "CUDA, state on the host" : "CUDA";

    public GoldenParameter Create(string name, long[] shape, ElementType type, double[] values)
    {
        var golden = new CudaGolden(device, name, shape, type, values);
        if (stateOnHost)
            new[] { golden.Parameter }.WithStateOnHost();
        return golden;
    }

    sealed class CudaGolden : GoldenParameter
    {
        readonly CudaMemory values, gradient;
        readonly CudaParameter parameter;
        CudaMemory? indexMemory, rowMemory;
        bool isSparse;

        public CudaGolden(CudaDevice device, string name, long[] shape, ElementType type, double[] numbers)
        {
            (values, gradient) = (DeviceMemory.Of(device, type, numbers), device.Allocate((long)numbers.Length * type.Real().Size()));
            parameter = OptimSharp.Parameter.OnCuda(name, values.Address, type, device, shape);
        }

        public override Parameter Parameter => parameter;

        public override void SetGradient(double[]? values)
        {
            if (values is not null)
                DeviceMemory.Set(gradient, parameter.ElementType, values);
            parameter.Gradient = values is null ? 0 : gradient.Address;
            isSparse = false;
        }

        public override void SetSparseGradient(long[] indices, double[][] rows)
        {
            indexMemory?.Dispose();
            rowMemory?.Dispose();
            indexMemory = parameter.Device.Allocate(indices.Length * sizeof(long));
            indexMemory.CopyFrom<long>(indices);
            rowMemory = DeviceMemory.Of(parameter.Device, parameter.ElementType, [.. rows.SelectMany(row => row)]);
            parameter.SetSparseGradient(indexMemory.Address, rowMemory.Address, indices.Length);
            isSparse = true;
        }

        public override double[] Values() => DeviceMemory.Read(values, parameter.ElementType, (int)parameter.Numbers);

        public override double[]? Gradient() => parameter.HasGradient && !isSparse ? GradientNow() : null;

        public override double[] GradientNow()
        {
            double[] numbers = new double[parameter.Numbers];
            fixed (double* to = numbers)
                parameter.Read(to, ofGradient: true);
            return numbers;
        }

        public override void Dispose()
        {
            values.Dispose();
            gradient.Dispose();
            indexMemory?.Dispose();
            rowMemory?.Dispose();
            base.Dispose();
        }
    }
}

/// <summary>Numbers in device memory.</summary>
static unsafe class DeviceMemory
{
    public static CudaMemory Of(CudaDevice device, ElementType type, double[] numbers)
    {
        var memory = device.Allocate((long)numbers.Length * type.Real().Size());
        Set(memory, type, numbers);
        return memory;
    }

    /// <summary>Sets them, rounded once to the type.</summary>
    public static void Set(CudaMemory memory, ElementType type, double[] numbers)
    {
        byte[] stored = new byte[numbers.Length * type.Real().Size()];
        fixed (byte* to = stored)
            Store(to, type, numbers);
        memory.CopyFrom<byte>(stored);
    }

    public static double[] Read(CudaMemory memory, ElementType type, int count)
    {
        byte[] stored = new byte[count * type.Real().Size()];
        memory.CopyTo<byte>(stored);
        return Load(stored, type, count);
    }

    /// <summary>Numbers as they are stored.</summary>
    public static void Store(byte* to, ElementType type, double[] numbers)
    {
        for (int i = 0; i < numbers.Length; i++)
        {
            switch (type.Real())
            {
                case ElementType.Float64: ((double*)to)[i] = numbers[i]; break;
                case ElementType.Float16: ((Half*)to)[i] = (Half)numbers[i]; break;
                case ElementType.BFloat16: ((BFloat16*)to)[i] = (BFloat16)(float)numbers[i]; break;
                default: ((float*)to)[i] = (float)numbers[i]; break;
            }
        }
    }

    /// <summary>Numbers as they were stored.</summary>
    public static double[] Load(byte[] stored, ElementType type, int count)
    {
        double[] numbers = new double[count];
        fixed (byte* from = stored)
        fixed (double* to = numbers)
            Storage.Load(from, type.Real(), to, count);
        return numbers;
    }
}
