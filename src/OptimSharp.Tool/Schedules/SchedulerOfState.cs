using OptimSharp.Schedulers;

namespace OptimSharp.Tool;

/// <summary>A scheduler's state does not say its class: its keys do. With PyTorch's keys all but functions of one's own is in it.</summary>
static class SchedulerOfState
{
    /// <summary>A scheduler of the class that the keys tell, with settings that its state then replaces.</summary>
    /// <param name="o">The optimizer.</param>
    /// <param name="state">The state.</param>
    /// <param name="name">What messages call it.</param>
    /// <exception cref="ToolException">The keys tell none, or one that is a function.</exception>
    public static LRScheduler Make(Optimizer o, StateDict state, string name)
    {
        bool Has(params ReadOnlySpan<string> keys)
        {
            foreach (string key in keys)
            {
                if (!state.ContainsKey(key))
                    return false;
            }
            return true;
        }

        if (Has("_schedulers"))
        {
            LRScheduler[] parts = [.. state.GetDicts("_schedulers").Select((part, i) => Make(o, part, $"{name}, part {i},"))];
            return Has("_milestones") ? new SequentialLR(o, parts, [.. state.GetDoubles("_milestones").Select(m => checked((int)m))]) : new ChainedScheduler(parts, o);
        }
        if (Has("lr_lambdas"))
            throw new ToolException($"{name} is a function of one's own (LambdaLR or MultiplicativeLR), which checkpoints do not have: write it as an expression.");
        if (Has("patience", "factor"))
            return new ReduceLROnPlateau(o);
        if (Has("step_size", "gamma"))
            return new StepLR(o, 1);
        if (Has("milestones", "gamma"))
            return new MultiStepLR(o, [1]);
        if (Has("T_0", "T_mult"))
            return new CosineAnnealingWarmRestarts(o, 1);
        if (Has("T_max", "eta_min"))
            return new CosineAnnealingLR(o, 1);
        if (Has("start_factor", "end_factor"))
            return new LinearLR(o);
        if (Has("factor", "total_iters"))
            return new ConstantLR(o);
        if (Has("power", "total_iters"))
            return new PolynomialLR(o);
        if (IsOneCycle(state))
            return new OneCycleLR(o, Extras(o, "max_lr"), totalSteps: 2);
        if (Has("total_size", "step_ratio"))
            return new CyclicLR(o, 0, 1);
        if (IsAveraging(state))
            return new SWALR(o, Extras(o, "swa_lr"));
        if (Has("gamma"))
            return new ExponentialLR(o, 1);
        throw new ToolException($"{name} is of a class that is not known: it has {string.Join(", ", state.Keys.Select(key => Printable.Of(key.ToString(), 40)))}.");
    }

    public static bool IsOneCycle(StateDict state) => state.ContainsKey("total_steps") && (state.ContainsKey("cycle_momentum") || state.ContainsKey("_schedule_phases"));

    /// <summary>Whether it is of SWALR.</summary>
    public static bool IsAveraging(StateDict state) => state.ContainsKey("anneal_epochs");

    public static bool IsPlateau(StateDict state) => state.ContainsKey("patience") && state.ContainsKey("factor");

    static PerGroup Extras(Optimizer optimizer, string key) =>
        optimizer.ParameterGroups.Select(group => group.Extras.TryGetValue(key, out object? value) && value is double or long ? Convert.ToDouble(value, System.Globalization.CultureInfo.InvariantCulture) : group.LearningRate).ToArray();
}
