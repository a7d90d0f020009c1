using System.Globalization;

namespace OptimSharp.Resume;

/// <summary>Programs that only save, one beside the other or until they are killed.</summary>
static class Saves
{
    /// <summary>Opens a directory of checkpoints, says so, and holds it until the input ends.</summary>
    public static void Hold(string folder, string name)
    {
        using var checkpoints = new CheckpointDirectory(folder, new() { Name = name });
        Console.WriteLine("open");
        Console.In.ReadToEnd();
    }

    /// <summary>Saves to a directory of checkpoints, as often as it is told, when the first line of input comes.</summary>
    public static void Directory(string folder, string name, int count)
    {
        using var checkpoints = new CheckpointDirectory(folder, new() { Name = name, KeepLast = 1 });
        Console.WriteLine("open");
        Console.In.ReadLine();
        for (int step = 0; step < count; step++)
            checkpoints.Save(step, new() { { "step", step }, { "w", TensorData.Of(Filled(step, 20_000), 20_000) } });
    }

    /// <summary>Saves a checkpoint in several parts over and over, from a step on, until it is killed; says each step that is there.</summary>
    public static void Shards(string path, long step)
    {
        for (; ; step++)
        {
            StateDict state = [];
            for (int i = 0; i < 4 + step % 3; i++) // also the number of parts changes
                state.Add(string.Create(CultureInfo.InvariantCulture, $"layer.{i}"), TensorData.Of(Filled(step, 2_000), 2_000));
            Checkpoint.Save(path, state, new() { MaxShardBytes = step % 7 == 6 ? 1 << 20 : 16_000 }); // now and then a single file
            Console.WriteLine(step);
        }
    }

    static float[] Filled(long number, int count)
    {
        var values = new float[count];
        values.AsSpan().Fill(number);
        return values;
    }
}
