using OptimSharp.Rules;

namespace OptimSharp;

/// <summary>A group's options, and what is kept beside them.</summary>
internal sealed record GroupContent(OptimizerOptions Options, StateDict Extras, GroupNumbers Numbers);

/// <summary>Reads groups of a state dict, checks them, and changes nothing.</summary>
internal sealed class GroupReader(Optimizer optimizer, LoadStateOptions options, List<LoadedEntry> report)
{
    /// <summary>What PyTorch's schedulers leave in groups.</summary>
    public static readonly string[] SchedulerKeys = ["initial_lr", "max_lr", "min_lr", "swa_lr", "max_momentum", "base_momentum"];

    /// <summary>What says which parameters a group has.</summary>
    static readonly string[] Structure = ["params", "param_names", SavedGroup.Algorithm];

    /// <summary>PyTorch's choices of an implementation. They change no result, and we have none of them.</summary>
    static readonly string[] Implementation = ["foreach", "fused", "capturable", "differentiable"];

    /// <summary>The options of all optimizers: one that this optimizer does not have shows that the state is another's.</summary>
    static readonly HashSet<string> OptionsOfAll =
    [
        // <options>
        "adjust_lr_fn", "alpha", "alpha_warmup", "always_adapt", "amsgrad", "beta1", "beta2", "beta2_decay", "beta3", "beta3_warmup", "betas",
        "betas_1d", "bias_correction", "caution", "centered", "clip_exponent", "correct_bias", "corrected_weight_decay", "d", "d0", "d_coef",
        "dampening", "decouple", "decouple_lr", "decoupled_decay", "decoupled_weight_decay", "degenerated_to_sgd", "eps", "epsilon", "etas",
        "fixed_decay", "gamma", "grad_averaging", "grafting_beta2", "grafting_epsilon", "grafting_type", "growth_rate", "history_size",
        "initial_accumulator_value", "inner_momentum", "lambd", "layer_scale", "line_search_fn", "lr", "lr_1d_factor", "lr_decay", "mars_type",
        "matrix_shape", "max_eval", "max_grad_norm", "max_iter", "max_precond_dim", "max_preconditioner_dim", "maximize", "merge_dims", "momentum",
        "momentum_decay", "nesterov", "no_prox", "normalize_grads", "ns_coefficients", "ns_float32", "ns_schedule", "ns_steps", "optimize_1d",
        "precondition_1d", "precondition_frequency", "r", "rectify", "rho", "root_inv_type", "safeguard_warmup", "shampoo_beta", "silent_sgd_phase",
        "split_sizes", "start_preconditioning_step", "step_sizes", "t0", "target_parameter_dimensionality", "tolerance_change", "tolerance_grad",
        "trust_clip", "trust_coeff", "use_bias_correction", "use_nesterov", "warmup_steps", "weight_decay", "weight_decay_1d", "weight_decay_type",
        "weight_decouple", "weight_lr_power",
        // </options>
    ];

    /// <summary>Whether a name can be an extra's: it is neither an option nor what says which parameters a group has.</summary>
    public static bool CanBeExtra(ParameterGroup group, StateKey key) =>
        key.Name is not { } name || !(group.HasOption(name) || group.Numbers.Has(name) || OptionsOfAll.Contains(name) || Structure.Contains(name) || Implementation.Contains(name));

    public void CheckKeep()
    {
        var groups = optimizer.ParameterGroups;
        foreach (string key in options.Keep)
        {
            if (!groups.Any(g => g.HasOption(key) || g.Numbers.Has(key) || g.Extras.ContainsKey(key)) && !SchedulerKeys.Contains(key))
            {
                string[] known = [.. groups.SelectMany(g => g.OptionKeys).Distinct(), .. SchedulerKeys, .. groups.SelectMany(g => g.Extras.Keys).Select(k => k.ToString()).Except(SchedulerKeys)];
                throw new ArgumentException($"There is no option '{key}' to keep; there are: {string.Join(", ", known)}.", nameof(options));
            }
        }
    }

