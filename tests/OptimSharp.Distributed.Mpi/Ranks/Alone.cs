namespace OptimSharp.Distributed.Processes.Ranks;

/// <summary>A program that asks for the communicator of its process, whatever that is.</summary>
static class Alone
{
    public static void Run()
    {
        try
        {
            using var communicator = Communicator.Default();
            RankProgram.Say(communicator, $"one of {communicator.Size}, {communicator.GetType().Name}");
        }
        catch (CommunicationException e)
        {
            Console.Out.Write($"refused: {e.Message}\n");
        }
    }
}
