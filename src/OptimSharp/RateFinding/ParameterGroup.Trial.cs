namespace OptimSharp;

// A trial, after which everything is as before.
public abstract partial class ParameterGroup
{
    /// <summary>Keeps options, numbers and extras.</summary>
    /// <returns>What puts them back.</returns>
    internal Action Keep()
    {
        var (options, extras, numbers) = (CurrentOptions, Extras.Clone(), Numbers.Copy());
        var before = (kept, RateKept, IsLoaded, IsAddedByRules, beforeSchedulers, scheduledRate, RatesToResume);
        return () =>
        {
            CurrentOptions = options;
            Numbers.CopyFrom(numbers);
            Replace(extras, _ => true);
            (kept, RateKept, IsLoaded, IsAddedByRules, beforeSchedulers, scheduledRate, RatesToResume) = before;
        };
    }
}
