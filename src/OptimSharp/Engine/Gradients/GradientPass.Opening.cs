namespace OptimSharp.Engine;

// Opens parameters for a pass of their own, outside of a step, and closes them again.
internal sealed unsafe partial class GradientPass
{
    [ThreadStatic]
    static GradientPass? spare;

    /// <summary>
    /// A pass over the parameters that have a gradient, to be closed again. Throws, with nothing changed, when one can't be used.
    /// </summary>
    public static GradientPass Open(IEnumerable<Parameter> parameters, GradientUse use)
    {
        var pass = spare ?? new GradientPass();
        spare = null;
        try
        {
            if (parameters is IReadOnlyList<Parameter> list)
            {
                for (int i = 0; i < list.Count; i++) // an enumerator would be allocated
                    pass.Open(list[i], use);
            }
            else
            {
                foreach (var parameter in parameters)
                    pass.Open(parameter, use);
            }
        }
        catch
        {
            pass.Close();
            throw;
        }
        return pass;
    }

    /// <summary>A pass over the parameters of an optimizer.</summary>
    public static GradientPass Open(Optimizer optimizer, GradientUse use)
    {
        var pass = spare ?? new GradientPass();
        spare = null;
        try
        {
            for (int i = 0; i < optimizer.ParameterGroups.Count; i++)
            {
                foreach (var parameter in optimizer.ParameterGroups[i].ParameterArray)
                    pass.Open(parameter, use);
            }
        }
        catch
        {
            pass.Close();
            throw;
        }
        return pass;
    }

    /// <summary>Closes the parameters, for the next pass of this thread.</summary>
    public void Close()
    {
        for (int i = 0; i < count; i++)
            entries[i].Parameter.EndStep();
        Clear();
        spare = this;
    }

    void Open(Parameter? parameter, GradientUse use)
    {
        if (parameter is null)
            throw new ArgumentException("A parameter is null.");
        if (!parameter.BeginStep(use, out var memory))
            return;
        try
        {
            if (!seen.Add(parameter.Identity))
                throw new ArgumentException($"Parameter {parameter} is there twice: its gradient would count and be changed twice.");
            TouchedRows? collected = null;
            if (memory.Rows is { } raw)
            {
                if (rowCount == rows.Count)
                    rows.Add(new());
                (collected = rows[rowCount++]).Collect(parameter, raw);
            }
            Add(parameter, memory, collected);
        }
        catch
        {
            parameter.EndStep();
            throw;
        }
    }
}
