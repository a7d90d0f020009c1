using OptimSharp.Engine;

namespace OptimSharp;

// How a model enters the averages: in one pass of the engine, or in that of a training step.
public sealed partial class AveragedParameters
{
    readonly StepPlan plan = new();
    readonly bool[] done; // which averages a training step has updated by itself
    Dictionary<object, int>? byIdentity;
    Turn.Inside? held; // during a training step
    bool isPlanned; // what a training step has not taken

    /// <summary>
    /// Begins an update by a training step that changes averages in its own pass over memory: it takes those of its parameters by <see cref="TakeOnHost"/>, each
    /// to be changed as the result says (<see cref="AverageRule{T}.Next"/>), and then calls <see cref="Finish"/>, when the step came about, and <see cref="End"/>.
    /// Throws when the update could not be done.
    /// </summary>
    /// <param name="holds">Whether nobody else may use the averages until <see cref="End"/>.</param>
    /// <returns>How the model enters; null for a function of the user's: then nothing may be taken, and <see cref="Finish"/> does all.</returns>
    internal AverageStep? Begin(bool holds)
    {
        var inside = Enter("a training step", 0);
        try
        {
            Refresh();
            Check(live);
            if (!holds)
                ReserveAll();
        }
        catch
        {
            inside.Dispose();
            throw;
        }
        if (holds)
            held = inside;
        else
            inside.Dispose();
        byIdentity ??= live.Take(parameterCount).Select((p, i) => (p.Identity, i)).ToDictionary(x => x.Identity, x => x.i);
        return Averaging.Next(Count);
    }

    /// <summary>The average of a parameter, which the caller will change. Null when the parameter is not averaged, or its average is elsewhere.</summary>
    internal HostTensor? TakeOnHost(Parameter parameter)
    {
        if (!byIdentity!.TryGetValue(parameter.Identity, out int i) || averages[i] is not HostTensor host)
            return null;
        done[i] = true;
        return host;
    }

    /// <summary>The average of a parameter, wherever it is; null when the parameter is not averaged.</summary>
    internal StateTensor? Find(Parameter parameter) => byIdentity!.TryGetValue(parameter.Identity, out int i) ? averages[i] : null;

    /// <summary>Takes an average that was found: the caller will change it.</summary>
    internal void MarkDone(Parameter parameter) => done[byIdentity![parameter.Identity]] = true;

    /// <summary>Takes the memory that <see cref="Finish"/> needs, once a training step has taken what it takes. Changes nothing. A function of the user's takes its own.</summary>
    internal void Reserve()
    {
        if (held is null || Averaging.Next(Count) is not { } step)
            return;
        PlanAll(live, step);
        plan.Reserve();
        isPlanned = true;
    }

    /// <summary>Takes the memory for an update of all averages, which comes later.</summary>
    void ReserveAll()
    {
        try
        {
            if (Averaging.Next(Count) is { } step)
                PlanAll(live, step);
            plan.Reserve();
        }
        finally
        {
            plan.Clear();
        }
    }

    /// <summary>Updates what was not taken (frozen parameters, buffers) and counts the model.</summary>
    internal void Finish() => Update(live);

    /// <summary>Gives back what was taken, and the averages to others.</summary>
    internal void End()
    {
        plan.Clear();
        isPlanned = false;
        Array.Clear(done);
        held?.Dispose();
        held = null;
    }

    void Check(Parameter[] models)
    {
        turn.Check();
        if (SwapScope.IsOpenFor(models))
            throw new InvalidOperationException("Averages, or another point, are swapped into the parameters, so these can't be averaged: dispose the scope of SwapIn, EvalView or Perturb first.");
        foreach (var model in models)
            model.Locate(); // throws for those that can't be used
    }

    void Update(Parameter[] models)
    {
        try
        {
            if (Averaging.Next(Count) is not { } step)
                Average(models);
            else if (!isPlanned)
                PlanAll(models, step);
            plan.Run(Execution.ThreadCount);
            UpdateWhole(models);
            Count++;
            Version++;
        }
        finally
        {
            plan.Clear();
            isPlanned = false;
            Array.Clear(done);
            GC.KeepAlive(this);
        }
    }

    AverageStep StepFor(int i, AverageStep step) => i < parameterCount || options.UseBuffers ? step : AverageStep.Copy;

    void PlanAll(Parameter[] models, AverageStep step)
    {
        for (int i = 0; i < models.Length; i++)
        {
            if (!done[i])
                Plan(models[i], averages[i], StepFor(i, step));
        }
    }

    /// <summary>By a function; buffers that are only copied are planned.</summary>
    void Average(Parameter[] models)
    {
        int[] chosen = [.. Enumerable.Range(0, models.Length).Where(i => (i < parameterCount || options.UseBuffers) && models[i].ElementType.IsTrainable())];
        for (int i = parameterCount; i < models.Length && !options.UseBuffers; i++)
            Plan(models[i], averages[i], AverageStep.Copy);
        turn.GoTo(Stage.Evaluating);
        Averaging.Average([.. chosen.Select(i => averages[i])], [.. chosen.Select(i => models[i])], Count);
        turn.GoTo(Stage.Working);
    }

    void Plan(Parameter model, StateTensor average, AverageStep step)
    {
        if (model.Numbers == 0 || !average.Type.IsTrainable())
            return;
        if (average.Type.Compute() == ElementType.Float64)
            model.Backend.PlanAverage(plan, new AverageRule<double>(step), model, average);
        else
            model.Backend.PlanAverage(plan, new AverageRule<float>(step), model, average);
    }

    /// <summary>Buffers of whole numbers. A function of the user's does not get them: they are copied.</summary>
    void UpdateWhole(Parameter[] models)
    {
        var step = Averaging.Next(Count) ?? AverageStep.Copy;
        for (int i = parameterCount; i < models.Length; i++)
        {
            if (!averages[i].Type.IsTrainable())
                WholeAverage.Update(models[i], (HostTensor)averages[i], StepFor(i, step));
        }
    }
}
