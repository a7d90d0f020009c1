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
            case "bench":
                Bench.Run();
                break;
            default:
                return Failures.Run(name, arguments);
        }
        return 0;
    }

    /// <summary>A line of its own, in one write: ranks share the output.</summary>
    public static void Say(Communicator communicator, string text) => Console.Out.Write($"rank {communicator.Rank}: {text}\n");
}
