using System.Diagnostics.CodeAnalysis;
using OptimSharp.Rules;

namespace OptimSharp;

/// <summary>Parameters that share options. An optimizer has one or more.</summary>
public abstract partial class ParameterGroup
{
    readonly Parameter[] parameters;
    string[]? kept; // what was kept when a state was loaded the last time

    private protected ParameterGroup(IEnumerable<Parameter> parameters)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        this.parameters = [.. parameters];
        var seen = new Dictionary<object, Parameter>();
        for (int i = 0; i < this.parameters.Length; i++)
        {
            var parameter = this.parameters[i] ?? throw new ArgumentNullException(nameof(parameters), $"Parameter {i} of the group is null.");
            if (!seen.TryAdd(parameter.Identity, parameter))
                throw new ArgumentException($"Parameter {parameter} is in the group twice{parameter.OtherName(seen[parameter.Identity])}: it would be stepped twice.", nameof(parameters));
        }
    }

    /// <summary>The group's parameters, in the order given.</summary>
    public IReadOnlyList<Parameter> Parameters => parameters;

    /// <summary>The learning rate, ≥ 0: what schedulers write, and you may between steps.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The rate is negative or NaN.</exception>
    public abstract double LearningRate { get; set; }

    /// <summary>The learning rate that schedulers start from: the group's rate when its first scheduler was made. PyTorch's <c>initial_lr</c>.</summary>
    public double? InitialLearningRate
    {
        get => Extras.ContainsKey("initial_lr") ? Extras.GetDouble("initial_lr") : null;
        internal set
        {
            if (value is { } rate)
                Extras["initial_lr"] = rate;
            else
                Extras.Remove("initial_lr");
        }
    }

    /// <summary>The options by PyTorch's names (<c>"lr"</c>, <c>"betas"</c>).</summary>
    public abstract IEnumerable<string> OptionKeys { get; }

    /// <summary>
    /// An option by PyTorch's name, in plain terms: a number, bool, string, null, or a list of these
    /// (<c>group["betas"] = new[] { 0.9, 0.95 }</c>).
    /// </summary>
    /// <exception cref="KeyNotFoundException">The optimizer has no such option.</exception>
    /// <exception cref="ArgumentException">The value is of another type, or outside the option's range.</exception>
    public abstract object? this[string key] { get; set; }

    /// <summary>Whether the optimizer has this option.</summary>
    public abstract bool HasOption(string key);

    internal Parameter[] ParameterArray => parameters;

    /// <summary>
    /// What the group has beside its options and parameters, saved and loaded with them as in PyTorch's <c>param_groups</c>: what schedulers leave
    /// there (<c>initial_lr</c>, <c>max_lr</c>…), and anything of yours or of another library's (<c>lr_scale</c>, <c>group_name</c>) that a state
    /// dict can hold.
    /// </summary>
    /// <remarks>
    /// An optimizer does nothing with them. Loading a state dict replaces them all, but for those that <see cref="LoadStateOptions.Keep"/> names. The
    /// name of an option can't be one: saving refuses it.
    /// </remarks>
    public StateDict Extras { get; } = [];

    /// <summary>Another object each time that a state was loaded of which the rate was not taken: schedulers then start from the group's rate.</summary>
    internal object? RateKept { get; set; }

    /// <summary>The same for any option, by PyTorch's name; null when it was taken.</summary>
    internal object? KeptAt(string key) => kept?.Contains(key) == true ? kept : null;

    /// <summary>Whether a state was loaded into it.</summary>
    internal bool IsLoaded { get; private set; }

    /// <summary>Whether rules added it to an optimizer that was there already, and no state was loaded into it since.</summary>
    internal bool IsAddedByRules { get; set; }

    internal abstract OptimizerOptions CurrentOptions { get; private protected set; }

    /// <summary>What the optimizer keeps for the group.</summary>
    internal GroupNumbers Numbers { get; private protected set; } = new([]);

    /// <summary>The options that it was made with; null before.</summary>
    internal abstract OptimizerOptions? AsMade { get; }

    /// <summary>An option of any record of its kind, in plain terms, or one of <see cref="OptimizerOptions.OfThisProcess"/>.</summary>
    internal abstract object? ValueIn(OptimizerOptions options, string key);

    /// <summary>The number in the range of an option that is nearest to one that is not NaN.</summary>
    internal abstract double Nearest(string key, double value);

    /// <summary>Whether an option is saved: unless it is one that is saved only where it differs from <paramref name="standard"/>.</summary>
    internal abstract bool Saves(string key, OptimizerOptions standard);

    /// <summary>Writes the options under PyTorch's names, but for those that are saved only where they differ from <paramref name="standard"/>.</summary>
    internal abstract void SaveOptions(StateDict to, OptimizerOptions standard);

    /// <summary>Reads and checks options, all but those to be kept, and changes nothing. What older checkpoints may lack is as in <paramref name="standard"/>.</summary>
    internal abstract OptimizerOptions ReadOptions(StateDict from, OptimizerOptions basis, LoadStateOptions loading, OptimizerOptions standard);

    /// <summary>Whether older checkpoints may lack an option.</summary>
    internal abstract bool MayLack(string key);

    /// <summary>Takes over what was read.</summary>
    /// <param name="from">What was read.</param>
    /// <param name="keep">The options that were not to be taken.</param>
    internal void Load(LoadedGroup from, IReadOnlyCollection<string> keep)
    {
        if (from.Content is not var (options, extras, numbers))
            return;
        CurrentOptions = options;
        Numbers.CopyFrom(numbers);
        Replace(extras.Clone(), _ => true);
        kept = keep.Count > 0 ? [.. keep] : null;
        RateKept = KeptAt("lr");
        beforeSchedulers = from.BeforeSchedulers;
        (IsLoaded, IsAddedByRules) = (true, false);
        RestoreScheduledRate();
    }

    void Replace(StateDict extras, Func<StateKey, bool> which)
    {
        foreach (var key in Extras.Keys.Where(which).ToArray())
            Extras.Remove(key);
        foreach (var (key, value) in extras.Where(e => which(e.Key)))
            Extras[key] = value;
    }
}

