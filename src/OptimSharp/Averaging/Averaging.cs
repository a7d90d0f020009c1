using OptimSharp.Engine;

namespace OptimSharp;

/// <summary>
/// How models are averaged: <see cref="Equal"/>, <see cref="Ema"/>, or by a function of your own. The first model is always copied.
/// </summary>
/// <remarks>It has no state, and may be used by any number of averages.</remarks>
public abstract class Averaging
{
    internal Averaging()
    {
    }

    /// <summary>
    /// All models weigh the same: ā ← ā + (θ − ā)/(n + 1), after n models. Stochastic weight averaging, PyTorch's default
    /// (<c>get_swa_avg_fn</c>).
    /// </summary>
    public static Averaging Equal { get; } = new EqualAveraging();

    /// <summary>
    /// An exponential moving average: ā ← decay · ā + (1 − decay) · θ. PyTorch's <c>get_ema_multi_avg_fn</c>.
    /// </summary>
    /// <param name="decay">The weight of what was averaged before, 0 to 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">The decay is not from 0 to 1.</exception>
    public static Averaging Ema(double decay = 0.999) => new EmaAveraging(decay is >= 0 and <= 1 ? decay
        : throw new ArgumentOutOfRangeException(nameof(decay), decay, $"The decay must be from 0 to 1, but is {decay}."));

    /// <summary>A function of your own that is called for each tensor. PyTorch's <c>avg_fn</c>.</summary>
    /// <remarks>When it throws, no average has changed. Numbers are converted to double and back: the ways above are much faster.</remarks>
    public static Averaging PerTensor(AverageFunction function)
    {
        ArgumentNullException.ThrowIfNull(function);
        return new CustomAveraging((averages, models, count) =>
        {
            for (int i = 0; i < averages.Count; i++)
                function(averages[i], models[i], count);
        });
    }

    /// <summary>A function of your own that is called once for all tensors. PyTorch's <c>multi_avg_fn</c>.</summary>
    /// <inheritdoc cref="PerTensor" path="/remarks"/>
    public static Averaging AllTensors(MultiAverageFunction function)
    {
        ArgumentNullException.ThrowIfNull(function);
        return new CustomAveraging(function);
    }

    /// <summary>How the next model enters the average of <paramref name="count"/> ones; null when <see cref="Average"/> is to be called.</summary>
    internal abstract AverageStep? Next(long count);

    /// <summary>Takes a model into the averages by a function. Throws before anything has changed.</summary>
    /// <param name="averages">The averages.</param>
    /// <param name="models">The model's tensors.</param>
    /// <param name="count">How many models were averaged, ≥ 1.</param>
    internal virtual void Average(IReadOnlyList<StateTensor> averages, IReadOnlyList<Parameter> models, long count) =>
        throw new NotSupportedException();
}

/// <summary>Takes a tensor of a model into its average.</summary>
/// <param name="average">The average, to be changed in place, row by row. A complex element is two numbers.</param>
/// <param name="model">The model's tensor.</param>
/// <param name="count">How many models were averaged, ≥ 1.</param>
public delegate void AverageFunction(Span<double> average, ReadOnlySpan<double> model, long count);

/// <summary>Takes all tensors of a model into their averages.</summary>
/// <param name="averages">The averages, to be changed in place, each row by row, in the order of the parameters. A complex element is two numbers.</param>
/// <param name="models">The model's tensors.</param>
/// <param name="count">How many models were averaged, ≥ 1.</param>
public delegate void MultiAverageFunction(IReadOnlyList<double[]> averages, IReadOnlyList<double[]> models, long count);

sealed class EqualAveraging : Averaging
{
    internal override AverageStep? Next(long count) => AverageStep.Equal(count);

    public override string ToString() => "equal average";
}

sealed class EmaAveraging(double decay) : Averaging
{
    internal override AverageStep? Next(long count) => AverageStep.Decay(decay, count);

    public override string ToString() => $"exponential moving average, decay {decay}";
}

sealed class CustomAveraging(MultiAverageFunction function) : Averaging
{
    internal override AverageStep? Next(long count) => count == 0 ? AverageStep.Copy : null;

    internal override unsafe void Average(IReadOnlyList<StateTensor> averages, IReadOnlyList<Parameter> models, long count)
    {
        var before = new double[averages.Count][];
        var current = new double[averages.Count][];
        for (int i = 0; i < before.Length; i++)
        {
            before[i] = new double[averages[i].Numbers];
            current[i] = new double[averages[i].Numbers];
            averages[i].CopyTo(before[i]);
            fixed (double* to = current[i])
                models[i].Read(to, ofGradient: false);
        }
        var after = Array.AsReadOnly(before); // its arrays may be written to, not replaced
        function(after, Array.AsReadOnly(current), count);
        for (int i = 0; i < before.Length; i++)
            averages[i].CopyFrom(before[i]);
    }

    public override string ToString() => "custom average";
}
