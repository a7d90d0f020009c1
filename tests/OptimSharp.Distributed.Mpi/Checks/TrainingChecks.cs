using OptimSharp.Distributed.Processes.Ranks;

namespace OptimSharp.Distributed.Processes.Checks;

/// <summary>Ranks do not show in the bits of a training, nor does it that one was killed.</summary>
static class TrainingChecks
{
    const int Steps = 30;

    static readonly Lazy<string[]> alone = new(() => LocalRanks.Run(1, communicator => Training.Hashes(communicator).ToArray())[0]);
    static readonly Lazy<string> goneThrough = new(() => LocalRanks.Run(1, communicator => Training.GoOn(communicator, null, Steps))[0]);

    public static IEnumerable<(string, Func<string?>)> All(int kills)
    {
        foreach (var launcher in Launcher.Both)
        {
            foreach (var ranks in (int[])[1, 2, 4])
                yield return ($"{ranks} ranks of {launcher.Name}: every optimizer, whole and sharded, has the bits of one process", () => SameBits(launcher, ranks));
            yield return ($"{launcher.Name}: of {kills} trainings that lose a rank nothing is lost, and each ends on another number of ranks with the bits of one that was not killed", () => Killed(launcher, kills));
        }
    }

    static string? SameBits(Launcher launcher, int ranks)
    {
        var outcome = launcher.Run(ranks, TimeSpan.FromMinutes(3), null, "train");
        if (outcome.NotWell() is { } problem)
            return problem;
        for (var rank = 0; rank < ranks; rank++)
            foreach (var line in alone.Value)
                if (!outcome.Lines.Any(said => said.EndsWith($"rank {rank}: {line}", StringComparison.Ordinal)))
                    return $"Rank {rank} should have {line}.\n{outcome}";
        return alone.Value.Length < 40 ? $"There are {alone.Value.Length} trainings only." : null;
    }

    static string? Killed(Launcher launcher, int kills)
    {
        var random = new Random(5);
        for (var job = 0; job < kills; job++)
        {
            var folder = Directory.CreateTempSubdirectory("optimsharp-ranks-");
            try
            {
                int ranks = random.Next(2, 5), others = random.Next(1, 4), killed = random.Next(ranks), milliseconds = random.Next(700);
                var which = $"Job {job}, rank {killed} of {ranks} killed after {milliseconds} ms:";
                var outcome = launcher.Run(ranks, TimeSpan.FromSeconds(30), null, "train-on", folder.FullName, $"{Steps}", $"{killed}", $"{milliseconds}");
                if (!outcome.InTime)
                    return $"{which} the job did not end.\n{outcome}";
                var last = folder.EnumerateFiles().Select(file => file.Name).Order().LastOrDefault();
                outcome = launcher.Run(others, TimeSpan.FromSeconds(30), null, "train-on", folder.FullName, $"{Steps}");
                if (outcome.NotWell() is { } problem)
                    return $"{which} it does not go on. {problem}";
                if (last is not null && outcome.Output.Contains("begins with step 0\n", StringComparison.Ordinal))
                    return $"{which} {last} was there, but it began anew.";
                if (!outcome.Output.Contains($"rank 0: {goneThrough.Value}", StringComparison.Ordinal))
                    return $"{which} it should have ended with {goneThrough.Value}.\n{outcome}";
            }
            finally
            {
                folder.Delete(true);
            }
        }
        return null;
    }
}