    /// <summary>A saved group on top of one of the optimizer's, as it would be.</summary>
    /// <param name="part">The optimizer whose group it is.</param>
    /// <param name="group">The group.</param>
    /// <param name="basis">What that has, or had before new schedulers wrote to it: where options to be kept come from.</param>
    /// <param name="from">The saved group.</param>
    public GroupContent Read(Optimizer part, ParameterGroup group, GroupContent basis, StateDict from)
    {
        foreach (var key in from.Keys)
        {
            if (options.Unexpected == UnexpectedState.Refuse && IsForeign(group, key))
            {
                throw new StateDictException(OptimizerState.PathIn(from, key), "is an option that the optimizer does not have; it has: "
                    + string.Join(", ", group.OptionKeys));
            }
        }
        var read = group.ReadOptions(from, basis.Options, options, part.StandardOptions);
        return new(read, ReadExtras(part, group, basis, from), basis.Numbers.Read(from, options.Keep));
    }

    /// <summary>Notes the options that one side alone has.</summary>
    public void Report(ParameterGroup group, int index, SavedGroup saved)
    {
        foreach (var key in saved.Dict.Keys.Where(key => IsForeign(group, key)))
            report.Add(new($"param_groups[{saved.Number}].{key}", LoadOutcome.Dropped, key.Name, FromGroup: saved.Number));
        foreach (string key in group.OptionKeys)
        {
            if (!options.Keep.Contains(key) && !saved.Dict.ContainsKey(key) && !group.MayLack(key))
                report.Add(new($"param_groups[{index}].{key}", LoadOutcome.Kept, Group: index, FromGroup: saved.Number));
        }
    }

    /// <summary>The first thing in which two saved groups differ, other than their parameters.</summary>
    public string Difference(StateDict a, StateDict b)
    {
        var keys = a.Keys.Concat(b.Keys).Where(key => !(key.Name is { } name && (Structure.Contains(name) || options.Keep.Contains(name))));
        return keys.First(key => Text(a, key) != Text(b, key)) is var different ? $"'{different}' is {Text(a, different)} and {Text(b, different)}" : "";

        static string Text(StateDict dict, StateKey key) => dict.TryGetValue(key, out object? value) ? StateDict.Text(value, most: 100) : "missing";
    }

    StateDict ReadExtras(Optimizer part, ParameterGroup group, GroupContent basis, StateDict from)
    {
        var read = new StateDict();
        bool keepsStart = options.Keep.Contains("lr") && !options.Keep.Contains("initial_lr");
        foreach (var (key, value) in from.Clone())
        {
            if (!CanBeExtra(group, key) || IsCount(part, group, key) || key.Name is { } kept && options.Keep.Contains(kept))
                continue;
            if (value is null && SchedulerKeys.Contains(key.Name))
                continue; // not a scheduler's, but an option of another library's that is not set
            if (keepsStart && key == "initial_lr")
                read[key] = basis.Extras.TryGetValue(key, out object? start) ? start : basis.Options.LearningRate;
            else
                read[key] = key.Name is { } name && SchedulerKeys.Contains(name) ? OptimizerState.Number(from, name) : value;
        }
        foreach (var (key, value) in basis.Extras.Clone())
        {
            if (key.Name is { } name && (options.Keep.Contains(name) || keepsStart && name == "initial_lr"))
                read[key] = value;
        }
        return read;
    }

    /// <summary>Whether it is a count of steps for the whole group, which becomes each parameter's own.</summary>
    static bool IsCount(Optimizer part, ParameterGroup group, StateKey key) => key == StateEntry.Step.Key && group.Parameters.Any(p => part.EntriesOf(p).Any(e => e.Kind == StateKind.Step));

    static bool IsForeign(ParameterGroup group, StateKey key) => key.Name is { } name && OptionsOfAll.Contains(name) && !group.HasOption(name) && !group.Numbers.Has(name);
}
