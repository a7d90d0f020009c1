namespace OptimSharp.Engine;

/// <summary>Work of many parameters that a backend does at once, as one launch on a device. A <see cref="StepPlan"/> keeps it from step to step.</summary>
internal interface ICollectedWork : IDisposable
{
    /// <summary>Takes all memory that the work needs, and changes nothing: before anything of the step is changed, also gradients.</summary>
    void Reserve()
    {
    }

    /// <summary>Does what has to come before any work of the step, also other's, but after gradients were changed.</summary>
    void Prepare()
    {
    }

    /// <summary>Does what was collected in this step.</summary>
    /// <param name="hasBegun">Becomes true when parameters or state are about to change: what fails from then on leaves the step half done.</param>
    void Run(ref bool hasBegun);

    /// <summary>Forgets what was collected, done or not. Buffers stay for the next step.</summary>
    void Clear();
}
