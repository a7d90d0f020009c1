namespace OptimSharp.Distributed.Processes.Ranks;

/// <summary>What the launchers start: programs of one rank.</summary>
static class RankProgram
{
    public static int Run(string name, string[] arguments)
    {
        switch (name)
        {
            case "operations":
                Operations.Run(arguments);
                break;
            case "alone":
                Alone.Run();
                break;
            case "train":
                Train(communicator => Training.Hashes(communicator).ToList());
                break;
            case "train-on":
                Train(communicator =>
                {
                    if (arguments is [_, _, var rank, var milliseconds])
                        Failures.Kill(communicator.Rank == int.Parse(rank), int.Parse(milliseconds));
                    return [Training.GoOn(communicator, arguments[0], int.Parse(arguments[1]))];
                });
                break;
            case "bench":
                Bench.Run();
                break;
            default:
                return Failures.Run(name, arguments);
        }
        return 0;
    }

    static void Train(Func<Communicator, IReadOnlyList<string>> train)
    {
        using var communicator = new MpiCommunicator(timeLimit: TimeSpan.FromMinutes(2));
        foreach (var line in train(communicator))
            Say(communicator, line);
    }

    /// <summary>A line of its own, in one write: ranks share the output.</summary>
    public static void Say(Communicator communicator, string text) => Console.Out.Write($"rank {communicator.Rank}: {text}\n");
}
