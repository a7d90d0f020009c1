using System.Globalization;
using System.Text;
using OptimSharp.Engine;

namespace OptimSharp.Distributed;

/// <summary>What a step costs a rank, by calculation: a model in single precision, its numbers shared out evenly.</summary>
/// <param name="SentBytes">What a rank sends.</param>
/// <param name="Messages">In how many messages.</param>
/// <param name="StateBytes">What a rank keeps of a state of two numbers a parameter.</param>
/// <param name="SumBytes">What a rank needs for sums and mean gradients, beside the model's own gradients.</param>
readonly record struct StepCost(long SentBytes, long Messages, long StateBytes, long SumBytes)
{
    const int NumberBytes = sizeof(float), StatesOfAdam = 2;

    /// <summary>Calculates it.</summary>
    /// <param name="numbers">The parameters' numbers.</param>
    /// <param name="ranks">W.</param>
    /// <param name="shards">S, a multiple of W, which is a power of two: so that each rank has one sum.</param>
    /// <param name="sharding">What of the state a rank keeps.</param>
    /// <param name="bucketBytes">As <see cref="DistributedOptions.BucketBytes"/>.</param>
    public static StepCost Of(long numbers, int ranks, int shards, StateSharding sharding, long bucketBytes)
    {
        long others = ranks - 1, chunks = (numbers + GradientChunk.Size - 1) / GradientChunk.Size, own = (chunks + ranks - 1) / ranks;
        long perBucket = Math.Max(1, bucketBytes / (GradientChunk.Size * NumberBytes * ranks)), buckets = (own + perBucket - 1) / perBucket;
        long sums = numbers * NumberBytes / ranks * others, values = sums; // all to all, and gathered
        int levels = Math.Max(1, int.Log2(shards / ranks));
        bool isSharded = sharding == StateSharding.Sharded;
        return new(sums + values, 2 * buckets * others, StatesOfAdam * NumberBytes * numbers / (isSharded ? ranks : 1), NumberBytes * (levels * numbers + (isSharded ? numbers / ranks : numbers)));
    }

    /// <summary>The table of a model for the page: ranks down, in Markdown.</summary>
    /// <param name="numbers">The parameters' numbers.</param>
    /// <param name="bytesPerSecond">What a rank's network takes.</param>
    /// <param name="secondsPerMessage">What a message costs, whatever its size.</param>
    public static string Table(long numbers, double bytesPerSecond, double secondsPerMessage)
    {
        var text = new StringBuilder("| ranks | sent by a rank | state, replicated | state, sharded | messages of 16 MiB buckets: their time | of 1 GiB buckets | time of the bytes |\n|--:|--:|--:|--:|--:|--:|--:|\n");
        for (int ranks = 1; ranks <= 1024; ranks *= ranks < 4 ? 2 : 4)
        {
            var small = Of(numbers, ranks, ranks, StateSharding.Sharded, 16 << 20);
            var large = Of(numbers, ranks, ranks, StateSharding.Sharded, 1 << 30);
            text.Append(CultureInfo.InvariantCulture, $"| {ranks:N0} | {GB(small.SentBytes)} | {GB(Of(numbers, ranks, ranks, StateSharding.Replicated, 1).StateBytes)} | {GB(small.StateBytes)} | {Time(small)} | {Time(large)} | {small.SentBytes / bytesPerSecond:F2} s |\n");
        }
        return text.ToString();

        static string GB(long bytes) => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1e9:G3} GB");

        string Time(StepCost cost) => string.Create(CultureInfo.InvariantCulture, $"{cost.Messages:N0}: {cost.Messages * secondsPerMessage:G2} s");
    }
}
