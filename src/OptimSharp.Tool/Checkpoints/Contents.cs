namespace OptimSharp.Tool;

/// <summary>How many tensors there are, and how much they hold. Of tensors of one size that share memory, as tied weights do, the bytes count once.</summary>
sealed class Contents
{
    readonly List<TensorData> tensors;
    readonly long bytes;
    readonly int sharing;

    public Contents(IEnumerable<TensorData> all)
    {
        tensors = [.. all];
        var first = new Dictionary<long, List<TensorData>>(); // by size, so that few are compared with each other
        foreach (var tensor in tensors)
        {
            if (!first.TryGetValue(tensor.Bytes, out var alike))
                first.Add(tensor.Bytes, alike = []);
            if (tensor.Bytes > 0 && alike.Exists(tensor.SharesMemoryWith))
            {
                sharing++;
                continue;
            }
            alike.Add(tensor);
            bytes += tensor.Bytes;
        }
    }

    public int Count => tensors.Count;

    /// <summary>How many are views of a memory that another has already.</summary>
    public int Sharing => sharing;

    public override string ToString()
    {
        string count = $"{Sizes.Count(Count)} {(Count == 1 ? "tensor" : "tensors")}, {Sizes.Count(tensors.Sum(t => t.Count))} numbers, {Sizes.Text(bytes)}";
        string types = string.Join(", ", tensors.CountBy(t => t.ElementType).OrderByDescending(t => t.Value).Select(t => $"{t.Value} {t.Key.Name()}"));
        return count + (Count > 0 ? $" ({types})" : "") + (sharing > 0 ? $"; {sharing} of them {(sharing == 1 ? "shares" : "share")} memory with another" : "");
    }
}
