using System.Diagnostics.CodeAnalysis;

namespace OptimSharp;

/// <summary>What the rules make of one parameter, from one rule to the next.</summary>
internal sealed class RuledPath<[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicProperties)] TOptions> where TOptions : OptimizerOptions
{
    readonly GroupRule<TOptions>[] rules;
    readonly RuleEffect<TOptions>?[] effects;
    readonly TOptions defaults;
    readonly Ruled<TOptions>[] states;               // before each rule, and after the last
    readonly Dictionary<string, int> setBy = [];     // the rule that gave an option its value
    readonly int frozenBy = -1;                      // the rule that last froze it, or let it go
    readonly int last = -1;                          // the last rule that changed anything

    /// <exception cref="ArgumentException">A rule gives no options.</exception>
    public RuledPath(Parameter parameter, TOptions defaults, GroupRule<TOptions>[] rules, RuleEffect<TOptions>?[] effects)
    {
        Parameter = parameter;
        this.defaults = defaults;
        this.rules = rules;
        this.effects = effects;
        states = new Ruled<TOptions>[rules.Length + 1];
        states[0] = new(defaults, false);
        for (int r = 0; r < rules.Length; r++)
        {
            var (before, after) = (states[r], states[r + 1] = After(r, states[r]));
            if (after == before)
                continue;
            last = r;
            if (after.IsFrozen != before.IsFrozen)
                frozenBy = r;
            foreach (string key in OptionSchema<TOptions>.Difference(before.Options, after.Options))
                setBy[key] = r;
        }
    }

    public Parameter Parameter { get; }

    /// <summary>The options in the end.</summary>
    public TOptions Options => states[^1].Options;

    /// <summary>The last rule that changed anything.</summary>
    public GroupRule<TOptions> LastRule => rules[last];

    public RuleTrace Trace => new(Parameter, Options, setBy.ToDictionary(x => x.Key, x => rules[x.Value].Text));

    public bool IsChangedBy(int rule) => states[rule] != states[rule + 1];

    /// <summary>Whether something that a rule changed stays: an option has its value, or it would have another one without the rule; or the parameter is frozen until it is let go.</summary>
    public bool Keeps(int rule)
    {
        if (!IsChangedBy(rule))
            return false;
        if (setBy.ContainsValue(rule) || frozenBy == rule)
            return true;
        bool froze = states[rule + 1].IsFrozen && !states[rule].IsFrozen;
        var without = states[rule];
        for (int r = rule + 1; r < rules.Length; r++)
        {
            if (froze && rules[r].Thaws && effects[r] is not null)
                return true;
            without = After(r, without);
        }
        return without != states[^1];
    }

    /// <summary>Throws <see cref="ArgumentException"/> that names parameter and rule when an option is out of range.</summary>
    public void CheckRange()
    {
        foreach (var option in OptionSchema<TOptions>.Options)
            option.Check(Options, Where(option.Key));
        if (Options.WrongTogether() is var (name, problem))
            throw new ArgumentException($"{problem}{Where(OptionSchema<TOptions>.Options.FirstOrDefault(o => o.Name == name)?.Key ?? "")}.", name);
    }

    string Where(string key) => !setBy.TryGetValue(key, out int rule) && (rule = last) < 0 ? $" (parameter {Parameter})" : $" (parameter {Parameter}, by the rule '{rules[rule].Text}')";

    Ruled<TOptions> After(int rule, Ruled<TOptions> before)
    {
        var after = effects[rule]?.Invoke(before, defaults) ?? before;
        return after.Options is not null ? after : throw new ArgumentException($"The rule '{rules[rule].Text}' gives null for the options of parameter {Parameter}.");
    }
}
