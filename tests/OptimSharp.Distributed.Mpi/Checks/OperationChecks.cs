using System.Diagnostics;

namespace OptimSharp.Distributed.Processes.Checks;

/// <summary>Operations of drawn kinds and sizes move the right bytes, and those that threads move.</summary>
static class OperationChecks
{
    static readonly Dictionary<(int Seed, int Ranks), string[]> threads = [];

    public static IEnumerable<(string, Func<string?>)> All()
    {
        const string Right = "every byte is right, and hashes and counts are those of threads";
        foreach (var launcher in Launcher.Both)
        {
            foreach (var ranks in (int[])[1, 2, 4])
                yield return ($"{ranks} ranks of {launcher.Name}: {Right}", () => Operations(launcher, ranks, null, launcher.Name));
            yield return ($"2 ranks of {launcher.Name}, blocks in pieces: {Right}", () => Operations(launcher, 2, null, launcher.Name, "pieces"));
        }
        yield return ($"2 ranks with the interface of MPI 5: {Right}", Standard);
    }

    static string? Operations(Launcher launcher, int ranks, string? library, string name, params string[] how)
    {
        var seed = 100 + ranks;
        var outcome = launcher.Run(ranks, TimeSpan.FromMinutes(2), library, ["operations", $"{seed}", .. how]);
        if (outcome.NotWell() is { } problem)
            return problem;
        if (!threads.TryGetValue((seed, ranks), out var right))
            threads[(seed, ranks)] = right = LocalRanks.Run(ranks, communicator => Ranks.Operations.Hash(communicator, seed));
        for (var rank = 0; rank < ranks; rank++)
            if (!outcome.Lines.Any(line => line.Contains($"rank {rank}: {name}", StringComparison.Ordinal) && line.EndsWith(right[rank], StringComparison.Ordinal)))
                return $"Rank {rank} should have {right[rank]}.\n{outcome}";
        return null;
    }

    /// <summary>With a layer over MPICH that knows the standard's handles only.</summary>
    static string? Standard()
    {
        var folder = Directory.CreateTempSubdirectory("optimsharp-ranks-");
        try
        {
            var library = Path.Combine(folder.FullName, "libmpi_abi.so");
            using var compiler = Process.Start("cc", ["-O1", "-shared", "-fPIC", "-o", library, Path.Combine(AppContext.BaseDirectory, "mpi_abi.c"), "-ldl"]);
            compiler.WaitForExit();
            return compiler.ExitCode == 0 ? Operations(Launcher.Mpich, 2, library, "MPI 5's interface over MPICH") : $"The compiler ended with {compiler.ExitCode}.";
        }
        finally
        {
            folder.Delete(true);
        }
    }
}
