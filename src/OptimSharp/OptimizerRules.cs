using System.Runtime.CompilerServices;

namespace OptimSharp;

/// <summary>
/// Which parameters go to which optimizer, by rules: the first that a parameter matches decides. Makes one optimizer of them all.
/// </summary>
/// <example><code>
/// using var optimizer = new OptimizerRules()
///     .Use(p => p.Shape.Length == 2 &amp;&amp; p.Name.StartsWith("layers."), p => new Muon(p, new() { LearningRate = 0.02 }))
///     .Otherwise(p => new AdamW(p, new() { LearningRate = 3e-4 }))
///     .Combine(model.Parameters());
/// </code></example>
public sealed class OptimizerRules
{
    readonly List<(string Text, Func<Parameter, bool> Matches, Func<IReadOnlyList<Parameter>, Optimizer> Make)> rules = [];
    Func<IReadOnlyList<Parameter>, Optimizer>? otherwise;

    /// <summary>Gives an optimizer the parameters that a predicate is true for, and no earlier rule.</summary>
    /// <param name="predicate">Whether a parameter is meant, by its name, shape and type.</param>
    /// <param name="make">Makes the optimizer of them. It may leave some out, which are then not trained.</param>
    /// <param name="text">What messages call the rule: the predicate's source.</param>
    /// <returns>These rules.</returns>
    public OptimizerRules Use(Func<Parameter, bool> predicate, Func<IReadOnlyList<Parameter>, Optimizer> make, [CallerArgumentExpression(nameof(predicate))] string text = "")
    {
        ArgumentNullException.ThrowIfNull(predicate);
        ArgumentNullException.ThrowIfNull(make);
        rules.Add((text, predicate, make));
        return this;
    }

    /// <summary>Gives an optimizer the parameters that no rule matches. There may be none.</summary>
    /// <returns>These rules.</returns>
    /// <exception cref="InvalidOperationException">It was called before.</exception>
    /// <inheritdoc cref="Use(Func{Parameter, bool}, Func{IReadOnlyList{Parameter}, Optimizer}, string)"/>
    public OptimizerRules Otherwise(Func<IReadOnlyList<Parameter>, Optimizer> make)
    {
        ArgumentNullException.ThrowIfNull(make);
        if (otherwise is not null)
            throw new InvalidOperationException("Otherwise was called twice: one optimizer takes what no rule matches.");
        otherwise = make;
        return this;
    }

    /// <summary>Makes the optimizers, and one of them all. It owns them.</summary>
    /// <exception cref="ArgumentException">
    /// A rule matches no parameter, no rule matches a parameter, or an optimizer refuses what it is given. What was made is disposed.
    /// </exception>
    public CombinedOptimizer Combine(IEnumerable<Parameter> parameters)
    {
        ArgumentNullException.ThrowIfNull(parameters);
        Parameter[] all = [.. parameters];
        if (Array.IndexOf(all, null) is >= 0 and var missing)
            throw new ArgumentNullException(nameof(parameters), $"Parameter {missing} is null.");
        var routes = all.ToLookup(p => rules.FindIndex(rule => rule.Matches(p)));
        if (otherwise is null && routes.Contains(-1))
            throw new ArgumentException($"No rule matches {Names(routes[-1])}. Otherwise says what becomes of the rest.", nameof(parameters));
        if (rules.Index().FirstOrDefault(rule => !routes.Contains(rule.Index)) is { Item.Text: not null and var unused, Index: var index })
        {
            bool taken = Array.Exists(all, p => rules[index].Matches(p));
            throw new ArgumentException($"The rule '{unused}' {(taken ? "comes too late: an earlier one takes each parameter that it matches" : "matches no parameter")}. There are: {Names(all)}.", nameof(parameters));
        }
        var made = new List<Optimizer>();
        try
        {
            foreach (var route in routes.OrderBy(r => r.Key < 0 ? int.MaxValue : r.Key))
            {
                Parameter[] given = [.. route];
                var optimizer = (route.Key < 0 ? otherwise! : rules[route.Key].Make)(given) ?? throw new InvalidOperationException($"The rule '{(route.Key < 0 ? "Otherwise" : rules[route.Key].Text)}' made no optimizer: it returned null.");
                made.Add(optimizer);
                if (optimizer.ParameterGroups.SelectMany(g => g.Parameters).FirstOrDefault(p => !given.Contains(p)) is { } stray)
                    throw new InvalidOperationException($"The rule '{(route.Key < 0 ? "Otherwise" : rules[route.Key].Text)}' made an optimizer of parameter {stray}, which it was not given.");
            }
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
