namespace OptimSharp.Tests.Support;

/// <summary>
/// Tests that change or measure what is common to the whole process: threads, lanes, allocations, events of all optimizers.
/// They run when no other test does.
/// </summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class Alone
{
    public const string Name = "Alone";
}
