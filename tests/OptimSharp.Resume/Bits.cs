using System.Security.Cryptography;

namespace OptimSharp.Resume;

/// <summary>States as something short that is another as soon as one bit is.</summary>
static class Bits
{
    public static string Hash(StateDict state)
    {
        using var stream = new MemoryStream();
        Checkpoint.Save(stream, Sorted(state));
        return Convert.ToHexString(SHA256.HashData(stream.ToArray()));
    }

    /// <summary>With keys in one order: what schedulers leave in groups comes back in another.</summary>
    static StateDict Sorted(StateDict state)
    {
        var sorted = new StateDict();
        foreach (var (key, value) in state.OrderBy(e => e.Key.ToString(), StringComparer.Ordinal))
            sorted.Add(key, In(value));
        return sorted;

        static object? In(object? value) => value is StateDict dict ? Sorted(dict) : value is IReadOnlyList<object?> list ? list.Select(In).ToArray() : value;
    }
}
