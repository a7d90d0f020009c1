namespace OptimSharp.Distributed.Processes.Checks;

/// <summary>A process knows how it was started.</summary>
static class LaunchChecks
{
    public static IEnumerable<(string, Func<string?>)> All()
    {
        foreach (var launcher in Launcher.Both)
        {
            yield return ($"{launcher.Name} with its own library, which is found", () => Says(launcher.Run(2, TimeSpan.FromSeconds(30), null, "alone"), "rank 0: one of 2, MpiCommunicator", "rank 1: one of 2, MpiCommunicator"));
            yield return ($"{launcher.Name} with one rank: alone", () => Says(launcher.Run(1, TimeSpan.FromSeconds(30), null, "alone"), "rank 0: one of 1, LocalCommunicator"));
            var other = Launcher.Both.Single(one => one != launcher);
            yield return ($"{launcher.Name} with the library of {other.Name}: an error that names both", () => Says(launcher.Run(2, TimeSpan.FromSeconds(30), other.Library, "alone"), "started this process as rank 0 of 2", "started this process as rank 1 of 2", other.Name, other.Library));
            yield return ($"{launcher.Name} without a library: an error that says what to do", () => Says(launcher.Run(2, TimeSpan.FromSeconds(30), "libnowhere.so", "alone"), "refused: No MPI library was found (tried libnowhere.so)"));
            yield return ($"{launcher.Name} with a library that is not MPI's: an error that names it", () => Says(launcher.Run(2, TimeSpan.FromSeconds(30), "libc.so.6", "alone"), "refused: The library 'libc.so.6' is no MPI library"));
        }
        yield return ("without a launcher: alone", Without);
    }

    static string? Says(Outcome outcome, params string[] texts)
    {
        if (outcome.NotWell() is { } problem)
            return problem;
        var missing = texts.Where(text => !outcome.Output.Contains(text, StringComparison.Ordinal)).ToList();
        return missing.Count == 0 ? null : $"It does not say '{missing[0]}'.\n{outcome}";
    }

    static string? Without()
    {
        using var communicator = Communicator.Default();
        return (communicator.Rank, communicator.Size) == (0, 1) ? null : $"Rank {communicator.Rank} of {communicator.Size}.";
    }
}
