using System.Diagnostics.CodeAnalysis;
using System.Numerics;
using OptimSharp.Engine;
using OptimSharp.Rules;

namespace OptimSharp;

/// <summary>An optimizer whose groups have options of one kind.</summary>
/// <typeparam name="TOptions">The optimizer's options.</typeparam>
public abstract partial class Optimizer<[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicProperties)] TOptions> : Optimizer
    where TOptions : OptimizerOptions, new()
{
    readonly List<ParameterGroup<TOptions>> groups = [];

    /// <summary>For groups of parameters with options of their own; what a group does not override is taken from <paramref name="options"/>.</summary>
    /// <param name="groups">The groups, or parameters under rules (<see cref="GroupRules{TOptions}.Of"/>); for parameters that share one set of options, <see cref="Group"/> makes one.</param>
    /// <param name="options">The options of groups that override none; null: the record's defaults.</param>
    /// <exception cref="ArgumentException">No parameters, one twice, one that the optimizer can't have, or an option out of range; or a rule that is without effect.</exception>
    protected Optimizer(IEnumerable<ParameterGroup<TOptions>> groups, TOptions? options)
    {
        Defaults = options ?? new TOptions();
        OptionSchema<TOptions>.Check(Defaults);
        try
        {
            var placed = new Dictionary<object, (Parameter, int)>();
            foreach (var group in NotEmpty(FromRules(groups), nameof(groups)))
                Add(group ?? throw new ArgumentNullException(nameof(groups), $"Parameter group {this.groups.Count} is null."), placed);
            MemoryOverlap.Refuse(this.groups.SelectMany(g => g.Parameters), nameof(groups));
            foreach (var group in this.groups)
                CheckNames(group.Options, []);
            CheckGroups();
        }
        catch
        {
            foreach (var group in this.groups)
                group.Detach(); // for another attempt
            throw;
        }
    }

    /// <summary>The options of groups that override none.</summary>
    public TOptions Defaults { get; }

    /// <summary>The groups of parameters, each with its options.</summary>
    public new IReadOnlyList<ParameterGroup<TOptions>> ParameterGroups => groups;

    private protected override IReadOnlyList<ParameterGroup> Groups => groups;

    internal override OptimizerOptions StandardOptions => new TOptions();

    internal override ParameterGroup MakeGroup(IEnumerable<Parameter> parameters, OptimizerOptions options)
    {
        var made = new ParameterGroup<TOptions>(parameters);
        made.Attach((TOptions)options, groups.Count, this, GroupEntries);
        return made;
    }

    internal override void SetGroups(IReadOnlyList<ParameterGroup> to)
    {
        foreach (var old in groups.Where(group => !to.Contains(group)))
            old.Detach();
        groups.Clear();
        foreach (var group in to.Cast<ParameterGroup<TOptions>>())
        {
            group.Attach(group.Options, groups.Count);
            groups.Add(group);
        }
    }

    /// <summary>Adds a group, at any time: layers that are thawed during training, say. Gradients that its parameters have stay, as in PyTorch.</summary>
    /// <exception cref="ArgumentException">An option is out of range, a parameter is in an earlier group already or shares memory with another one, or the
    /// group belongs to an optimizer. Nothing was added.</exception>
    /// <exception cref="InvalidOperationException">Another thread is using the optimizer, or this is within the closure of a <see cref="ClosureOptimizer{TOptions}"/>. Nothing was added.</exception>
    /// <exception cref="ObjectDisposedException">The optimizer was disposed.</exception>
    public void AddParameterGroup(ParameterGroup<TOptions> group)
    {
        ArgumentNullException.ThrowIfNull(group);
        using var turn = Turn.Enter("AddParameterGroup", within: Stage.Before | Stage.After);
        IReadOnlyList<ParameterGroup> present = CombinedIn?.ParameterGroups ?? groups;
        MemoryOverlap.Refuse(present.SelectMany(g => g.Parameters).Concat(group.Parameters).DistinctBy(p => p.Identity), nameof(group));
        CheckNames(group.Resolve(Defaults, groups.Count), group.Parameters);
        Add(group, present.Index().SelectMany(x => x.Item.Parameters, (x, p) => (Parameter: p, Group: x.Index)).ToDictionary(x => x.Parameter.Identity));
    }

    void CheckNames(TOptions options, IEnumerable<Parameter> others)
    {
        if (WrongNames(options, others) is { } wrong)
            throw new ArgumentException(wrong, nameof(options));
    }

    /// <param name="group">The group.</param>
    /// <param name="placed">The parameters of earlier groups, and which group each is in.</param>
    void Add(ParameterGroup<TOptions> group, Dictionary<object, (Parameter Parameter, int Group)> placed)
    {
        if (group.IsAttached)
            throw new ArgumentException("The group belongs to an optimizer already; make a new one of its parameters.", nameof(group));
        CheckGroup(group);
        foreach (var parameter in group.Parameters)
        {
            if (placed.TryGetValue(parameter.Identity, out var earlier))
                throw new ArgumentException($"Parameter {parameter} is in parameter group {earlier.Group} already{parameter.OtherName(earlier.Parameter)}: it would be stepped twice.", nameof(group));
        }
        foreach (var parameter in group.Parameters)
            CheckParameter(parameter);
        var resolved = group.Resolve(Defaults, groups.Count);
        foreach (var parameter in group.Parameters)
            CheckParameter(parameter, (OptimizerOptions)resolved);
        group.Attach(resolved, groups.Count, this, GroupEntries);
        foreach (var parameter in group.Parameters)
            placed.Add(parameter.Identity, (parameter, groups.Count));
        groups.Add(group);
    }

    /// <summary>What the optimizer remembers of a parameter, in the order in which state dicts have it. Everything that its rules use is in it.</summary>
    protected abstract IReadOnlyList<StateEntry> StateEntries(Parameter parameter);

    /// <summary>The numbers that the optimizer keeps for each group (<see cref="GroupStep{T}.Numbers"/>): <see cref="StateEntry.Number"/> and <see cref="StateEntry.WholeNumber"/>. None, unless this is overridden.</summary>
    protected virtual IReadOnlyList<StateEntry> GroupEntries => [];

    /// <summary>
    /// Plans the step of one group: a loop over <paramref name="group"/> that gives each parameter its rule.
    /// Parameters without gradient, threads, element types and devices are dealt with elsewhere.
    /// </summary>
    /// <typeparam name="T">The type computed in: float or double. A group with parameters of both kinds is planned in two calls.</typeparam>
    /// <param name="group">The parameters.</param>
    /// <param name="options">The group's options as they are now.</param>
    protected abstract void Update<T>(GroupStep<T> group, TOptions options)
        where T : unmanaged, IBinaryFloatingPointIeee754<T>;

    /// <summary>Throws <see cref="ArgumentException"/> for a parameter that the optimizer can't have.</summary>
    protected virtual void CheckParameter(Parameter parameter)
    {
    }

    /// <summary>
    /// Throws <see cref="ArgumentException"/> for a parameter that the optimizer can't have with these options. It is asked where parameters or a state dict come in; where options are changed by
    /// hand, it is not: ask it in <see cref="Update{T}"/>, too.
    /// </summary>
    /// <param name="parameter">The parameter.</param>
    /// <param name="options">The options of its group.</param>
    protected virtual void CheckParameter(Parameter parameter, TOptions options)
    {
    }

    internal override void CheckParameter(Parameter parameter, OptimizerOptions options)
    {
        if (options.Precisions.Refusal(this, parameter) is { } refusal)
            throw new ArgumentException(refusal, nameof(parameter));
        if (ParameterStorage.Refusal(this, parameter, options.ParameterPrecision) is { } unkept)
            throw new ArgumentException(unkept, nameof(parameter));
        CheckParameter(parameter, (TOptions)options);
    }

    internal override void CheckKind(Parameter parameter) => CheckParameter(parameter);

    /// <summary>Throws <see cref="ArgumentException"/> for a group that the optimizer can't have, beside those that are in <see cref="ParameterGroups"/>.</summary>
    protected virtual void CheckGroup(ParameterGroup<TOptions> group)
    {
    }

    /// <summary>
    /// Throws <see cref="ArgumentException"/> for options of <see cref="ParameterGroups"/> that the optimizer can't have together. It is asked when the optimizer is made. Where groups are added or options changed later, it is not, for
    /// what belongs together may be changed one after the other: look in <see cref="Update{T}"/>, too.
    /// </summary>
    protected virtual void CheckGroups()
    {
    }

    /// <summary>Throws <see cref="ArgumentException"/> for a complex parameter; for use in <see cref="CheckParameter(Parameter)"/>.</summary>
    /// <param name="parameter">The parameter.</param>
    /// <param name="alternative">The name of an optimizer that takes it.</param>
    protected void RefuseComplex(Parameter parameter, string alternative)
    {
        if (parameter.ElementType.IsComplex())
            throw new ArgumentException($"{GetType().Name} does not take complex parameters, but {parameter} is one. {alternative} does.", nameof(parameter));
    }

    /// <summary>Why a gradient of this kind can't be used, and what can, as a sentence or two; null when it can. Sparse gradients can't, unless this is overridden.</summary>
    /// <param name="sparse">Whether it is sparse: a rule is then applied to the rows with a gradient only.</param>
    /// <param name="options">The group's options.</param>
    protected virtual string? Refuses(bool sparse, TOptions options) => !sparse ? null
        : $"{GetType().Name} does not take sparse gradients. SparseAdam, Adagrad, SGD and LBFGS do; or give a dense one.";

    /// <summary>What is wrong with a state that is loaded when several of its entries are looked at together: the entry to be named, and a sentence about it without its full stop; null when nothing is.</summary>
    /// <param name="state">What a parameter's state would be. Each entry by itself is right.</param>
    protected virtual (StateEntry Entry, string Problem)? CheckState(StateDict state) => null;

    /// <param name="parameter">The parameter that it would be of.</param>
    /// <param name="state">What its state would be. Each entry by itself is right.</param>
    /// <inheritdoc cref="CheckState(StateDict)" path="/summary"/>
    protected virtual (StateEntry Entry, string Problem)? CheckState(Parameter parameter, StateDict state) => CheckState(state);

    internal override (StateEntry Entry, string Problem)? WrongTogether(Parameter parameter, StateDict state) => CheckState(parameter, state);

    internal override string? WhyRefused(bool sparse, ParameterGroup group) => Refuses(sparse, ((ParameterGroup<TOptions>)group).Options);

    internal override IReadOnlyList<StateEntry> EntriesOf(Parameter parameter) => StateEntries(parameter);

    internal override void Plan(StepContext context, int first)
    {
        for (int i = 0; i < groups.Count; i++)
        {
            if (context.Has<float>(first + i))
                Update(new GroupStep<float>(context, first + i), groups[i].Options);
            if (context.Has<double>(first + i))
                Update(new GroupStep<double>(context, first + i), groups[i].Options);
        }
    }

    /// <summary>One group of all parameters, for the constructor that an optimizer has for those.</summary>
    /// <exception cref="ArgumentException">There are none.</exception>
    protected static ParameterGroup<TOptions>[] Group(IEnumerable<Parameter> parameters) => [new(NotEmpty(parameters))];

    static TItem[] NotEmpty<TItem>(IEnumerable<TItem> items, [System.Runtime.CompilerServices.CallerArgumentExpression(nameof(items))] string? name = null)
    {
        ArgumentNullException.ThrowIfNull(items, name);
        TItem[] all = [.. items];
        return all.Length > 0 ? all : throw new ArgumentException(
            $"The optimizer got no {name}. (An IEnumerable that was used up? Give a list.)", name);
    }
}
