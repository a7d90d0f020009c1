namespace OptimSharp.Tool;

/// <summary>
/// The numbers of models that are not finite, as in masks of attention: an infinity's average with anything finite is that infinity. Running averages make ∞ − ∞ of it. A byte for each number of a tensor that has some.
/// </summary>
sealed class NonFinite
{
    const int Piece = 1 << 16;
    const byte Finite = 0, Positive = 1, Negative = 2, NaN = 3;

    readonly Dictionary<string, byte[]> kinds = [];
    readonly double[] numbers = new double[Piece];

    /// <summary>Takes a tensor of a model in.</summary>
    public void Add(string name, TensorData tensor)
    {
        if (tensor.ElementType.IsComplex())
            return;
        for (long first = 0; first < tensor.Count; first += Piece)
        {
            var part = numbers.AsSpan(0, (int)Math.Min(Piece, tensor.Count - first));
            tensor.ReadDoubles(first, part);
            for (int i = 0; i < part.Length; i++)
            {
                if (double.IsFinite(part[i]))
                    continue;
                if (!kinds.TryGetValue(name, out byte[]? known))
                    kinds.Add(name, known = new byte[tensor.Count]);
                byte kind = double.IsNaN(part[i]) ? NaN : part[i] > 0 ? Positive : Negative;
                ref byte before = ref known[first + i];
                before = before == Finite || before == kind ? kind : NaN;
            }
        }
    }

    /// <summary>The average with what it is at these places.</summary>
    public TensorData In(string name, TensorData average)
    {
        if (!kinds.TryGetValue(name, out byte[]? known))
            return average;
        double[] all = average.ToDoubles();
        for (int i = 0; i < known.Length; i++)
            all[i] = known[i] switch { Finite => all[i], Positive => double.PositiveInfinity, Negative => double.NegativeInfinity, _ => double.NaN };
        return TensorData.Of(all, average.Shape).To(average.ElementType);
    }
}
