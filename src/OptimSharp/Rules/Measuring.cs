using System.Numerics;

namespace OptimSharp.Rules;

/// <summary>Whether a rule measures. One that is run without its sums would compute something else, and nobody would see it.</summary>
static class Measuring<TRule, T>
    where TRule : struct, IUpdateRule<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    static readonly bool Measures = typeof(IMeasuringRule<T>).IsAssignableFrom(typeof(TRule));

    /// <summary>Refuses a measuring rule.</summary>
    /// <param name="advice">What is to be done instead, as a sentence.</param>
    public static void Refuse(string advice)
    {
        if (Measures)
            throw new InvalidOperationException($"{typeof(TRule).Name} measures before it is applied, but here it would not get its sums. {advice}");
    }
}

/// <summary>The rule within a rule.</summary>
static class Wrapped<TRule, T>
    where TRule : struct, IUpdateRule<T>
    where T : unmanaged, IBinaryFloatingPointIeee754<T>
{
    /// <summary>The rule, unless it measures.</summary>
    public static TRule Plain(TRule rule)
    {
        Measuring<TRule, T>.Refuse("A rule over rules takes one that does not measure.");
        return rule;
    }
}
