namespace OptimSharp.Distributed.Processes.Checks;

/// <summary>A rank is killed at a drawn time: the job ends at once, and what is left of it says so.</summary>
static class KillChecks
{
    public static IEnumerable<(string, Func<string?>)> All(int kills) =>
        from launcher in Launcher.Both
        select ($"{launcher.Name}: {kills} jobs that lose a rank end soon and say so", (Func<string?>)(() => Kills(launcher, kills)));

    static string? Kills(Launcher launcher, int kills)
    {
        var random = new Random(17);
        for (var job = 0; job < kills; job++)
        {
            int ranks = random.Next(2, 5), killed = random.Next(ranks), milliseconds = random.Next(400);
            var outcome = launcher.Run(ranks, TimeSpan.FromSeconds(20), null, "killed", $"{killed}", $"{milliseconds}");
            var which = $"Job {job}, rank {killed} of {ranks} killed after {milliseconds} ms:";
            if (!outcome.InTime || outcome.ExitCode == 0)
                return $"{which} it did not end with an error.\n{outcome}";
            if (!(outcome.Output + outcome.Errors).Contains(launcher.Death, StringComparison.Ordinal))
                return $"{which} nobody says that.\n{outcome}";
        }
        return null;
    }
}
