using OptimSharp.Engine;

namespace OptimSharp.Cuda;

/// <summary>State that is in a device's memory, row by row, whosever memory that is.</summary>
internal interface IDeviceState
{
    /// <summary>Where it begins.</summary>
    nint Address { get; }

    /// <summary>What its elements are.</summary>
    ElementType Type { get; }

    /// <summary>Whether it is on the same device as a parameter.</summary>
    bool IsBeside(Parameter parameter);
}

/// <summary>State in a device's memory.</summary>
internal sealed unsafe class CudaState(CudaDevice device, ReadOnlySpan<long> shape, ElementType type) : StateTensor(shape, type), IDeviceState
{
    readonly CudaMemory memory = new(device, CountOfBytes(shape, type));

    public nint Address => memory.Address;

    public bool IsBeside(Parameter parameter) => parameter is CudaParameter there && there.Device == device;

    public override void Fill(double value)
    {
        byte[] numbers = new byte[checked((int)Math.Min(Bytes, Staging.Piece))];
        fixed (byte* host = numbers)
        {
            int size = Type.Real().Size();
            for (int i = 0; i < numbers.Length; i += size)
                Storage.Save(&value, host + i, Type.Real(), 1);
            for (long at = 0; at < Bytes; at += numbers.Length)
                CudaMemory.Copy(device, memory.Address + (nint)at, host, Math.Min(numbers.Length, Bytes - at));
        }
    }

    public override void CopyTo(Span<double> destination)
    {
        fixed (double* to = destination)
            Read(to);
    }

    public override void CopyFrom(ReadOnlySpan<double> source)
    {
        fixed (double* from = source)
            Write(from);
    }

    public override void Read<T>(T* to) => Staging.Read(device, memory.Address, Type.Real(), to, Numbers);

    public override void Write<T>(T* from) => Staging.Write(device, from, memory.Address, Type.Real(), Numbers);

    public override void Dispose() => memory.Dispose();

    static long CountOfBytes(ReadOnlySpan<long> shape, ElementType type)
    {
        long bytes = type.Size();
        foreach (long size in shape)
            bytes = checked(bytes * size);
        return bytes;
    }
}
