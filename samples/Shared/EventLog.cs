using System.Buffers.Binary;
using Tensorboard;

namespace OptimSharp.Samples;

/// <summary>Reads what a run logged back, with TorchSharp's classes for TensorBoard's messages. (It trusts the file: checksums are not looked at.)</summary>
public static class EventLog
{
    /// <summary>The scalars of all event files in a folder, by tag, with their steps.</summary>
    public static SortedDictionary<string, List<(long Step, double Value)>> Scalars(string folder)
    {
        var scalars = new SortedDictionary<string, List<(long, double)>>(StringComparer.Ordinal);
        foreach (string file in Directory.EnumerateFiles(folder, "events.out.tfevents.*").Order(StringComparer.Ordinal))
        {
            foreach (var message in Events(File.ReadAllBytes(file)))
            {
                if (message.SessionLog?.Status == SessionLog.Types.SessionStatus.Start) // the run goes on from here
                {
                    foreach (var line in scalars.Values)
                        line.RemoveAll(point => point.Item1 >= message.Step);
                }
                foreach (var value in message.Summary?.Value.Where(v => v.ValueCase == Summary.Types.Value.ValueOneofCase.SimpleValue) ?? [])
                {
                    if (!scalars.TryGetValue(value.Tag, out var line))
                        scalars.Add(value.Tag, line = []);
                    line.Add((message.Step, value.SimpleValue));
                }
            }
        }
        return scalars;
    }

    /// <summary>A record is the length of its data, a checksum, the data, a checksum.</summary>
    static IEnumerable<Event> Events(byte[] file)
    {
        for (int at = 0; at + 12 <= file.Length;)
        {
            int length = checked((int)BinaryPrimitives.ReadInt64LittleEndian(file.AsSpan(at)));
            if (at + 16 + length > file.Length)
                yield break; // torn
            yield return Event.Parser.ParseFrom(file, at + 12, length);
            at += 16 + length;
        }
    }
}
