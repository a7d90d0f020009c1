using System.Diagnostics.CodeAnalysis;
using System.Diagnostics.Contracts;
using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;

namespace OptimSharp;

/// <summary>
/// Rules that say by name, shape or type which options a parameter has. <see cref="Of"/> gives what an optimizer takes for its groups. Rules don't change: each method gives new ones, with one rule more.
/// </summary>
/// <remarks>
/// <para>
/// Rules are applied in their order. Each sees the options that the ones before gave, beginning with the optimizer's. Parameters that end with equal options are one group, and groups are in the order of their first
/// parameter.
/// </para>
/// <para>
/// A rule is for names that are as a pattern says, whole names that a <see cref="Regex"/> matches, or parameters for which a function is true. A pattern is split at its dots, as the name is: <c>*</c> stands for any characters
/// within a segment, also none; <c>**</c> for any number of segments, also none; <c>{i}</c> for a whole number; <c>{a,b}</c> for one of several, which may have dots. All other characters stand for themselves, large and
/// small ones are different, and a part of a name is never enough.
/// </para>
/// <para>
/// What is probably a mistake is refused when the optimizer is made, or parameters are added to it, before anything else: a rule for no parameter at all, one of whose alternatives, <c>{a,b}</c>, one is for none, and one that later rules undo, unless they are <see cref="Optional"/>; options that
/// are out of range; a parameter that is given twice; nothing left to train.
/// </para>
/// </remarks>
/// <example><code>
/// var rules = new GroupRules&lt;AdamWOptions&gt;()
///     .For("**.bias", o => o with { WeightDecay = 0 })
///     .LayerDecay(0.75, "encoder.layers.{i}.**", first: "embed.**", last: "head.**")
///     .Freeze("embed.positions");
/// using var optimizer = new AdamW(rules.Of(model.Parameters()), new() { LearningRate = 3e-4 });
/// Console.WriteLine(optimizer.Audit());
/// </code></example>
/// <typeparam name="TOptions">The optimizer's options.</typeparam>
public sealed class GroupRules<[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicProperties)] TOptions> where TOptions : OptimizerOptions
{
    readonly GroupRule<TOptions>[] rules = [];
    readonly bool requiresAll;

    /// <summary>No rules: all parameters have the optimizer's options.</summary>
    public GroupRules()
    {
    }

    GroupRules(GroupRule<TOptions>[] rules, bool requiresAll) => (this.rules, this.requiresAll) = (rules, requiresAll);

    /// <summary>Changes the options of the parameters that a pattern names.</summary>
    /// <param name="pattern">The pattern: <c>"encoder.layers.*.norm{1,2}.**"</c>.</param>
    /// <param name="change">From the options that the rules before gave to the parameter's: <c>o => o with { WeightDecay = 0 }</c>.</param>
    /// <exception cref="ArgumentException">It is no pattern.</exception>
    [Pure]
    public GroupRules<TOptions> For(string pattern, Func<TOptions, TOptions> change) => With(RuleKind.For, new(pattern, nameof(pattern)), change);

    /// <summary>Changes the options of the parameters that a pattern with a number names, by this number.</summary>
    /// <param name="pattern">The pattern, with one <c>{i}</c>: <c>"blocks.{i}.**"</c>.</param>
    /// <param name="change">From the options that the rules before gave, and the number, to the parameter's options.</param>
    /// <exception cref="ArgumentException">It is no pattern, or does not have one <c>{i}</c>.</exception>
    [Pure]
    public GroupRules<TOptions> For(string pattern, Func<TOptions, int, TOptions> change)
    {
        ArgumentNullException.ThrowIfNull(change);
        return With(new SelectingRule<TOptions>(RuleKind.For, Numbered(pattern, nameof(pattern)), change));
    }

    /// <summary>Changes the options of the parameters whose whole name an expression matches.</summary>
    /// <param name="names">The expression. What it matches must be the whole name, as with Python's <c>fullmatch</c>, so begin with <c>.*</c> what may begin with anything.</param>
    /// <param name="change">From the options that the rules before gave to the parameter's.</param>
    [Pure]
    public GroupRules<TOptions> For(Regex names, Func<TOptions, TOptions> change) => With(RuleKind.For, new(names), change);

    /// <summary>Changes the options of the parameters for which a function is true: <c>p => p.Shape.Length &lt; 2</c>.</summary>
    /// <param name="which">Whether the rule is for a parameter: by its <see cref="Parameter.Name"/>, <see cref="Parameter.Shape"/>, <see cref="Parameter.Count"/> or <see cref="Parameter.ElementType"/>.</param>
    /// <param name="change">From the options that the rules before gave to the parameter's.</param>
    /// <param name="text">What audits and messages show; left out: the source of <paramref name="which"/>.</param>
    [Pure]
    public GroupRules<TOptions> For(Func<Parameter, bool> which, Func<TOptions, TOptions> change, [CallerArgumentExpression(nameof(which))] string? text = null) =>
        With(RuleKind.For, new(which, text), change);

