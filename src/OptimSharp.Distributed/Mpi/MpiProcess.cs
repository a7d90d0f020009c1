namespace OptimSharp.Distributed.Mpi;

/// <summary>How this process was started.</summary>
static class MpiProcess
{
    /// <summary>The communicator of the job that this process belongs to; null: it was started alone, or as the only rank.</summary>
    public static Communicator? Communicator() => MpiLaunch.OfThisProcess() is { Size: > 1 } ? new MpiCommunicator() : null;
}
