namespace OptimSharp.Engine;

/// <summary>An exception of a device's. Where a step can't be taken back any more when it comes, it is told what that means.</summary>
internal interface IDeviceFailure
{
    /// <summary>What failed before the step was whole.</summary>
    const string Halfway = "The step had begun: parameters, state or gradients may be changed in part, and the step is not counted. Go on from a checkpoint.";

    /// <summary>What failed after it.</summary>
    const string Taken = "The step was taken before, and is counted. What follows it was not all done.";

    /// <summary>The same failure, with one more sentence.</summary>
    Exception Saying(string what);
}