    /// <summary>Gives parameters options that are made of the optimizer's, whatever the rules before gave; frozen ones are let go.</summary>
    /// <param name="pattern">The pattern of names.</param>
    /// <param name="change">From the optimizer's options to the parameter's.</param>
    /// <exception cref="ArgumentException">It is no pattern.</exception>
    [Pure]
    public GroupRules<TOptions> Only(string pattern, Func<TOptions, TOptions> change) => With(RuleKind.Only, new(pattern, nameof(pattern)), change);

    /// <param name="names">The expression, which must match whole names.</param>
    /// <param name="change">From the optimizer's options to the parameter's.</param>
    /// <inheritdoc cref="Only(string, Func{TOptions, TOptions})" path="/summary"/>
    [Pure]
    public GroupRules<TOptions> Only(Regex names, Func<TOptions, TOptions> change) => With(RuleKind.Only, new(names), change);

    /// <param name="which">Whether the rule is for a parameter.</param>
    /// <param name="change">From the optimizer's options to the parameter's.</param>
    /// <param name="text">What audits and messages show; left out: the source of <paramref name="which"/>.</param>
    /// <inheritdoc cref="Only(string, Func{TOptions, TOptions})" path="/summary"/>
    [Pure]
    public GroupRules<TOptions> Only(Func<Parameter, bool> which, Func<TOptions, TOptions> change, [CallerArgumentExpression(nameof(which))] string? text = null) =>
        With(RuleKind.Only, new(which, text), change);

    /// <summary>
    /// Puts parameters into no group: they are not stepped, and no state is kept of them. Other rules still are for them, so that they have their options when they are let go. Whether gradients are computed is the model's
    /// to say.
    /// </summary>
    /// <param name="pattern">The pattern of names.</param>
    /// <exception cref="ArgumentException">It is no pattern.</exception>
    [Pure]
    public GroupRules<TOptions> Freeze(string pattern) => With(RuleKind.Freeze, new(pattern, nameof(pattern)));

    /// <param name="names">The expression, which must match whole names.</param>
    /// <inheritdoc cref="Freeze(string)" path="/summary"/>
    [Pure]
    public GroupRules<TOptions> Freeze(Regex names) => With(RuleKind.Freeze, new(names));

    /// <param name="which">Whether the rule is for a parameter.</param>
    /// <param name="text">What audits and messages show; left out: the source of <paramref name="which"/>.</param>
    /// <inheritdoc cref="Freeze(string)" path="/summary"/>
    [Pure]
    public GroupRules<TOptions> Freeze(Func<Parameter, bool> which, [CallerArgumentExpression(nameof(which))] string? text = null) => With(RuleKind.Freeze, new(which, text));

    /// <summary>
    /// Lets parameters go that rules before froze: <c>optimizer.AddParameterGroups(rules.Thaw("encoder.**").Of(model.Parameters()))</c> goes on with them.
    /// </summary>
    /// <param name="pattern">The pattern of names.</param>
    /// <exception cref="ArgumentException">It is no pattern.</exception>
    [Pure]
    public GroupRules<TOptions> Thaw(string pattern) => With(RuleKind.Thaw, new(pattern, nameof(pattern)));

    /// <param name="names">The expression, which must match whole names.</param>
    /// <inheritdoc cref="Thaw(string)" path="/summary"/>
    [Pure]
    public GroupRules<TOptions> Thaw(Regex names) => With(RuleKind.Thaw, new(names));

    /// <param name="which">Whether the rule is for a parameter.</param>
    /// <param name="text">What audits and messages show; left out: the source of <paramref name="which"/>.</param>
    /// <inheritdoc cref="Thaw(string)" path="/summary"/>
    [Pure]
    public GroupRules<TOptions> Thaw(Func<Parameter, bool> which, [CallerArgumentExpression(nameof(which))] string? text = null) => With(RuleKind.Thaw, new(which, text));

