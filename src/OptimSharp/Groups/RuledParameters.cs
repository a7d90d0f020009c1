using System.Collections;
using System.Diagnostics.CodeAnalysis;

namespace OptimSharp;

/// <summary>
/// Parameters under rules (<see cref="GroupRules{TOptions}.Of"/>): an optimizer takes them for its groups, and makes these with its own options. They may be given to several optimizers.
/// </summary>
/// <typeparam name="TOptions">The optimizer's options.</typeparam>
[SuppressMessage("Naming", "CA1710", Justification = "It stands where groups stand, but has none before an optimizer makes them.")]
public sealed class RuledParameters<[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicProperties)] TOptions> : IEnumerable<ParameterGroup<TOptions>>
    where TOptions : OptimizerOptions
{
    const int MostNamed = 5;

    readonly GroupRule<TOptions>[] rules;
    readonly Parameter[] parameters;
    readonly RuleEffect<TOptions>?[][] effects; // of each rule, on each parameter
    readonly string?[] frozenBy;                // the rule that froze it last; null: it is not frozen

    internal RuledParameters(GroupRule<TOptions>[] rules, IEnumerable<Parameter> parameters, bool requiresAll)
    {
        this.rules = rules;
        this.parameters = Checked(parameters);
        effects = [.. rules.Select(rule => rule.Effects(this.parameters))];
        frozenBy = new string?[this.parameters.Length];
        foreach (var rule in rules)
            CheckFinds(rule);
        if (requiresAll)
            CheckAllFound();
        foreach (var (r, rule) in rules.Index())
            Freeze(rule, effects[r]);
        Frozen = [.. this.parameters.Where((_, p) => frozenBy[p] is not null)];
        if (Frozen.Count == this.parameters.Length)
            throw new ArgumentException($"All parameters are frozen, by {string.Join(" and ", frozenBy.Distinct().Select(text => $"'{text}'"))}: there is nothing to train.", nameof(parameters));
    }

    /// <summary>The parameters that rules freeze. They are in no group.</summary>
    public IReadOnlyList<Parameter> Frozen { get; }

    /// <summary>Not possible: there are no groups before an optimizer makes them.</summary>
    /// <exception cref="InvalidOperationException">Always.</exception>
    public IEnumerator<ParameterGroup<TOptions>> GetEnumerator() => throw new InvalidOperationException(
        "The groups are made by the optimizer that rules.Of(parameters) is given to, of its own options: give it as it is. For parameters of several models, join these: rules.Of([.. one, .. other]).");

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>The groups that parameters are in under an optimizer's options.</summary>
    /// <param name="defaults">The optimizer's options.</param>
    /// <param name="present">Asks for the parameter of the optimizer that one is already; those are left out.</param>
    /// <exception cref="ArgumentException">A rule has no lasting effect, or options are out of range; a parameter that is present is to be frozen, or no other one is there.</exception>
    internal RuledGroups<TOptions> Resolve(TOptions defaults, Func<Parameter, bool> present)
    {
        var left = new List<int>();
        for (int p = 0; p < parameters.Length; p++)
        {
            if (!present(parameters[p]))
                left.Add(p);
            else if (frozenBy[p] is { } rule)
                throw new ArgumentException($"The rule '{rule}' freezes parameter {parameters[p]}, but the optimizer has it already, and can't let it go.");
        }
        left.RemoveAll(p => frozenBy[p] is not null);
        if (left.Count == 0)
            throw new ArgumentException("The optimizer has all parameters that the rules do not freeze: there is nothing to add. Thaw lets frozen ones go.");

        RuledPath<TOptions>[] paths = [.. parameters.Select((parameter, p) => new RuledPath<TOptions>(parameter, defaults, rules, [.. effects.Select(of => of[p])]))];
        for (int r = 0; r < rules.Length; r++)
            CheckLasts(r, paths);
        var groups = new Dictionary<TOptions, List<Parameter>>();
        foreach (var path in left.Select(p => paths[p]))
        {
            if (groups.TryGetValue(path.Options, out var members))
            {
                members.Add(path.Parameter);
                continue;
            }
            path.CheckRange();
            groups.Add(path.Options, [path.Parameter]);
        }
        return new(
            [.. groups.Select(group => new ParameterGroup<TOptions>(group.Value, _ => group.Key))],
            [.. left.Select(p => paths[p].Trace)],
            [.. parameters.Index().Where(x => frozenBy[x.Index] is not null).Select(x => new FrozenParameter(x.Item, frozenBy[x.Index]!))],
            parameters);
    }

    static Parameter[] Checked(IEnumerable<Parameter> parameters)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        Parameter[] all = [.. parameters];
        if (all.Length == 0)
            throw new ArgumentException("There are no parameters. (An IEnumerable that was used up? Give a list.)", nameof(parameters));
        var seen = new Dictionary<object, Parameter>();
        foreach (var (i, parameter) in all.Index())
        {
            if (parameter is null)
                throw new ArgumentNullException(nameof(parameters), $"Parameter {i} is null.");
            if (!seen.TryAdd(parameter.Identity, parameter))
                throw new ArgumentException($"Parameter {parameter} is given twice{parameter.OtherName(seen[parameter.Identity])}.", nameof(parameters));
        }
        return all;
    }

    void CheckFinds(GroupRule<TOptions> rule)
    {
        if (rule.IsOptional)
            return;
        foreach (var selector in rule.Selectors)
        {
            if (selector.FindsNone(parameters) is { } none)
            {
                bool isPart = selector.Text.Length > 0 && !rule.Text.Contains(selector.Text, StringComparison.Ordinal);
                string which = none.Length > 0 ? $"'{none}', of the alternatives in {(isPart ? $"'{selector.Text}' of " : "")}the rule '{rule.Text}',"
                    : isPart ? $"'{selector.Text}' of the rule '{rule.Text}'" : $"The rule '{rule.Text}'";
                throw new ArgumentException($"{which} finds no parameter.{selector.Advice(parameters, none)} Optional() lets a rule find none.");
            }
        }
    }

    void CheckAllFound()
    {
        Parameter[] without = [.. parameters.Where((_, p) => Array.TrueForAll(effects, of => of[p] is null))];
        if (without.Length > 0)
            throw new ArgumentException($"No rule is for {string.Join(", ", without.Take(MostNamed))}{(without.Length > MostNamed ? $" and {without.Length - MostNamed} more" : "")}, but RequireAll() asks for one.");
    }

    void Freeze(GroupRule<TOptions> rule, RuleEffect<TOptions>?[] on)
    {
        bool thawed = false;
        for (int p = 0; p < parameters.Length; p++)
        {
            if (on[p] is null)
                continue;
            thawed |= frozenBy[p] is not null;
            frozenBy[p] = rule.Freezes(frozenBy[p] is not null) ? frozenBy[p] ?? rule.Text : null;
        }
        if (rule.Thaws && !thawed && !rule.IsOptional)
            throw new ArgumentException($"The rule '{rule.Text}' lets no parameter go: no rule before it freezes one that it is for.");
    }

    /// <summary>Throws when all that a rule did was done over by later ones, so that it could as well not be there.</summary>
    void CheckLasts(int rule, RuledPath<TOptions>[] paths)
    {
        RuledPath<TOptions>[] changed = rules[rule].IsOptional ? [] : [.. paths.Where(path => path.IsChangedBy(rule))];
        if (changed.Length == 0 || Array.Exists(changed, path => path.Keeps(rule)))
            return;
        throw new ArgumentException($"The rule '{rules[rule].Text}' is without effect: later ones undo what it does, such as '{changed[0].LastRule.Text}' at {changed[0].Parameter}. Change their order, or leave it out. Optional() lets a rule be without effect.");
    }
}
