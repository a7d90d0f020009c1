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

/// <summary>Changes <see cref="Execution"/> for a scope.</summary>
sealed class ExecutionScope : IDisposable
{
    readonly int threads = Execution.ThreadCount;
    readonly bool wide = Execution.UsesWideLanes;

    public ExecutionScope(int? threads = null, bool? wide = null)
    {
        Execution.ThreadCount = threads ?? this.threads;
        Execution.UsesWideLanes = wide ?? this.wide;
    }

    public void Dispose()
    {
        Execution.ThreadCount = threads;
        Execution.UsesWideLanes = wide;
    }
}
