namespace OptimSharp.Engine;

/// <summary>An exception of a device's. Where a step can't be taken back any more when it comes, it is told what that means.</summary>
internal interface IDeviceFailure
{
    /// <summary>The same failure, with one more sentence.</summary>
    Exception Saying(string what);
}
