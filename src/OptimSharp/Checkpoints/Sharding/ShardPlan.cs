using OptimSharp.Safetensors;

namespace OptimSharp.Sharding;

/// <summary>Which tensors go into which file: in their order, each file filled as far as it goes, as Hugging Face's libraries do.</summary>
/// <param name="Shards">The tensors of each file, by name.</param>
/// <param name="TotalBytes">The bytes of all tensors; memory that several share counts once where it is written once.</param>
internal sealed record ShardPlan(IReadOnlyList<StateDict> Shards, long TotalBytes)
{
    /// <param name="tensors">The tensors with their names.</param>
    /// <param name="format">PyTorch's keeps together what shares memory, and writes all of that memory; safetensors writes each tensor by itself.</param>
    /// <param name="most">How many bytes a file may have, if more than one tensor is in it.</param>
    public static ShardPlan Of(IEnumerable<(string Name, TensorData Tensor)> tensors, CheckpointFormat format, long most)
    {
        var shards = new List<StateDict>();
        var shardOf = new Dictionary<TensorStorage, StateDict>(); // of PyTorch's format
        StateDict? open = null;
        long filled = 0, total = 0;
        foreach (var (name, tensor) in tensors)
        {
            if (format == CheckpointFormat.PyTorch && shardOf.TryGetValue(tensor.Storage, out var shard))
            {
                shard.Add(name, tensor);
                continue;
            }
            long bytes = format == CheckpointFormat.PyTorch ? tensor.Storage.Bytes : SafetensorsFile.BytesOf(tensor);
            total = checked(total + bytes);
            if (bytes > most)
                shards.Add(shard = []);
            else
            {
                if (open is null || bytes > most - filled)
                {
                    shards.Add(open = []);
                    filled = 0;
                }
                shard = open;
                filled += bytes;
            }
            shard.Add(name, tensor);
            shardOf.TryAdd(tensor.Storage, shard);
        }
        return new(shards, total);
    }
}
