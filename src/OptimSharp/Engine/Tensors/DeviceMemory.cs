namespace OptimSharp.Engine;

/// <summary>Numbers that lie on a device, one behind the other. <see cref="Rules.Matrices{T}"/> over it know where in it they begin.</summary>
internal abstract unsafe class DeviceMemory
{
    /// <summary>
    /// A copy in host memory, for code that wants a <see cref="Span{T}"/>. What is written to it is in the device's memory, and the other way round, from operation to operation until the
    /// update ends. Each costs a copy.
    /// </summary>
    public abstract void* OnHost();
}
