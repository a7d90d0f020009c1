namespace OptimSharp.Engine;

// The states of parameters, and how the parameters themselves are kept.
internal sealed partial class StepContext
{
    static void FindState(in Part of, ref Entry entry)
    {
        if (!of.States!.TryGetValue(entry.Parameter.Identity, out entry.State))
            of.States.Add(entry.Parameter.Identity, entry.State = new ParameterState());
        else if (entry.Type == ElementType.BFloat16)
            entry.Kept = ParameterStorage.Find(entry.State);
    }

    /// <summary>Has the parameter kept as its group's options say.</summary>
    unsafe void Keep(in Part of, ref Entry entry, ParameterPrecision precision)
    {
        if (ParameterStorage.Refusal(of.Optimizer, entry.Parameter, precision) is { } refusal)
            throw new InvalidOperationException(refusal);
        if (entry.Type != ElementType.BFloat16)
            return;
        if (isMeta)
        {
            ParameterStorage.Plan(precision, entry.State!, entry.Parameter);
            return;
        }
        if ((entry.Kept?.Keeping ?? ParameterKeeping.Nearest) != precision.Keeping)
        {
            string? key;
            fixed (byte* values = &entry.Memory.Values.Start)
                entry.Kept = ParameterStorage.Change(precision, entry.State!, entry.Parameter, (BFloat16*)values, out key);
            if (key is not null)
                made.Add((entry.State!, key));
            entry.StatesVersion = ++version;
        }
        if (entry.Kept is StochasticStorage stochastic)
            (stochastic.Seed, stochastic.Stream, stochastic.First) = (precision.Seed, StochasticStorage.StreamOf(entry.Parameter, entry.Place), entry.Parameter is ParameterPart part ? (nint)part.First : 0);
    }
}
