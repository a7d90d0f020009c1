using System.Diagnostics.Contracts;
using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;

namespace OptimSharp;

/// <summary>
/// Which parameters go to which optimizer, by rules: the first that a parameter matches decides. Makes one optimizer of them all. Rules don't change: each method gives new ones, with one rule more.
/// </summary>
/// <example><code>
/// using var optimizer = new OptimizerRules()
///     .Use("layers.**.weight", p => new Muon(p, new() { LearningRate = 0.02 }))
///     .Otherwise(p => new AdamW(p, new() { LearningRate = 3e-4 }))
///     .Combine(model.Parameters());
/// </code></example>
public sealed class OptimizerRules
{
    readonly (ParameterSelector Which, Func<IReadOnlyList<Parameter>, Optimizer> Make)[] rules = [];
    readonly Func<IReadOnlyList<Parameter>, Optimizer>? otherwise;

    /// <summary>No rules yet.</summary>
    public OptimizerRules()
    {
    }

    OptimizerRules((ParameterSelector Which, Func<IReadOnlyList<Parameter>, Optimizer> Make)[] rules, Func<IReadOnlyList<Parameter>, Optimizer>? otherwise) => (this.rules, this.otherwise) = (rules, otherwise);

    /// <summary>Gives an optimizer the parameters whose names a pattern matches, and no earlier rule.</summary>
    /// <param name="pattern">The pattern, as <see cref="GroupRules{TOptions}.For(string, Func{TOptions, TOptions})"/> has it: <c>*</c> within a segment of the name, <c>**</c> for any segments, <c>{i}</c> for a number, <c>{a,b}</c> for one of several.</param>
    /// <param name="make">Makes the optimizer of them. What is not to be trained is left out by rules of its own (<see cref="GroupRules{TOptions}.Freeze(string)"/>).</param>
    /// <exception cref="ArgumentException">It is no pattern.</exception>
    [Pure]
    public OptimizerRules Use(string pattern, Func<IReadOnlyList<Parameter>, Optimizer> make) => Add(new(pattern, nameof(pattern)), make);

    /// <summary>Gives an optimizer the parameters whose whole names an expression matches, and no earlier rule.</summary>
    /// <param name="names">The expression. What it matches must be the whole name.</param>
    /// <param name="make">Makes the optimizer of them. What is not to be trained is left out by rules of its own (<see cref="GroupRules{TOptions}.Freeze(string)"/>).</param>
    [Pure]
    public OptimizerRules Use(Regex names, Func<IReadOnlyList<Parameter>, Optimizer> make) => Add(new(names), make);

    /// <summary>Gives an optimizer the parameters that a predicate is true for, and no earlier rule.</summary>
    /// <param name="which">Whether a parameter is meant, by its name, shape and type.</param>
    /// <param name="make">Makes the optimizer of them. What is not to be trained is left out by rules of its own (<see cref="GroupRules{TOptions}.Freeze(string)"/>).</param>
    /// <param name="text">What messages call the rule: the predicate's source.</param>
    [Pure]
    public OptimizerRules Use(Func<Parameter, bool> which, Func<IReadOnlyList<Parameter>, Optimizer> make, [CallerArgumentExpression(nameof(which))] string text = "") => Add(new(which, text), make);

    OptimizerRules Add(ParameterSelector which, Func<IReadOnlyList<Parameter>, Optimizer> make)
    {
        ArgumentNullException.ThrowIfNull(make);
        return new([.. rules, (which, make)], otherwise);
    }

    /// <summary>Gives an optimizer the parameters that no rule matches. There may be none.</summary>
    /// <param name="make">Makes the optimizer of them. What is not to be trained is left out by rules of its own (<see cref="GroupRules{TOptions}.Freeze(string)"/>).</param>
    /// <exception cref="InvalidOperationException">It was called before.</exception>
    [Pure]
    public OptimizerRules Otherwise(Func<IReadOnlyList<Parameter>, Optimizer> make)
    {
        ArgumentNullException.ThrowIfNull(make);
        if (otherwise is not null)
            throw new InvalidOperationException("Otherwise was called twice: one optimizer takes what no rule matches.");
        return new(rules, make);
    }

    /// <summary>Makes the optimizers, and one of them all. It owns them.</summary>
    /// <exception cref="ArgumentException">
    /// A rule finds no parameter, or none that is left; no rule is for a parameter; or an optimizer refuses what it is given. What was made is disposed.
    /// </exception>
    /// <exception cref="InvalidOperationException">A rule made no optimizer, or one of other parameters than it was given. What was made is disposed.</exception>
    public CombinedOptimizer Combine(IEnumerable<Parameter> parameters)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        Parameter[] all = [.. parameters];
        if (Array.IndexOf(all, null) is >= 0 and var missing)
            throw new ArgumentNullException(nameof(parameters), $"Parameter {missing} is null.");
        var routes = all.ToLookup(p => Array.FindIndex(rules, rule => rule.Which.Match(p) is not null));
        if (otherwise is null && routes.Contains(-1))
            throw new ArgumentException($"No rule is for {Names(routes[-1])}. Otherwise says what becomes of the rest.", nameof(parameters));
        if (rules.Where((_, i) => !routes.Contains(i)).Select(rule => rule.Which).FirstOrDefault() is { } idle)
        {
            throw new ArgumentException(Array.Exists(all, p => idle.Match(p) is not null)
                ? $"The rule '{idle.Text}' comes too late: earlier ones take each parameter that it finds."
                : $"The rule '{idle.Text}' finds no parameter.{idle.Advice(all, "")}", nameof(parameters));
        }
        foreach (var rule in rules.Select(rule => rule.Which))
        {
            if (rule.FindsNone(all) is { Length: > 0 } none)
                throw new ArgumentException($"'{none}', of the alternatives in the rule '{rule.Text}', finds no parameter.{rule.Advice(all, none)} Leave it out.", nameof(parameters));
        }
        var made = new List<Optimizer>();
        try
        {
            foreach (var route in routes.OrderBy(r => r.Key < 0 ? int.MaxValue : r.Key))
            {
                Parameter[] given = [.. route];
                var (rule, make) = route.Key < 0 ? ("Otherwise", otherwise!) : (rules[route.Key].Which.Text, rules[route.Key].Make);
                var optimizer = make(given) ?? throw new InvalidOperationException($"The rule '{rule}' made no optimizer: it returned null.");
                made.Add(optimizer);
                if (optimizer.ParameterGroups.SelectMany(g => g.Parameters).FirstOrDefault(p => !given.Contains(p)) is { } stray)
                    throw new InvalidOperationException($"The rule '{rule}' made an optimizer of parameter {stray}, which it was not given.");
            }
            var had = made.SelectMany(o => o.ParameterGroups).SelectMany(g => g.Parameters).Concat(made.SelectMany(o => o.Frozen).Select(f => f.Parameter)).Select(p => p.Identity).ToHashSet();
            if (Array.Find(all, p => !had.Contains(p.Identity)) is { } forgotten)
                throw new InvalidOperationException($"The optimizer that was given parameter {forgotten} does not have it. Freeze of {nameof(GroupRules<>)} leaves parameters out.");
            return new(made);
        }
        catch
        {
            foreach (var optimizer in made)
                optimizer.Dispose();
            throw;
        }
    }

    static string Names(IEnumerable<Parameter> parameters)
    {
        const int Most = 10;
        string[] names = [.. parameters.Take(Most + 1).Select(p => p.ToString())];
        return string.Join(", ", names.Take(Most)) + (names.Length > Most ? ", …" : "");
    }
}