/// <summary>Parameters that share options of an optimizer.</summary>
/// <typeparam name="TOptions">The optimizer's options.</typeparam>
public sealed class ParameterGroup<[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicProperties)] TOptions> : ParameterGroup
    where TOptions : OptimizerOptions
{
    readonly Func<TOptions, TOptions> overrides;
    TOptions? options, asMade;
    Optimizer? optimizer;
    int index;

    /// <summary>A group whose options are the optimizer's, but for what <paramref name="overrides"/> changes.</summary>
    /// <param name="parameters">The parameters; may be none.</param>
    /// <param name="overrides">From the optimizer's options to the group's, as <c>o => o with { LearningRate = 1e-3 }</c>; null: the optimizer's.</param>
    /// <exception cref="ArgumentException">A parameter appears twice.</exception>
    public ParameterGroup(IEnumerable<Parameter> parameters, Func<TOptions, TOptions>? overrides = null) : base(parameters) =>
        this.overrides = overrides ?? (defaults => defaults);

    /// <summary>The group's options. Set to change them from the next step on.</summary>
    /// <exception cref="ArgumentException">An option is outside its range.</exception>
    /// <exception cref="InvalidOperationException">The group does not belong to an optimizer yet.</exception>
    public TOptions Options
    {
        get => options ?? throw new InvalidOperationException(
            "The group has no options yet: they come from the optimizer that it is given to.");
        set
        {
            ArgumentNullException.ThrowIfNull(value);
            OptionSchema<TOptions>.Check(value, $" (parameter group {index})");
            if (optimizer?.WrongNames(value, []) is { } wrong)
                throw new ArgumentException(wrong, nameof(value));
            options = value;
            OptionsChanged();
        }
    }

    /// <inheritdoc/>
    public override double LearningRate
    {
        get => Options.LearningRate;
        set => Options = (TOptions)(Options with { LearningRate = value });
    }

    /// <inheritdoc/>
    public override IEnumerable<string> OptionKeys => OptionSchema<TOptions>.Options.Select(o => o.Key);

    /// <inheritdoc/>
    public override object? this[string key]
    {
        get => Option(key).Get(Options);
        set => Options = (TOptions)Option(key).With(Options, value);
    }

    /// <inheritdoc/>
    public override bool HasOption(string key) => OptionSchema<TOptions>.Find(key) is not null;

    internal override void SaveOptions(StateDict to, OptimizerOptions standard)
    {
        var saved = Options.ToSave();
        foreach (var option in OptionSchema<TOptions>.Options.Where(o => o.IsSaved(saved, standard)))
            to[option.Key] = option.Get(saved) is object?[] parts ? new StateTuple(parts) : option.Get(saved);
    }

    internal override OptimizerOptions? AsMade => asMade;

    internal override object? ValueIn(OptimizerOptions options, string key) =>
        options.TextOf(key) ?? Option(key).Get(options);

    internal override double Nearest(string key, double value) => Option(key).Nearest(value);

    internal override bool Saves(string key, OptimizerOptions standard) => Option(key).IsSaved(Options, standard);

    internal override bool MayLack(string key) => Option(key).MayBeMissing;

    internal override OptimizerOptions ReadOptions(StateDict from, OptimizerOptions basis, LoadStateOptions loading, OptimizerOptions standard)
    {
        var read = basis;
        foreach (var option in OptionSchema<TOptions>.Options)
        {
            bool missing = !from.ContainsKey(option.Key);
            if (loading.Keep.Contains(option.Key) || missing && !option.MayBeMissing && loading.Missing != MissingState.Refuse)
                continue;
            object? value = missing && option.MayBeMissing ? option.Get(standard) : OptimizerState.Plain(from[option.Key]);
            try
            {
                read = option.With(read, value);
                option.Check(read, "");
            }
            catch (ArgumentException e)
            {
                throw Refused($"{from.Path}.{option.Key}", e.Message);
            }
        }
        return read.WrongTogether() is var (_, problem) ? throw Refused(from.Path, problem) : read;

        static StateDictException Refused(string path, string why) => new(path, $"can't be loaded: {why.Split(" (Parameter '")[0].TrimEnd('.')}");
    }

    internal bool IsAttached => options is not null;

    internal override OptimizerOptions CurrentOptions
    {
        get => Options;
        private protected set => Options = (TOptions)value;
    }

    /// <summary>Takes what it does not override from the optimizer's options. Throws without a change when that is out of range.</summary>
    internal TOptions Resolve(TOptions defaults, int asIndex)
    {
        var resolved = overrides(defaults) ?? throw new InvalidOperationException($"The options of parameter group {asIndex} are null.");
        OptionSchema<TOptions>.Check(resolved, $" (parameter group {asIndex})");
        return resolved;
    }

    internal void Attach(TOptions resolved, int asIndex) => (options, index) = (resolved, asIndex);

    internal void Attach(TOptions resolved, int asIndex, Optimizer owner, IReadOnlyList<StateEntry> entries)
    {
        Numbers = new(entries);
        optimizer = owner;
        asMade = resolved;
        Attach(resolved, asIndex);
    }

    internal void Detach() => (options, optimizer) = (null, null);

    static OptionDescriptor Option(string key) => OptionSchema<TOptions>.Find(key) ?? throw new KeyNotFoundException(
        $"There is no option '{key}'; there are: {string.Join(", ", OptionSchema<TOptions>.Options.Select(o => o.Key))}.");
}
