using System.Runtime.InteropServices;

namespace OptimSharp.Tool;

/// <summary>Ctrl-C and SIGTERM while files are read or written: the work is left at its next report, so that what it has begun is cleared away. A second one ends the process.</summary>
sealed class Interruption : IDisposable
{
    readonly PosixSignalRegistration[] signals;
    volatile int code;

    public Interruption() => signals = [Of(PosixSignal.SIGINT, ExitCode.Interrupted), Of(PosixSignal.SIGTERM, ExitCode.Terminated)];

    /// <exception cref="InterruptedException">There was a signal.</exception>
    public void Check()
    {
        if (code != 0)
            throw new InterruptedException(code);
    }

    public void Dispose()
    {
        foreach (var signal in signals)
            signal.Dispose();
    }

    PosixSignalRegistration Of(PosixSignal signal, int exit) => PosixSignalRegistration.Create(signal, context => (context.Cancel, code) = (code == 0, exit));
}

/// <summary>The user has stopped the program.</summary>
/// <param name="code">What it ends with.</param>
sealed class InterruptedException(int code) : Exception("stopped; nothing was written")
{
    public int Code => code;
}
