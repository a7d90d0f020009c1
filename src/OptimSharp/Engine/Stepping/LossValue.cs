using System.Globalization;

namespace OptimSharp.Engine;

/// <summary>Reads a closure's loss as a number, for optimizers that decide by it.</summary>
internal static class LossValue
{
    static readonly List<Func<object, double?>> readers = [];

    /// <summary>Teaches it another type of loss: a tensor, say. The reader returns null for what it does not know.</summary>
    public static void Register(Func<object, double?> reader)
    {
        lock (readers)
            readers.Add(reader);
    }

    /// <exception cref="InvalidOperationException">The loss is no number.</exception>
    public static double Read<TLoss>(TLoss loss, string optimizer)
    {
        switch (loss)
        {
            case double value:
                return value;
            case float value:
                return value;
            case IConvertible value and not string:
                return value.ToDouble(CultureInfo.InvariantCulture);
            case null:
                throw new InvalidOperationException($"The closure returned no loss. {optimizer} needs its value: return the loss.");
        }
        lock (readers)
        {
            foreach (var reader in readers)
            {
                if (reader(loss) is { } value)
                    return value;
            }
        }
        throw new InvalidOperationException($"The closure returned a {loss.GetType()}, which {optimizer} can't read as a number. Return the loss as a number or a tensor.");
    }
}
