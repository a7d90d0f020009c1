namespace OptimSharp.Distributed.Tests;

/// <summary>Who has what: everything once, and all about the same.</summary>
public sealed class OwnershipTests
{
    [Fact]
    public void Shares_fill_up_those_that_have_less()
    {
        Assert.Equal([5, 5, 5, 5], Ownership.Shares([0, 0, 0, 0], 20));
        Assert.Equal([0, 5, 7, 3], Ownership.Shares([100, 5, 3, 7], 15)); // up to 10
        Assert.Equal([2, 0], Ownership.Shares([0, 2], 2));
        Assert.Equal([3, 3, 4], Ownership.Shares([0, 0, 0], 10));
        Assert.Equal([0, 0], Ownership.Shares([1, 2], 0));
    }

    [Fact]
    public void Every_chunk_has_one_owner_and_loads_are_equal_to_a_chunk()
    {
        var random = new Random(3);
        for (int round = 0; round < 200; round++)
        {
            var sizes = Enumerable.Range(0, random.Next(1, 30)).Select(_ => random.Next(0, 60_000) >> random.Next(12)).ToArray();
            var whole = sizes.Select(_ => random.Next(6) == 0).ToArray();
            var parameters = sizes.Select((size, i) => (Parameter)Parameter.Of($"{i}", new float[size])).ToArray();
            var layout = new GradientLayout(parameters);
            int ranks = random.Next(1, 9);
            var ownership = new Ownership(layout, ranks, p => whole[int.Parse(p.Name, System.Globalization.CultureInfo.InvariantCulture)]);
            var owned = ownership.OwnedBy.SelectMany(ranges => ranges.SelectMany(range => Enumerable.Range((int)range.First, (int)(range.Last - range.First)))).ToList();
            Assert.Equal(Enumerable.Range(0, (int)layout.Chunks), owned.Order());
            if (whole.Contains(true))
                continue;
            var loads = ownership.OwnedBy.Select(ranges => ranges.Sum(range => Enumerable.Range((int)range.First, (int)(range.Last - range.First)).Sum(chunk => layout[chunk].Count))).ToList();
            Assert.All(loads, load => Assert.InRange(load, sizes.Sum() / ranks - 4096, sizes.Sum() / ranks + 4097));
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(5)]
    [InlineData(8)]
    [InlineData(13)]
    public void The_nodes_of_ranks_are_whole_subtrees_few_and_in_order(int shards)
    {
        for (int ranks = 1; ranks <= 8; ranks++)
        {
            int next = 0;
            for (int rank = 0; rank < ranks; rank++)
            {
                var (first, last) = ShardTree.ShardsOf(rank, ranks, shards);
                var nodes = ShardTree.NodesOf(first, last);
                Assert.InRange(nodes.Count, 0, 2 * (1 + System.Numerics.BitOperations.Log2((uint)shards)));
                foreach (var node in nodes)
                {
                    Assert.Equal(next, node.Index << node.Level);
                    next += 1 << node.Level;
                }
                Assert.Equal(last, next);
            }
            Assert.Equal(shards, next);
        }
        if (shards == 8)
            Assert.Equal([new TreeNode(1, 2)], ShardTree.NodesOf(4, 6)); // one node a rank where shards are a multiple of a power of two of ranks
    }

    [Fact]
    public void Losses_are_summed_in_the_tree()
    {
        Assert.Equal((1e16 + 1) + (1 + 1.0), ShardTree.Sum([1e16, 1, 1, 1]));
        Assert.Equal(((1.0 + 2) + (3 + 4.0)) + 5, ShardTree.Sum([1, 2, 3, 4, 5]));
        Assert.Equal(3, ShardTree.Sum([null, 1, null, 2]));
        Assert.Equal(0, ShardTree.Sum([null, null]));
    }
}
