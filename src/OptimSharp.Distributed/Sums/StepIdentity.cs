using System.Buffers.Binary;

namespace OptimSharp.Distributed;

/// <summary>Which step of which optimizer a rank is in, and with which rates: ranks that are not in the same would add what does not belong together.</summary>
/// <param name="optimizer">Which of the communicator's optimizers.</param>
/// <param name="step">How many steps it has synchronized.</param>
/// <param name="loaded">How many times a state was loaded since it was distributed.</param>
/// <param name="rates">The groups' learning rates.</param>
readonly struct StepIdentity(int optimizer, long step, int loaded, double[] rates)
{
    public const int Bytes = 2 * sizeof(int) + 2 * sizeof(long);

    readonly int optimizer = optimizer, loaded = loaded;
    readonly long step = step, hash = rates.Aggregate(17L, (hash, rate) => unchecked(hash * 1_000_003 + BitConverter.DoubleToInt64Bits(rate)));

    public void Write(Span<byte> to)
    {
        BinaryPrimitives.WriteInt32LittleEndian(to, optimizer);
        BinaryPrimitives.WriteInt64LittleEndian(to[4..], step);
        BinaryPrimitives.WriteInt64LittleEndian(to[12..], hash);
        BinaryPrimitives.WriteInt32LittleEndian(to[20..], loaded);
    }

    /// <summary>Throws when another rank's is another.</summary>
    public void Check(ReadOnlySpan<byte> other, int rank, int own)
    {
        var (theirs, theirStep, theirRates) = (BinaryPrimitives.ReadInt32LittleEndian(other), BinaryPrimitives.ReadInt64LittleEndian(other[4..]), BinaryPrimitives.ReadInt64LittleEndian(other[12..]));
        if (theirs != optimizer)
            throw new CommunicationException($"Rank {rank} steps the optimizer that was distributed as number {theirs + 1}, and rank {own} that which was number {optimizer + 1}: all ranks must step the same optimizers in the same order.");
        if (theirStep != step)
            throw new CommunicationException($"Rank {rank} is in step {theirStep + 1}, and rank {own} in step {step + 1}: all ranks must take the same steps; one without data goes through its Shards without Accumulate.");
        if (BinaryPrimitives.ReadInt32LittleEndian(other[20..]) is var theirLoaded && theirLoaded != loaded)
            throw new CommunicationException($"Rank {rank} has loaded a state {theirLoaded} times, and rank {own} {loaded} times, before step {step + 1}: all ranks must load the same.");
        if (theirRates != hash)
            throw new CommunicationException($"The learning rates of rank {rank} are not those of rank {own} in step {step + 1}, which are {string.Join(", ", rates)} for its groups: all ranks must set the same options.");
    }
}
