namespace OptimSharp.Tool;

/// <summary>What the program ends with, as <c>diff</c> and <c>grep</c> do.</summary>
static class ExitCode
{
    /// <summary>It was done; the answer is yes.</summary>
    public const int Good = 0;

    /// <summary>It was done, and the answer is no: files differ, a file is damaged or not finite, a schedule has findings and <c>--strict</c> was given.</summary>
    public const int No = 1;

    /// <summary>It could not be done: wrong arguments, a file that is missing or can't be read or written.</summary>
    public const int Failed = 2;

    /// <summary>Stopped by Ctrl-C: as shells count, 128 and the signal's number.</summary>
    public const int Interrupted = 130;

    /// <summary>Stopped by SIGTERM.</summary>
    public const int Terminated = 143;
}
