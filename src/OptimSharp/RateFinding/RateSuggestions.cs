using System.Globalization;

namespace OptimSharp;

/// <summary>Learning rates that a <see cref="RateCurve"/> suggests, each by a rule of its own; null where a rule has nothing to say. They are fastai's. Of a loss that falls nowhere there are none.</summary>
/// <remarks>They are rules of thumb. When they are far apart, the curve has no clear valley: look at it, smooth it more or take more steps.</remarks>
/// <param name="Valley">
/// In the middle of the longest stretch over which the loss falls. The one to take when there is no reason for another. The stretch ends where the longest falling sequence of losses ends (others may lie in between) and has as many points as that; the rate is a
/// third and a sixth of its length after its start.
/// </param>
/// <param name="Steep">Where the loss falls fastest, by the logarithm of the rate: from one point to the next, so it is easily misled by noise.</param>
/// <param name="Minimum">A tenth of the rate at which the loss is lowest: often still large.</param>
/// <param name="Slide">
/// The rate left of a window of 15 points that slides down from the largest rates for as long as the slopes of the loss at its ends differ by more than 0.005: just before the loss turns up. It goes by the loss's own size. null with fewer than
/// 16 points.
/// </param>
public sealed record RateSuggestions(double? Valley, double? Steep, double? Minimum, double? Slide)
{
    const int Window = 15;
    const double LeastDifference = 0.005;

    /// <summary>The largest by the smallest, ≥ 1: how far they agree. null when there are none.</summary>
    public double? Spread
    {
        get
        {
            double[] all = [.. new[] { Valley, Steep, Minimum, Slide }.OfType<double>()];
            return all.Length == 0 ? null : all.Max() / all.Min();
        }
    }

    /// <summary>All of them in a line.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture,
        $"valley {Text(Valley)}, steep {Text(Steep)}, minimum {Text(Minimum)}, slide {Text(Slide)}");

    internal static RateSuggestions None { get; } = new(null, null, null, null);

    /// <param name="rates">The rates.</param>
    /// <param name="losses">The smoothed losses.</param>
    /// <param name="smoothing">How much of the average each kept of the one before.</param>
    internal static RateSuggestions Of(double[] rates, double[] losses, double smoothing) => Falls(losses, smoothing)
        ? new(FindValley(rates, losses), FindSteep(rates, losses), rates[Array.IndexOf(losses, losses.Min())] / 10, FindSlide(rates, losses))
        : None;

    /// <summary>Whether there is a point below an earlier one by more than rounding errors.</summary>
    /// <remarks>
    /// With a unit roundoff u and a smoothing β, a step adds up to 3u to the relative error of the average, and keeps β of what was there: at most 3u/(1 − β). The correction 1 − βⁿ has at most u/(1 − β), since βⁿ has nu. That is 4u/(1 − β) a
    /// point, and twice that for two.
    /// </remarks>
    static bool Falls(double[] losses, double smoothing)
    {
        const double UnitRoundoff = 1.0 / (1L << 53);
        double rounding = 8 * UnitRoundoff / (1 - smoothing), highest = double.NegativeInfinity;
        foreach (double loss in losses)
        {
            if (highest - loss > rounding * Math.Max(Math.Abs(highest), Math.Abs(loss)))
                return true;
            highest = Math.Max(highest, loss);
        }
        return false;
    }

    static double? FindValley(double[] rates, double[] losses)
    {
        int[] lengths = new int[losses.Length]; // of the longest falling sequence that ends at a point
        int end = 0;
        for (int i = 0; i < losses.Length; i++)
        {
            lengths[i] = 1;
            for (int j = 0; j < i; j++)
            {
                if (losses[i] < losses[j])
                    lengths[i] = Math.Max(lengths[i], lengths[j] + 1);
            }
            if (lengths[i] > lengths[end])
                end = i;
        }
        int length = lengths[end];
        if (length == 1)
            return null;
        int third = length / 3, sixth = length / 6;
        return rates[Math.Max(0, end - length + third + sixth)];
    }

    static double? FindSteep(double[] rates, double[] losses)
    {
        double steepest = 0;
        double? found = null;
        for (int i = 0; i + 1 < rates.Length; i++)
        {
            double slope = (losses[i + 1] - losses[i]) / (Math.Log(rates[i + 1]) - Math.Log(rates[i]));
            if (slope < steepest)
                (steepest, found) = (slope, rates[i]);
        }
        return found;
    }

    static double? FindSlide(double[] rates, double[] losses)
    {
        int right = losses.Length - 1, left = right - Window;
        if (left < 0)
            return null;
        double found = rates[left];
        for (; left >= 0 && Math.Abs(Slope(right) - Slope(left)) > LeastDifference; left--, right--)
            found = rates[left];
        return found;

        double Slope(int i) // from one point to the next
        {
            int before = Math.Max(i - 1, 0), after = Math.Min(i + 1, losses.Length - 1);
            return (losses[after] - losses[before]) / (after - before);
        }
    }

    static string Text(double? rate) => rate?.ToString("G3", CultureInfo.InvariantCulture) ?? "none";
}
