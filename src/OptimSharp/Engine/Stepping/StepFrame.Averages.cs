namespace OptimSharp.Engine;

// Averages that are updated with the parameters' rules.
internal sealed partial class StepFrame
{
    /// <summary>The average in host memory to be updated with a parameter's rule, if any.</summary>
    public HostTensor? TakeAverage(Parameter parameter) => average is not null ? Averages!.TakeOnHost(parameter) : null;

    /// <summary>The average of a parameter, which may be taken by <see cref="MarkAveraged"/>; null: there is none, or a function of the user's averages.</summary>
    public StateTensor? AverageOf(Parameter parameter) => average is not null ? Averages!.Find(parameter) : null;

    /// <summary>Takes a parameter's average, to be updated with its rule.</summary>
    /// <returns>How the parameter enters.</returns>
    public AverageStep MarkAveraged(Parameter parameter)
    {
        Averages!.MarkDone(parameter);
        return average!.Value;
    }
}
