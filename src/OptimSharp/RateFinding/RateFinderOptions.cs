using System.Globalization;

namespace OptimSharp;

/// <summary>How the rates of a <see cref="RateFinder"/> go from one to the next.</summary>
public enum RateGrowth
{
    /// <summary>By the same factor at each step.</summary>
    Exponential,

    /// <summary>By the same amount at each step.</summary>
    Linear,
}

/// <summary>What a <see cref="RateFinder"/> tries. The defaults are fastai's.</summary>
public sealed record RateFinderOptions
{
    /// <summary>The rate of the first step, &gt; 0. Default 10⁻⁷.</summary>
    public double StartRate { get; init; } = 1e-7;

    /// <summary>The rate of the last step, above the first. Default 10.</summary>
    public double EndRate { get; init; } = 10;

    /// <summary>The number of steps, ≥ 2. Default 100. Fewer are taken when the loss diverges.</summary>
    public int Steps { get; init; } = 100;

    /// <summary>How rates grow. Default <see cref="RateGrowth.Exponential"/>.</summary>
    public RateGrowth Growth { get; init; }

    /// <summary>How much of the average of losses is kept at each step, in [0, 1): the higher, the smoother is the curve, and the later it shows what happens. Default 0.98; 0: losses as they are.</summary>
    public double Smoothing { get; init; } = 0.98;

    /// <summary>The run ends when the smoothed loss is this many times the lowest so far, &gt; 1. Default 4; infinity: only a loss that is not finite ends it.</summary>
    /// <remarks>Of a loss below 0 the distance counts: the run ends when the loss is above its lowest by (Divergence − 1) times the size of that.</remarks>
    public double Divergence { get; init; } = 4;

    /// <summary>What the steps change besides the optimizer and its parameters, and is to be put back: schedulers, averages, a <see cref="GradScaler"/>, a data loader of yours. Default nothing.</summary>
    public IReadOnlyList<IStateful> Restored { get; init; } = [];

    /// <summary>The rate of a step, 0 first.</summary>
    internal double RateAt(int step)
    {
        double part = step / (Steps - 1.0);
        return step == Steps - 1 ? EndRate : Growth == RateGrowth.Linear ? StartRate + part * (EndRate - StartRate) : StartRate * Math.Pow(EndRate / StartRate, part);
    }

    internal void Check()
    {
        if (!(StartRate > 0) || !double.IsFinite(StartRate))
            throw Refused(nameof(StartRate), "> 0", StartRate);
        if (!(EndRate > StartRate) || !double.IsFinite(EndRate))
            throw Refused(nameof(EndRate), string.Create(CultureInfo.InvariantCulture, $"above StartRate ({StartRate})"), EndRate);
        if (Steps < 2)
            throw Refused(nameof(Steps), "≥ 2", Steps);
        if (!Enum.IsDefined(Growth))
            throw new ArgumentException($"Growth must be one of {string.Join(", ", Enum.GetNames<RateGrowth>())}, but is {Growth}.", nameof(Growth));
        if (!(Smoothing >= 0 && Smoothing < 1))
            throw Refused(nameof(Smoothing), "≥ 0 and < 1", Smoothing);
        if (!(Divergence > 1))
            throw Refused(nameof(Divergence), "> 1", Divergence);
        if (Restored is null || Restored.Contains(null!))
            throw new ArgumentException("Restored must be a list without null.", nameof(Restored));
    }

    static ArgumentException Refused(string option, string range, double value) =>
        new(string.Create(CultureInfo.InvariantCulture, $"{option} must be {range}, but is {value}."), option);
}
