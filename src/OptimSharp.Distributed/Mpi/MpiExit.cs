using System.Runtime.InteropServices;

namespace OptimSharp.Distributed.Mpi;

/// <summary>Sees to it that a process that ends without disposing its communicator leaves no other waiting.</summary>
sealed class MpiExit
{
    /// <summary>How long the others have to say that ranks have given up, before the first of them that exits ends the job.</summary>
    static readonly TimeSpan lastWords = TimeSpan.FromSeconds(1);

    readonly MpiCommunicator communicator;
    readonly MpiJob job;
    readonly PosixSignalRegistration signal;
    volatile bool terminated;

    public MpiExit(MpiCommunicator communicator, MpiJob job)
    {
        (this.communicator, this.job) = (communicator, job);
        AppDomain.CurrentDomain.UnhandledException += Fail;
        AppDomain.CurrentDomain.ProcessExit += Leave;
        signal = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Terminate);
    }

    /// <summary>MPI has ended in order: there is nothing left to see to.</summary>
    public void Forget()
    {
        AppDomain.CurrentDomain.UnhandledException -= Fail;
        AppDomain.CurrentDomain.ProcessExit -= Leave;
        signal.Dispose();
    }

    /// <summary>The runtime would write the exception, but the launcher kills at once.</summary>
    void Fail(object? sender, UnhandledExceptionEventArgs e)
    {
        Write($"{e.ExceptionObject}");
        if (communicator.IsBroken)
            Thread.Sleep(lastWords);
        job.Abort(1);
    }

    /// <summary>The launcher ends all ranks when one has died: each says where it was.</summary>
    void Terminate(PosixSignalContext context)
    {
        terminated = true;
        Write($"ended by the launcher{(communicator.Waiting is { } where ? $" while it waited in {where}" : "")}: another rank has failed, or somebody stopped the job.");
    }

    void Leave(object? sender, EventArgs e)
    {
        if (terminated)
            return;
        communicator.Dispose();
        if (!communicator.IsBroken)
            return;
        Thread.Sleep(lastWords);
        job.Abort(Environment.ExitCode == 0 ? 1 : Environment.ExitCode);
    }

    void Write(string text)
    {
        Console.Error.WriteLine($"Rank {job.Rank}: {text}");
        Console.Error.Flush();
    }
}
