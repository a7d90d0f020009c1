namespace OptimSharp.Distributed.Processes.Checks;

/// <summary>Operations of drawn kinds and sizes move the right bytes, and those that threads move.</summary>
static class OperationChecks
{
    static readonly Dictionary<(int Seed, int Ranks), string[]> threads = [];

    public static IEnumerable<(string, Func<string?>)> All() =>
        from launcher in Launcher.Both
        from ranks in (int[])[1, 2, 4]
        from pieces in (bool[])[false, true]
        where !pieces || ranks == 2
        select ($"{ranks} ranks of {launcher.Name}{(pieces ? ", blocks in pieces" : "")}: every byte is right, and hashes and counts are those of threads", (Func<string?>)(() => Operations(launcher, ranks, pieces)));

    static string? Operations(Launcher launcher, int ranks, bool pieces)
    {
        var seed = 100 + ranks;
        var outcome = launcher.Run(ranks, TimeSpan.FromMinutes(2), null, pieces ? ["operations", $"{seed}", "pieces"] : ["operations", $"{seed}"]);
        if (outcome.NotWell() is { } problem)
            return problem;
        if (!threads.TryGetValue((seed, ranks), out var right))
            threads[(seed, ranks)] = right = LocalRanks.Run(ranks, communicator => Ranks.Operations.Hash(communicator, seed));
        for (var rank = 0; rank < ranks; rank++)
            if (!outcome.Lines.Any(line => line.Contains($"rank {rank}: {launcher.Name}", StringComparison.Ordinal) && line.EndsWith(right[rank], StringComparison.Ordinal)))
                return $"Rank {rank} should have {right[rank]}.\n{outcome}";
        return null;
    }
}
