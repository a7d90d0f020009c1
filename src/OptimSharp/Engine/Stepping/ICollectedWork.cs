namespace OptimSharp.Engine;

/// <summary>Work of many parameters that a backend does at once, as one launch on a device. A <see cref="StepPlan"/> keeps it from step to step.</summary>
internal interface ICollectedWork : IDisposable
{
    /// <summary>Does what has to come before any work of the step, also other's.</summary>
    void Prepare()
    {
    }

    /// <summary>Does what was collected in this step.</summary>
    void Run();

    /// <summary>Forgets what was collected, done or not. Buffers stay for the next step.</summary>
    void Clear();
}
