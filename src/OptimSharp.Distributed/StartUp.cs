using System.Globalization;
using System.Reflection;
using System.Security.Cryptography;
using System.Text;
using OptimSharp.Engine;

namespace OptimSharp.Distributed;

/// <summary>What ranks do before the first step: they see whether they fit together.</summary>
static unsafe class StartUp
{
    const int MostShown = 8;

    /// <summary>Gives all ranks the parameters of rank 0.</summary>
    public static void Broadcast(IReadOnlyList<Parameter> parameters, Communicator communicator)
    {
        var shapes = string.Join('\n', parameters.Select(p => p.ToString()));
        Compare(communicator, [.. shapes.Split('\n').Index().Select(x => ($"parameter {x.Index}", x.Item))]);
        foreach (var parameter in parameters)
        {
            using var values = new HostTensor([parameter.Numbers], parameter.ElementType.Real());
            parameter.CopyTo(values);
            for (long at = 0; at < values.Bytes; at += 1 << 30)
                communicator.Broadcast(new Span<byte>((byte*)values.Start + at, (int)Math.Min(1 << 30, values.Bytes - at)), root: 0);
            parameter.CopyFrom(values);
        }
    }

    /// <summary>Throws on all ranks when they differ in something.</summary>
    public static void Check(DistributedOptimizer distributed)
    {
        var (optimizer, options) = (distributed.Optimizer, distributed.Options);
        List<(string What, string Text)> lines =
        [
            ("version of OptimSharp", VersionOf(typeof(Optimizer))),
            ("version of OptimSharp.Distributed", VersionOf(typeof(StartUp))),
            ("Shards", options.Shards.ToString(CultureInfo.InvariantCulture)),
            ("Sharding", options.Sharding.ToString()),
            ("BucketBytes", options.BucketBytes.ToString(CultureInfo.InvariantCulture)),
            ("optimizer", string.Join(" and ", optimizer.Parts.ToArray().Select(part => part.GetType().Name))),
            ("number of groups", optimizer.ParameterGroups.Count.ToString(CultureInfo.InvariantCulture)),
        ];
        Compare(distributed.Communicator, lines);
        // What each has is compared once all have as many, so that like is compared with like.
        Compare(distributed.Communicator, [.. optimizer.ParameterGroups.Index().Select(group => ($"number of parameters in group {group.Index}", group.Item.Parameters.Count.ToString(CultureInfo.InvariantCulture)))]);
        lines.Clear();
        foreach (var (i, group) in optimizer.ParameterGroups.Index())
        {
            lines.AddRange(group.OptionKeys.Select(key => ($"{key} of group {i}", Text(group[key]))));
            lines.AddRange(OptimizerOptions.OfThisProcess.Select(key => ($"{key} of group {i}", group.CurrentOptions.TextOf(key)!)));
            lines.AddRange(group.Parameters.Select((p, k) => ($"parameter {k} of group {i}", p.ToString())));
            lines.AddRange(group.Parameters.Select((p, k) => ($"state of parameter {k} of group {i}", optimizer.StateOf(p) is { } state ? $"of step {state.Step}, {Hash(optimizer.SaveState(state, group, p))}" : "none")));
        }
        Compare(distributed.Communicator, lines);
        Compare(distributed.Communicator, [.. optimizer.ParameterGroups.SelectMany(group => group.Parameters).Select(p => ($"values of parameter {p}", Hash(p)))]);
    }

    static string Text(object? value) => value switch
    {
        null => "none",
        object?[] parts => $"({string.Join(", ", parts.Select(Text))})",
        _ => Convert.ToString(value, CultureInfo.InvariantCulture)!,
    };

    /// <summary>Throws on all ranks when they differ in one thing.</summary>
    public static void CheckSame(Communicator communicator, string what, string text) => Compare(communicator, [(what, text)]);

    /// <summary>Compares texts, of which every rank has as many, or as many as it has.</summary>
    static void Compare(Communicator communicator, IReadOnlyList<(string What, string Text)> lines)
    {
        var own = Encoding.UTF8.GetBytes(string.Join('\n', lines.Select(line => $"{line.What}\t{line.Text.Replace('\n', ' ')}")));
        var hashes = new byte[SHA256.HashSizeInBytes * communicator.Size];
        communicator.AllGather(SHA256.HashData(own), hashes, Same(communicator, SHA256.HashSizeInBytes));
        if (Enumerable.Range(1, communicator.Size - 1).All(rank => hashes.AsSpan(rank * SHA256.HashSizeInBytes, SHA256.HashSizeInBytes).SequenceEqual(hashes.AsSpan(0, SHA256.HashSizeInBytes))))
            return;
        var lengths = new byte[sizeof(long) * communicator.Size];
        communicator.AllGather(BitConverter.GetBytes((long)own.Length), lengths, Same(communicator, sizeof(long)));
        long[] counts = [.. Enumerable.Range(0, communicator.Size).Select(rank => BitConverter.ToInt64(lengths, rank * sizeof(long)))];
        var all = new byte[counts.Sum()];
        communicator.AllGather(own, all, counts);
        string[][] texts = [.. counts.Select((count, rank) => Encoding.UTF8.GetString(all.AsSpan((int)counts.Take(rank).Sum(), (int)count)).Split('\n'))];
        throw new CommunicationException(Difference(texts));
    }

    static string Difference(string[][] texts)
    {
        List<string> found = [];
        for (int i = 0; i < texts.Max(text => text.Length); i++)
        {
            var ways = Enumerable.Range(0, texts.Length).GroupBy(rank => i < texts[rank].Length ? texts[rank][i] : "\tmissing").ToList();
            if (ways.Count > 1)
                found.Add($"{ways.Select(way => way.Key.Split('\t')[0]).First(what => what.Length > 0)} is {string.Join("; ", ways.Select(way => $"{way.Key.Split('\t', 2)[1]} on {Ranks(way)}"))}");
        }
        string more = found.Count > MostShown ? $" And {found.Count - MostShown} more." : "";
        return $"The ranks do not fit together: {string.Join(". ", found.Take(MostShown))}.{more}";
    }

    static string Ranks(IEnumerable<int> ranks) => ranks.ToList() is [var one] ? $"rank {one}" : $"ranks {string.Join(", ", ranks)}";

    static string Hash(Parameter parameter)
    {
        using var values = new HostTensor([parameter.Numbers], parameter.ElementType.Real());
        parameter.CopyTo(values);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        for (long at = 0; at < parameter.Numbers * parameter.ElementType.Real().Size(); at += 1 << 30)
            hash.AppendData(new ReadOnlySpan<byte>((byte*)values.Start + at, (int)Math.Min(1 << 30, values.Bytes - at)));
        return Convert.ToHexStringLower(hash.GetHashAndReset().AsSpan(0, 8));
    }

    static string Hash(StateDict state)
    {
        using var hash = SHA256.Create();
        using var stream = new CryptoStream(Stream.Null, hash, CryptoStreamMode.Write);
        Checkpoint.Save(stream, state);
        stream.FlushFinalBlock();
        return Convert.ToHexStringLower(hash.Hash.AsSpan(0, 8));
    }

    static string VersionOf(Type type) => type.Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "unknown";

    internal static long[] Same(Communicator communicator, long bytes)
    {
        var counts = new long[communicator.Size];
        Array.Fill(counts, bytes);
        return counts;
    }
}
