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
                using (var communicator = Ranks())
                    File.WriteAllLines(Path.Combine(arguments[0], $"{communicator.Rank}"), Training.Hashes(communicator)); // launchers mix long output
                break;
            case "train-on":
                using (var communicator = Ranks())
                    Say(communicator, Training.GoOn(communicator, arguments[0], int.Parse(arguments[1]), step =>
                    {
                        if (arguments is [_, _, var rank, var last, var milliseconds])
                            Failures.Kill(communicator.Rank == int.Parse(rank) && step == int.Parse(last), int.Parse(milliseconds));
                    }));
                break;
            case "bench":
                Bench.Run();
                break;
            case "bench-steps":
                StepBench.Run();
                break;
            default:
                return Failures.Run(name, arguments);
        }
        return 0;
    }

    static MpiCommunicator Ranks() => new(timeLimit: TimeSpan.FromMinutes(2));

    /// <summary>A line of its own, in one write: ranks share the output.</summary>
    public static void Say(Communicator communicator, string text) => Console.Out.Write($"rank {communicator.Rank}: {text}\n");
}
