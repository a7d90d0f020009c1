namespace OptimSharp.Tool;

/// <summary>
/// The places at which models are not finite, as masks of attention are, with the sums there: an infinity's average with anything finite is that infinity. Running averages make ∞ − ∞ of it.
/// </summary>
sealed class NonFinite
{
    const int Piece = 1 << 16;

    readonly Dictionary<string, Dictionary<long, double>> sums = [];
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
                if (!sums.TryGetValue(name, out var places))
                    sums.Add(name, places = []);
                places[first + i] = places.GetValueOrDefault(first + i) + part[i];
            }
        }
    }

    /// <summary>The average with what it is at these places.</summary>
    public TensorData In(string name, TensorData average)
    {
        if (!sums.TryGetValue(name, out var places))
            return average;
        double[] all = average.ToDoubles();
        foreach (var (place, sum) in places)
            all[place] = sum;
        return TensorData.Of(all, average.Shape).To(average.ElementType);
    }
}
