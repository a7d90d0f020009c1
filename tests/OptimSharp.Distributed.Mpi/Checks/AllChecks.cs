namespace OptimSharp.Distributed.Processes.Checks;

/// <summary>All checks, by kind.</summary>
static class AllChecks
{
    public static IEnumerable<(string Kind, IEnumerable<(string What, Func<string?> Problem)> Checks)> Of(int kills) =>
    [
        ("operations", OperationChecks.All()),
        ("launch", LaunchChecks.All()),
        ("failures", FailureChecks.All()),
        ("training", TrainingChecks.All(kills)),
        ("kills", KillChecks.All(kills)),
    ];
}
