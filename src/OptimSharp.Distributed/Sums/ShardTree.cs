namespace OptimSharp.Distributed;

/// <summary>
/// The one order in which the shards of a step are added: a binary tree over them, whatever the ranks. A node of level k has the shards index·2ᵏ to
/// (index + 1)·2ᵏ − 1, of those that there are.
/// </summary>
static class ShardTree
{
    /// <summary>The shards of a rank: contiguous, and as many for each as can be.</summary>
    public static (int First, int Last) ShardsOf(int rank, int ranks, int shards) => ((int)((long)shards * rank / ranks), (int)((long)shards * (rank + 1) / ranks));

    /// <summary>The nodes that shards from <paramref name="first"/> up to <paramref name="last"/> (not included) make up when each is added to what came before as soon as the two are siblings.</summary>
    public static List<TreeNode> NodesOf(int first, int last)
    {
        List<TreeNode> nodes = [];
        for (int shard = first; shard < last; shard++)
            Add(nodes, new(0, shard), static (_, _) => { });
        return nodes;
    }

    /// <summary>Takes in the next node: siblings become their parent.</summary>
    /// <param name="nodes">The nodes so far, in order.</param>
    /// <param name="next">The one that follows them.</param>
    /// <param name="merge">Adds the second of two places to the first; nodes and places go together.</param>
    public static void Add(List<TreeNode> nodes, TreeNode next, Action<int, int> merge)
    {
        nodes.Add(next);
        while (nodes.Count > 1 && nodes[^2].IsLeftOf(nodes[^1]))
        {
            merge(nodes.Count - 2, nodes.Count - 1);
            nodes.RemoveAt(nodes.Count - 1);
            nodes[^1] = nodes[^1].Parent;
        }
    }

    /// <summary>The sum of numbers of shards, in the tree's order; those that are null are not there. 0 for none.</summary>
    public static double Sum(ReadOnlySpan<double?> shards)
    {
        List<TreeNode> nodes = [];
        List<double?> sums = [];
        for (int i = 0; i < shards.Length; i++)
        {
            sums.Add(shards[i]);
            Add(nodes, new(0, i), (left, right) => Merge(sums));
        }
        while (sums.Count > 1)
            Merge(sums);
        return sums is [double sum] ? sum : 0;

        static void Merge(List<double?> sums)
        {
            sums[^2] = (sums[^2], sums[^1]) switch { (double x, double y) => x + y, (null, var y) => y, (var x, null) => x };
            sums.RemoveAt(sums.Count - 1);
        }
    }
}

/// <summary>A node of the tree over shards.</summary>
/// <param name="Level">0 for a shard.</param>
/// <param name="Index">Which one of its level.</param>
readonly record struct TreeNode(int Level, int Index)
{
    public TreeNode Parent => new(Level + 1, Index / 2);

    public bool IsLeftOf(TreeNode other) => Level == other.Level && Index % 2 == 0 && other.Index == Index + 1;
}
