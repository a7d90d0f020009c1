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

    static string? SameBits(Launcher launcher, int ranks) => In(folder =>
    {
        var outcome = launcher.Run(ranks, TimeSpan.FromMinutes(3), null, "train", folder.FullName);
        if (outcome.NotWell() is { } problem)
            return problem;
        for (var rank = 0; rank < ranks; rank++)
        {
            var lines = File.ReadAllLines(Path.Combine(folder.FullName, $"{rank}"));
            foreach (var (right, line) in alone.Value.Zip(lines))
                if (line != right)
                    return $"Rank {rank} has {line}\nwhere one has {right}";
            if (lines.Length != alone.Value.Length)
                return $"Rank {rank} has {lines.Length} trainings.";
        }
        return alone.Value.Length < 40 ? $"There are {alone.Value.Length} trainings only." : null;
    });

    static string? Killed(Launcher launcher, int kills)
    {
        var random = new Random(5);
        for (var job = 0; job < kills; job++)
            if (In(folder => Killed(launcher, folder, random)) is { } problem)
                return $"Job {job}: {problem}";
        return null;
    }

    static string? Killed(Launcher launcher, DirectoryInfo folder, Random random)
    {
        int ranks = random.Next(2, 5), others = random.Next(1, 4), killed = random.Next(ranks), step = random.Next(Steps - 10), milliseconds = random.Next(10);
        var which = $"rank {killed} of {ranks} killed {milliseconds} ms after the beginning of step {step}:";
        var outcome = launcher.Run(ranks, TimeSpan.FromSeconds(60), null, "train-on", folder.FullName, "1000000", $"{killed}", $"{step}", $"{milliseconds}");
        if (!outcome.InTime || outcome.ExitCode == 0)
            return $"{which} the job did not end with an error.\n{outcome}";
        outcome = launcher.Run(others, TimeSpan.FromSeconds(60), null, "train-on", folder.FullName, $"{Steps}");
        if (outcome.NotWell() is { } problem)
            return $"{which} it does not go on. {problem}";
        // The first rank may still write the last step when another has begun the next.
        var begins = outcome.Lines.Select(line => line.Split("begins with step ")).Where(parts => parts.Length == 2).Select(parts => int.Parse(parts[1])).Single();
        if (begins < step - 1)
            return $"{which} it goes on with step {begins}.";
        return begins > Steps || outcome.Output.Contains($"rank 0: {goneThrough.Value}", StringComparison.Ordinal) ? null : $"{which} it should have ended with {goneThrough.Value}.\n{outcome}";
    }

    static string? In(Func<DirectoryInfo, string?> check)
    {
        var folder = Directory.CreateTempSubdirectory("optimsharp-ranks-");
        try
        {
            return check(folder);
        }
        finally
        {
            folder.Delete(true);
        }
    }
}
