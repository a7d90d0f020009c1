namespace OptimSharp.Engine;

// Gradients outside of host memory: each backend looks at its own, all at once.
internal sealed unsafe partial class GradientPass
{
    readonly Dictionary<Backend, List<int>> elsewhere = []; // empty, and so for nothing, where all is in host memory

    void GatherElsewhere(NormOrder order, in GradientChange change)
    {
        foreach (var (backend, places) in Elsewhere(shared: true))
        {
            double[] gathered = new double[places.Count];
            backend.GatherGradients(ParametersAt(places), order, change, gathered);
            for (int i = 0; i < gathered.Length; i++)
                entries[places[i]].Gathered = gathered[i];
        }
    }

    /// <summary>The gradients outside of host memory, by their backends.</summary>
    /// <param name="shared">Whether those are among them whose memory is an earlier one's.</param>
    Dictionary<Backend, List<int>> Elsewhere(bool shared)
    {
        elsewhere.Clear();
        for (int i = 0; i < count; i++)
        {
            if (!entries[i].IsElsewhere || entries[i].IsShared && !shared)
                continue;
            var backend = entries[i].Parameter.Backend;
            if (!elsewhere.TryGetValue(backend, out var places))
                elsewhere.Add(backend, places = []);
            places.Add(i);
        }
        return elsewhere;
    }

    Parameter[] ParametersAt(List<int> places) => [.. places.Select(i => entries[i].Parameter)];
}
