using System.Globalization;

namespace OptimSharp.Testing;

/// <summary>Compares tensors as the format says.</summary>
internal static class Comparison
{
    /// <summary>What differs, in words; null when all is within tolerance.</summary>
    /// <param name="expected">PyTorch's numbers.</param>
    /// <param name="actual">Ours.</param>
    /// <param name="tolerance">Relative to the largest finite magnitude in <paramref name="expected"/>. What is not finite must match in place.</param>
    /// <param name="spacing">The distance of the type's numbers next to 0, which is allowed however small the tolerance is: one rounding makes it.</param>
    public static string? Difference(ReadOnlySpan<double> expected, ReadOnlySpan<double> actual, double tolerance, double spacing = 0)
    {
        if (expected.Length != actual.Length)
            return $"{expected.Length} numbers expected, {actual.Length} found";
        double scale = 0;
        foreach (double x in expected)
        {
            if (double.IsFinite(x))
                scale = Math.Max(scale, Math.Abs(x));
        }
        for (int i = 0; i < expected.Length; i++)
        {
            double e = expected[i], a = actual[i];
            bool same = double.IsFinite(e) ? Math.Abs(a - e) <= Math.Max(tolerance * scale, spacing) : e.Equals(a);
            if (!same)
            {
                return string.Create(CultureInfo.InvariantCulture,
                    $"element {i} is {a:R}, but {e:R} was expected (within {tolerance:R} of the largest magnitude, {scale:R})");
            }
        }
        return null;
    }
}
