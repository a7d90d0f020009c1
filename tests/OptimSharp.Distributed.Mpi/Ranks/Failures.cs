using System.Diagnostics;
using System.Runtime.InteropServices;

namespace OptimSharp.Distributed.Processes.Ranks;

/// <summary>Ranks that do not do what they should.</summary>
static partial class Failures
{
    public static int Run(string name, string[] arguments)
    {
        if (name == "never-begins" && (Environment.GetEnvironmentVariable("OMPI_COMM_WORLD_RANK") ?? Environment.GetEnvironmentVariable("PMI_RANK")) == "1")
        {
            Thread.Sleep(TimeSpan.FromMinutes(5));
            return 0;
        }
        try
        {
            using var communicator = new MpiCommunicator(timeLimit: TimeSpan.FromSeconds(name == "never-begins" ? 2 : 30)); // busy machines start ranks seconds apart
            communicator.TimeLimit = TimeSpan.FromSeconds(2);
            communicator.Activity = "step 7";
            Run(name, arguments, communicator);
            RankProgram.Say(communicator, "well");
            return 0;
        }
        catch (CommunicationException e) when (name != "uncaught")
        {
            Console.Out.Write($"{e.GetType().Name}: {e.Message}\n");
            return 5;
        }
    }

    static void Run(string name, string[] arguments, Communicator communicator)
    {
        var rank = communicator.Rank;
        switch (name)
        {
            case "never-begins":
                break;
            case "missing": // the ranks named never come
                Gather(communicator, 8);
                if (arguments.Contains($"{rank}"))
                    Thread.Sleep(TimeSpan.FromMinutes(5));
                Gather(communicator, 8);
                break;
            case "frozen": // as a machine that is no longer there: the rank is stopped, and nobody tells the others
                Gather(communicator, 8);
                if (rank == 1)
                    _ = Signal(Environment.ProcessId, 19);
                Gather(communicator, 1 << 20);
                break;
            case "missing-elsewhere": // rank 0 waits for rank 1, which waits for rank 2, which never comes
                if (rank == 2)
                    Thread.Sleep(TimeSpan.FromMinutes(5));
                long[] none = [0, 0, 0], send = [.. none], receive = [.. none];
                if (rank == 1)
                    receive[2] = 4;
                communicator.AllToAll(new byte[send.Sum()], send, new byte[receive.Sum()], receive);
                (send, receive) = ([.. none], [.. none]);
                if (rank == 0)
                    receive[1] = 4;
                else
                    send[0] = 4;
                communicator.AllToAll(new byte[send.Sum()], send, new byte[receive.Sum()], receive);
                break;
            case "late": // within the limit
                if (rank == 1)
                    Thread.Sleep(TimeSpan.FromSeconds(1.5));
                Gather(communicator, 100_000);
                Gather(communicator, 8);
                break;
            case "other-operation":
                if (rank == 1)
                    communicator.Barrier();
                else
                    Gather(communicator, 8);
                break;
            case "saves-alone":
                var w = Parameter.Of("w", new float[5]);
                using (var optimizer = new SGD([w]))
                using (var distributed = new DistributedOptimizer(optimizer, communicator, new() { Shards = 2 }))
                {
                    communicator.TimeLimit = TimeSpan.FromSeconds(20); // it is told before
                    for (var step = 0; step < 2; step++)
                    {
                        foreach (var shard in distributed.Shards)
                        {
                            w.UseGradient().Fill(1);
                            distributed.Accumulate();
                        }
                        distributed.Step();
                        if (rank == 0)
                            distributed.Save(_ => { });
                    }
                }
                break;
            case "other-count":
                Gather(communicator, rank == 1 ? 4 : 8);
                break;
            case "ends": // one rank has had enough
                Gather(communicator, 8);
                if (rank == 1)
                    return;
                Gather(communicator, 8);
                break;
            case "uncaught":
                Gather(communicator, 8);
                if (rank == 1)
                    throw new InvalidDataException("the data of rank 1 are bad");
                communicator.TimeLimit = TimeSpan.FromMinutes(5);
                Gather(communicator, 8);
                break;
            case "exits":
                Gather(communicator, 8);
                if (rank == 1)
                    Environment.Exit(3);
                communicator.TimeLimit = TimeSpan.FromMinutes(5);
                Gather(communicator, 8);
                break;
            case "killed": // from a thread of its own, so that it may be anywhere: in the library, between operations
                communicator.TimeLimit = TimeSpan.FromMinutes(5);
                Kill(rank == int.Parse(arguments[0]), int.Parse(arguments[1]));
                for (var step = 0; ; step++)
                {
                    communicator.Activity = $"step {step}";
                    Gather(communicator, step % 3 == 0 ? 1 << 20 : 8);
                }
            default:
                throw new ArgumentException($"There is no program '{name}'.");
        }
    }

    /// <summary>Ends this process as hard as can be, some time from now.</summary>
    public static void Kill(bool self, int milliseconds)
    {
        if (!self)
            return;
        new Thread(() =>
        {
            Thread.Sleep(milliseconds);
            Process.GetCurrentProcess().Kill();
        }) { IsBackground = true }.Start();
    }

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Signal(int process, int signal);

    static void Gather(Communicator communicator, long bytes)
    {
        var counts = new long[communicator.Size];
        Array.Fill(counts, bytes);
        communicator.AllGather(new byte[bytes], new byte[counts.Sum()], counts);
    }
}
