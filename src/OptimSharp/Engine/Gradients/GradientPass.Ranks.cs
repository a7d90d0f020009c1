namespace OptimSharp.Engine;

// Gradients that are spread over ranks.
internal sealed unsafe partial class GradientPass
{
    /// <summary>Lets ranks that have parts of the parameters know what the chunks of each came to.</summary>
    void GatherOverRanks(double* partial)
    {
        IRanks? ranks = null;
        for (int i = 0; i < count; i++)
        {
            ref var entry = ref entries[i];
            if (entry.Parameter is ParameterPart part)
                new ReadOnlySpan<double>(partial + entry.ChunksBefore, (int)entry.Chunks).CopyTo((ranks = part.Ranks).Table(1)[(int)part.FirstChunk..]);
        }
        ranks?.GatherTable(1);
    }

    /// <summary>What a whole parameter's numbers gather to, chunk after chunk as in one process.</summary>
    static double GatheredOf(ParameterPart part, NormOrder order)
    {
        double all = order.Start;
        foreach (double gathered in part.Ranks.Table(1).Slice((int)part.WholeChunk, (int)part.WholeChunks))
            all = order.Combine(all, gathered);
        return all;
    }
}
