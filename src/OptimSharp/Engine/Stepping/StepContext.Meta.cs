namespace OptimSharp.Engine;

// A step that is planned and never taken, for parameters without memory.
internal sealed partial class StepContext
{
    bool isMeta; // nothing has numbers: states get their sizes, and that is all

    /// <summary>The states that parameters without memory would have after a step with a gradient of each, by identity. The optimizers' own states stay as they are. For a context of its own.</summary>
    public Dictionary<object, ParameterState> MetaStates(ReadOnlySpan<Optimizer> optimizers)
    {
        isMeta = true;
        Bind(optimizers);
        var states = new Dictionary<object, ParameterState>();
        foreach (ref var entry in entries.AsSpan())
            entry.Present = entry.Parameter.IsMeta;
        try
        {
            foreach (ref var of in parts.AsSpan())
            {
                of.States = states;
                for (int i = of.First; i < of.Last; i++)
                    Begin(of, ref groupsOf[i]);
            }
            for (int i = 0; i < optimizers.Length; i++)
                optimizers[i].Plan(this, GoTo(i));
        }
        finally
        {
            done = true; // there is nothing to take back
            End();
        }
        return states;
    }
}
