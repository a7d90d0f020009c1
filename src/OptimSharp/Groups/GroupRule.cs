namespace OptimSharp;

/// <summary>What rules have made of a parameter so far.</summary>
/// <param name="Options">Its options.</param>
/// <param name="IsFrozen">Whether it is in no group.</param>
internal readonly record struct Ruled<TOptions>(TOptions Options, bool IsFrozen);

/// <summary>What a rule does to a parameter.</summary>
/// <param name="before">What the rules before it made of the parameter.</param>
/// <param name="defaults">The optimizer's options.</param>
internal delegate Ruled<TOptions> RuleEffect<TOptions>(Ruled<TOptions> before, TOptions defaults);

/// <summary>One of the rules.</summary>
internal abstract record GroupRule<TOptions>
{
    /// <summary>What audits and messages call it.</summary>
    public abstract string Text { get; }

    /// <summary>Which parameters it is for. Each selector must find some.</summary>
    public abstract IEnumerable<ParameterSelector> Selectors { get; }

    /// <summary>Whether it may be without effect.</summary>
    public bool IsOptional { get; init; }

    /// <summary>Whether it lets parameters go that others froze.</summary>
    public virtual bool Thaws => false;

    /// <summary>Whether a parameter that it is for is frozen after it.</summary>
    /// <param name="isFrozen">Whether it was before.</param>
    public virtual bool Freezes(bool isFrozen) => isFrozen;

    /// <summary>What it does to each parameter; null: nothing.</summary>
    /// <exception cref="ArgumentException">It can't be told.</exception>
    public abstract RuleEffect<TOptions>?[] Effects(IReadOnlyList<Parameter> parameters);
}

/// <summary>What is done to the parameters that a selector finds.</summary>
internal enum RuleKind
{
    /// <summary>A change of what the rules before gave.</summary>
    For,

    /// <summary>A change of the optimizer's options, whatever the rules before gave.</summary>
    Only,

    /// <summary>They are in no group.</summary>
    Freeze,

    /// <summary>They are in a group after all.</summary>
    Thaw,
}

/// <summary>A rule that does the same to all the parameters that it is for.</summary>
/// <param name="Kind">What it does.</param>
/// <param name="Selector">Which parameters it is for.</param>
/// <param name="Change">From the options before, and the number in the name, to the options.</param>
/// <param name="Name">What it is called, if not after its selector.</param>
internal sealed record SelectingRule<TOptions>(RuleKind Kind, ParameterSelector Selector, Func<TOptions, int, TOptions>? Change = null, string? Name = null) : GroupRule<TOptions>
{
    public override string Text => Name ?? (Kind == RuleKind.For ? Selector.Text : $"{Kind}({Selector.Text})");

    public override IEnumerable<ParameterSelector> Selectors => [Selector];

    public override bool Thaws => Kind == RuleKind.Thaw;

    public override bool Freezes(bool isFrozen) => Kind == RuleKind.For ? isFrozen : Kind == RuleKind.Freeze;

    public override RuleEffect<TOptions>?[] Effects(IReadOnlyList<Parameter> parameters) => [.. parameters.Select(p => Selector.Match(p) is { } i ? Effect(i) : null)];

    RuleEffect<TOptions> Effect(int i) => Kind switch
    {
        RuleKind.For => (before, _) => before with { Options = Change!(before.Options, i) },
        RuleKind.Only => (before, defaults) => new(Change!(defaults, i), Freezes(before.IsFrozen)),
        _ => (before, _) => before with { IsFrozen = Freezes(before.IsFrozen) },
    };
}

/// <summary>Rates that fall from the last layer to the first.</summary>
/// <param name="Decay">The rate of a layer divided by that of the one after it.</param>
/// <param name="Layers">The layers' parameters, with their numbers.</param>
/// <param name="First">The parameters before the first layer.</param>
/// <param name="Last">The parameters after the last layer.</param>
/// <param name="MinScale">What no layer's rate is scaled below.</param>
internal sealed record LayerDecayRule<TOptions>(double Decay, ParameterSelector Layers, ParameterSelector? First, ParameterSelector? Last, double MinScale) : GroupRule<TOptions>
    where TOptions : OptimizerOptions
{
    public override string Text => string.Create(System.Globalization.CultureInfo.InvariantCulture, $"LayerDecay({Decay}, {Layers.Text})");

    public override IEnumerable<ParameterSelector> Selectors => ((ParameterSelector?[])[Layers, First, Last]).OfType<ParameterSelector>();

    public override RuleEffect<TOptions>?[] Effects(IReadOnlyList<Parameter> parameters)
    {
        long?[] layer = [.. parameters.Select(LayerOf)];
        var places = layer.OfType<long>().Distinct().Order().Index().ToDictionary(x => x.Item, x => x.Index); // layers count as many as there are, as in timm
        return [.. layer.Select(number => number is { } one ? Scaled(Math.Max(MinScale, Math.Pow(Decay, places.Count - 1 - places[one]))) : null)];
    }

    /// <summary>Something that grows from layer to layer; null for what is in none.</summary>
    long? LayerOf(Parameter parameter)
    {
        long?[] found = [Layers.Match(parameter), First?.Match(parameter) is null ? null : -1, Last?.Match(parameter) is null ? null : long.MaxValue];
        return found.Count(x => x is not null) > 1
            ? throw new ArgumentException($"The rule '{Text}' finds parameter {parameter} in more than one of layers, first and last.", nameof(parameter))
            : Array.Find(found, x => x is not null);
    }

    static RuleEffect<TOptions> Scaled(double scale) => (before, _) => before with { Options = (TOptions)(before.Options with { LearningRate = before.Options.LearningRate * scale }) };
}