    /// <summary>
    /// Scales the rates of layers: the last layer's by 1, that of the one before it by <paramref name="decay"/>, then decay², and so on. Parameters in no layer keep theirs. As timm's <c>param_groups_layer_decay</c>, with
    /// the rate itself for its <c>lr_scale</c>.
    /// </summary>
    /// <param name="decay">The rate of a layer divided by that of the next, &gt; 0.</param>
    /// <param name="pattern">The layers' parameters, with <c>{i}</c> for the layer's number: <c>"encoder.layers.{i}.**"</c>. Numbers that no parameter has are no layers, and the lowest is the first, whatever it is.</param>
    /// <param name="first">The parameters of one more layer before them, the embedding's say; null: none.</param>
    /// <param name="last">The parameters of one more layer after them, the head's say; null: none.</param>
    /// <param name="minScale">What no rate is scaled below, ≥ 0.</param>
    /// <exception cref="ArgumentException">There is something that is no pattern, or <paramref name="pattern"/> does not have one <c>{i}</c>.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="decay"/> or <paramref name="minScale"/> is out of range.</exception>
    [Pure]
    public GroupRules<TOptions> LayerDecay(double decay, string pattern, string? first = null, string? last = null, double minScale = 0)
    {
        if (!(decay > 0) || double.IsInfinity(decay))
            throw new ArgumentOutOfRangeException(nameof(decay), decay, $"{nameof(decay)} must be > 0 and finite, but is {OptionDescriptor.Text(decay)}.");
        if (!(minScale >= 0) || double.IsInfinity(minScale))
            throw new ArgumentOutOfRangeException(nameof(minScale), minScale, $"{nameof(minScale)} must be ≥ 0 and finite, but is {OptionDescriptor.Text(minScale)}.");
        return With(new LayerDecayRule<TOptions>(decay, Numbered(pattern, nameof(pattern)), first is null ? null : new(first, nameof(first)), last is null ? null : new(last, nameof(last)), minScale));
    }

    /// <summary>No weight decay for parameters of fewer than two dimensions: biases, and the gains of norms.</summary>
    /// <exception cref="InvalidOperationException">The optimizer has no option <c>"weight_decay"</c>.</exception>
    [Pure]
    public GroupRules<TOptions> NoDecayOnVectors()
    {
        var decay = OptionSchema<TOptions>.Find(KnownOptions.WeightDecay) ?? throw new InvalidOperationException(
            $"{typeof(TOptions).Name} has no option '{KnownOptions.WeightDecay}'; there are: {string.Join(", ", OptionSchema<TOptions>.Options.Select(o => o.Key))}.");
        return With(new SelectingRule<TOptions>(RuleKind.For, new(p => p.Shape.Length < 2, null), (o, _) => (TOptions)decay.With(o, 0.0), $"{nameof(NoDecayOnVectors)}()"));
    }

    /// <summary>Lets the last rule be without effect: there may be no parameter for it, or for one of its alternatives, and later rules may undo it.</summary>
    /// <exception cref="InvalidOperationException">There is no rule yet.</exception>
    [Pure]
    public GroupRules<TOptions> Optional() => rules.Length > 0
        ? new([.. rules[..^1], rules[^1] with { IsOptional = true }], requiresAll)
        : throw new InvalidOperationException("There is no rule yet that could be optional: it is the last one before the call.");

    /// <summary>Refuses parameters that no rule is for.</summary>
    [Pure]
    public GroupRules<TOptions> RequireAll() => new(rules, true);

    /// <summary>Parameters under these rules: what an optimizer takes for its groups.</summary>
    /// <param name="parameters">All parameters that the rules are about, those that are frozen too.</param>
    /// <exception cref="ArgumentException">
    /// There are no parameters, or one is given twice; a rule is for none of them; no rule is for one of them, and they were to be for all; a rule for layers finds one in two places; nothing is left to train.
    /// </exception>
    [Pure]
    public RuledParameters<TOptions> Of(IEnumerable<Parameter> parameters) => new(rules, parameters, requiresAll);

    GroupRules<TOptions> With(GroupRule<TOptions> rule) => new([.. rules, rule], requiresAll);

    GroupRules<TOptions> With(RuleKind kind, ParameterSelector selector, Func<TOptions, TOptions> change)
    {
        ArgumentNullException.ThrowIfNull(change);
        return With(new SelectingRule<TOptions>(kind, selector, (o, _) => change(o)));
    }

    GroupRules<TOptions> With(RuleKind kind, ParameterSelector selector) => With(new SelectingRule<TOptions>(kind, selector));

    static ParameterSelector Numbered(string pattern, string argument)
    {
        var selector = new ParameterSelector(pattern, argument);
        return selector.HasNumber ? selector : throw new ArgumentException(
            $"The pattern '{ShownText.Cut(pattern)}' must have one {NameForm.Number}, for a layer's number, in each of its alternatives: 'encoder.layers.{NameForm.Number}.**'.", argument);
    }
}
