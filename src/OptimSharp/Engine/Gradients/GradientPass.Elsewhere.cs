namespace OptimSharp.Engine;

// Gradients outside of host memory: each backend looks at its own, all at once.
internal sealed unsafe partial class GradientPass
{
    readonly List<OfBackend> elsewhere = []; // empty, and so for nothing, where all is in host memory

    /// <summary>A backend's gradients. Kept between uses.</summary>
    sealed class OfBackend(Backend backend)
    {
        readonly List<int> places = [];
        Parameter[] parameters = [];
        double[] gathered = [];

        public Backend Backend => backend;

        /// <summary>Which entries they are.</summary>
        public List<int> Places => places;

        public ReadOnlySpan<Parameter> Parameters => parameters.AsSpan(0, places.Count);

        /// <summary>Room for what each gathers to.</summary>
        public Span<double> Gathered => gathered.AsSpan(0, places.Count);

        public void Add(int place, Parameter parameter)
        {
            if (places.Count == parameters.Length)
            {
                Array.Resize(ref parameters, Math.Max(8, 2 * parameters.Length));
                gathered = new double[parameters.Length];
            }
            parameters[places.Count] = parameter;
            places.Add(place);
        }

        public void Clear()
        {
            Array.Clear(parameters);
            places.Clear();
        }
    }

    void GatherElsewhere(NormOrder order, in GradientChange change)
    {
        foreach (var of in Elsewhere(shared: true))
        {
            var gathered = of.Gathered;
            if (gathered.IsEmpty)
                continue;
            of.Backend.GatherGradients(of.Parameters, order, change, gathered);
            for (int i = 0; i < gathered.Length; i++)
                entries[of.Places[i]].Gathered = gathered[i];
        }
    }

    /// <summary>The gradients outside of host memory, by their backends, of which some may have none.</summary>
    /// <param name="shared">Whether those are among them whose memory is an earlier one's.</param>
    List<OfBackend> Elsewhere(bool shared)
    {
        ClearElsewhere();
        for (int i = 0; i < count; i++)
        {
            if (entries[i].IsElsewhere && (shared || !entries[i].IsShared))
                Of(entries[i].Parameter.Backend).Add(i, entries[i].Parameter);
        }
        return elsewhere;
    }

    OfBackend Of(Backend backend)
    {
        foreach (var of in elsewhere)
        {
            if (of.Backend == backend)
                return of;
        }
        elsewhere.Add(new(backend));
        return elsewhere[^1];
    }

    void ClearElsewhere()
    {
        foreach (var of in elsewhere)
            of.Clear();
    }
}
