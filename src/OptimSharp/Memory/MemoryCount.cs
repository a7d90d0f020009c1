using OptimSharp.Engine;

namespace OptimSharp;

/// <summary>Adds tensors up to the lines of a report.</summary>
internal sealed class MemoryCount
{
    readonly OrderedDictionary<(MemoryUse, string, int?, string, string), MemoryEntry> entries = [];

    public IReadOnlyList<MemoryEntry> Entries => [.. entries.Values];

    public void Add(MemoryUse use, string owner, int? group, string name, string precision, long count, long bytes)
    {
        var key = (use, owner, group, name, precision);
        var sum = entries.GetValueOrDefault(key) ?? new(use, owner, group, name, precision, 0, 0, 0);
        entries[key] = sum with { Tensors = sum.Tensors + 1, Count = sum.Count + count, Bytes = sum.Bytes + bytes };
    }

    public void Add(MemoryUse use, string owner, int? group, string name, StateTensor tensor) => Add(use, owner, group, name, PrecisionOf(tensor), tensor.Count, tensor.Bytes);

    /// <summary>The group's parameters and their gradients.</summary>
    public void Add(string owner, int group, IEnumerable<Parameter> parameters)
    {
        foreach (var parameter in parameters)
            Add(MemoryUse.Parameters, owner, group, "", parameter.ElementType.ToString(), parameter.Count, parameter.Count * parameter.ElementType.Size());
        foreach (var parameter in parameters)
        {
            if (parameter.GradientSize is var (count, bytes))
                Add(MemoryUse.Gradients, owner, group, "", parameter.ElementType.ToString(), count, bytes);
        }
    }

    static string PrecisionOf(StateTensor tensor) => tensor.Format == BlockFormat.None ? tensor.Type.ToString() : BlockFormats.PrecisionOf(tensor.Format).ToString();
}
