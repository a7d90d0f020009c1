namespace OptimSharp.Distributed;

/// <summary>Ranks that are threads of this process: for tests, and for programs that run alone.</summary>
public static class LocalRanks
{
    /// <summary>Makes the communicators of a new group, one for each thread that is to be a rank.</summary>
    /// <param name="size">How many ranks; at least 1.</param>
    /// <returns>Rank r's is at index r.</returns>
    /// <exception cref="ArgumentOutOfRangeException">No rank.</exception>
    public static IReadOnlyList<Communicator> Create(int size)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(size, 1);
        var group = new LocalGroup(size);
        return [.. Enumerable.Range(0, size).Select(rank => new LocalCommunicator(group, rank))];
    }

    /// <summary>Runs a program on a new group of ranks, each a thread of its own, and waits for all.</summary>
    /// <param name="size">How many ranks; at least 1.</param>
    /// <param name="program">What every rank runs, with its communicator.</param>
    /// <exception cref="ArgumentOutOfRangeException">No rank.</exception>
    /// <exception cref="AggregateException">What the ranks' programs threw, in the order of ranks. The others of a rank that fails get a <see cref="MissingRankException"/> with its error as cause.</exception>
    public static void Run(int size, Action<Communicator> program)
    {
        ArgumentNullException.ThrowIfNull(program);
        var communicators = Create(size);
        var errors = new Exception?[size];
        var threads = communicators.Select(communicator => new Thread(() => Rank(communicator, program, errors)) { Name = $"rank {communicator.Rank}" }).ToList();
        threads.ForEach(thread => thread.Start());
        threads.ForEach(thread => thread.Join());
        if (errors.Any(error => error is not null))
            throw new AggregateException(errors.OfType<Exception>());
    }

    /// <summary>As <see cref="Run(int, Action{Communicator})"/>, for a program that returns something.</summary>
    /// <typeparam name="T">What a rank returns.</typeparam>
    /// <param name="size">How many ranks; at least 1.</param>
    /// <param name="program">What every rank runs, with its communicator.</param>
    /// <returns>What the ranks return, in the order of ranks.</returns>
    /// <exception cref="ArgumentOutOfRangeException">No rank.</exception>
    /// <exception cref="AggregateException">What the ranks' programs threw.</exception>
    public static T[] Run<T>(int size, Func<Communicator, T> program)
    {
        ArgumentNullException.ThrowIfNull(program);
        ArgumentOutOfRangeException.ThrowIfLessThan(size, 1);
        var results = new T[size];
        Run(size, communicator => { results[communicator.Rank] = program(communicator); });
        return results;
    }

    static void Rank(Communicator communicator, Action<Communicator> program, Exception?[] errors)
    {
        try
        {
            program(communicator);
            communicator.Dispose();
        }
        catch (Exception e)
        {
            errors[communicator.Rank] = e;
            ((LocalCommunicator)communicator).Fail(e);
        }
    }
}
