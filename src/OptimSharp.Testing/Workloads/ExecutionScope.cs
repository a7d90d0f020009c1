namespace OptimSharp.Testing;

/// <summary>Changes <see cref="Execution"/> until it is disposed. One scope at a time: another thread's waits.</summary>
internal sealed class ExecutionScope : IDisposable
{
    static readonly Lock Gate = new();

    readonly int threads;
    readonly bool wide;

    public ExecutionScope(int? threads = null, bool? wide = null)
    {
        Gate.Enter();
        (this.threads, this.wide) = (Execution.ThreadCount, Execution.UsesWideLanes);
        Execution.ThreadCount = threads ?? this.threads;
        Execution.UsesWideLanes = wide ?? this.wide;
    }

    public void Dispose()
    {
        (Execution.ThreadCount, Execution.UsesWideLanes) = (threads, wide);
        Gate.Exit();
    }
}
