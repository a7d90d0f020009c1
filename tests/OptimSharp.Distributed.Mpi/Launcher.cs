using System.Diagnostics;

namespace OptimSharp.Distributed.Processes;

/// <summary>An MPI that is installed: how its jobs are started on this machine.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Command">Its launcher. Both may be installed, so the names are those that tell them apart.</param>
/// <param name="Options">More ranks than cores, nothing but this machine.</param>
/// <param name="Library">Its library, as it is loaded.</param>
/// <param name="Death">What it says when a rank was killed.</param>
sealed record Launcher(string Name, string Command, string[] Options, string Library, string Death)
{
    public static Launcher OpenMpi { get; } = new("Open MPI", "mpirun.openmpi", ["--oversubscribe", "--mca", "btl", "self,vader", "--mca", "pml", "ob1"], "libmpi.so.40", "exited on signal 9 (Killed)");

    public static Launcher Mpich { get; } = new("MPICH", "mpiexec.mpich", [], "libmpich.so.12", "BAD TERMINATION OF ONE OF YOUR APPLICATION PROCESSES");

    public static Launcher[] Both { get; } = [OpenMpi, Mpich];

    /// <summary>Runs this program as ranks of a job.</summary>
    /// <param name="ranks">How many.</param>
    /// <param name="limit">How long it may take; past that, it is killed.</param>
    /// <param name="library">The library that ranks load; null: they find it.</param>
    /// <param name="program">The rank's program and its arguments.</param>
    /// <returns>What came of it.</returns>
    public Outcome Run(int ranks, TimeSpan limit, string? library, params string[] program)
    {
        var start = new ProcessStartInfo(Command) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        foreach (var argument in (string[])[.. Options, "-n", $"{ranks}", Environment.ProcessPath!, .. Self(), "rank", .. program])
            start.ArgumentList.Add(argument);
        start.Environment["OMPI_ALLOW_RUN_AS_ROOT"] = start.Environment["OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"] = "1"; // a container's only user, often
        if (library is not null)
            start.Environment["OPTIMSHARP_MPI_LIBRARY"] = library;
        var clock = Stopwatch.StartNew();
        using var process = Process.Start(start)!;
        process.StandardInput.Close();
        var output = process.StandardOutput.ReadToEndAsync();
        var errors = process.StandardError.ReadToEndAsync();
        var inTime = process.WaitForExit(limit);
        if (!inTime)
            process.Kill(entireProcessTree: true);
        Task.WaitAll([output, errors], TimeSpan.FromSeconds(10));
        return new(inTime, inTime ? process.ExitCode : -1, clock.Elapsed, output.IsCompleted ? output.Result : "", errors.IsCompleted ? errors.Result : "");
    }

    /// <summary>dotnet's program is named by its file; a native host names it itself.</summary>
    static string[] Self() => Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet" ? [typeof(Launcher).Assembly.Location] : [];
}

/// <summary>What came of a job.</summary>
/// <param name="InTime">Whether it ended by itself.</param>
/// <param name="ExitCode">The launcher's exit code.</param>
/// <param name="Took">How long it ran.</param>
/// <param name="Output">What ranks wrote; lines of ranks may come in any order.</param>
/// <param name="Errors">What ranks and the launcher wrote as errors.</param>
sealed record Outcome(bool InTime, int ExitCode, TimeSpan Took, string Output, string Errors)
{
    public string[] Lines => Output.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);

    /// <summary>What is wrong with a job that should end well.</summary>
    public string? NotWell() => !InTime ? $"It did not end.\n{this}" : ExitCode != 0 ? $"It ended with {ExitCode}.\n{this}" : null;

    public override string ToString() => $"{Took.TotalSeconds:0.0} s, exit code {ExitCode}\n{Output}\n{Errors}";
}
