using OptimSharp.Engine;

namespace OptimSharp.Cuda;

/// <summary>The CUDA driver refused something, or is not there.</summary>
/// <remarks>
/// After some errors a device is lost to the whole process, as one of a kernel that wrote where it may not: then every later call fails, too. What was in its memory is lost.
/// A step that fails before anything of it was begun has changed nothing, as when there was too little memory. One that fails later says so in its message.
/// </remarks>
public sealed class CudaException : Exception, IDeviceFailure
{
    /// <summary>An error without a message.</summary>
    public CudaException()
    {
    }

    /// <summary>An error.</summary>
    /// <param name="message">What went wrong.</param>
    public CudaException(string message) : base(message)
    {
    }

    /// <summary>An error that has a cause.</summary>
    /// <param name="message">What went wrong.</param>
    /// <param name="innerException">The cause.</param>
    public CudaException(string message, Exception innerException) : base(message, innerException)
    {
    }

    internal CudaException(string message, int result, Exception? innerException = null) : base(message, innerException) => Result = result;

    /// <summary>The driver's number for the error (<c>CUresult</c>): 2 for too little memory. 0 where the driver gave none.</summary>
    public int Result { get; }

    Exception IDeviceFailure.Saying(string what) => new CudaException($"{Message} {what}", Result, this);
}
