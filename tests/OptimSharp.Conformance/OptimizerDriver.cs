using System.Reflection;
using OptimSharp.Testing;

namespace OptimSharp.Conformance;

/// <summary>Makes and changes optimizers of one class by PyTorch's names. Any public optimizer works, with no code of its own.</summary>
public abstract class OptimizerDriver
{
    private protected OptimizerDriver(Type type) => Type = type;

    public Type Type { get; }

    /// <summary>All public optimizers of the product.</summary>
    public static IReadOnlyList<Type> PublicOptimizers { get; } =
    [
        .. from type in typeof(Optimizer).Assembly.GetExportedTypes()
           where !type.IsAbstract && type.IsSubclassOf(typeof(Optimizer)) && type != typeof(CombinedOptimizer)
           orderby type.Name
           select type
    ];

    /// <summary>The optimizer of this class name.</summary>
    /// <exception cref="GoldenCaseException">There is none.</exception>
    public static OptimizerDriver For(string name) => For(
        PublicOptimizers.FirstOrDefault(t => t.Name == name) ?? throw new GoldenCaseException($"there is no optimizer '{name}'"));

    public static OptimizerDriver For(Type optimizer)
    {
        var @base = optimizer;
        while (!@base.IsGenericType || @base.GetGenericTypeDefinition() != typeof(Optimizer<>))
            @base = @base.BaseType ?? throw new GoldenCaseException($"{optimizer} is no optimizer with options");
        var driver = typeof(OptimizerDriver<>).MakeGenericType(@base.GetGenericArguments());
        return (OptimizerDriver)Activator.CreateInstance(driver, optimizer)!;
    }

    /// <summary>Makes an optimizer: each group has its parameters and its overrides of <paramref name="options"/>.</summary>
    /// <param name="groups">Parameters and overrides of each.</param>
    /// <param name="options">The defaults, by PyTorch's names.</param>
    /// <param name="precision">The type that state is kept in.</param>
    public abstract Optimizer Create(
        IEnumerable<(IReadOnlyList<Parameter> Parameters, KeyValuePair<string, object?>[] Overrides)> groups,
        IEnumerable<KeyValuePair<string, object?>> options,
        StatePrecision precision = StatePrecision.Compute);

    /// <summary>Makes an optimizer with one group.</summary>
    public Optimizer Create(IReadOnlyList<Parameter> parameters, IEnumerable<KeyValuePair<string, object?>> options, StatePrecision precision = StatePrecision.Compute) =>
        Create([(parameters, [])], options, precision);

    /// <summary>Changes options of a group, all at once.</summary>
    public abstract void Change(ParameterGroup group, IEnumerable<KeyValuePair<string, object?>> options);

    /// <summary>Adds a group to an optimizer.</summary>
    public abstract ParameterGroup AddGroup(Optimizer optimizer, IReadOnlyList<Parameter> parameters, KeyValuePair<string, object?>[] overrides);

    /// <summary>Runs a golden case.</summary>
    internal abstract void Run(OptimizerCase golden, IParameterSource source);

    /// <summary>The options that the optimizer has: PyTorch's name, property, range in words.</summary>
    internal abstract IReadOnlyList<OptionDescriptor> Options { get; }
}

sealed class OptimizerDriver<TOptions>(Type type) : OptimizerDriver(type)
    where TOptions : OptimizerOptions, new()
{
    readonly ConstructorInfo constructor =
        type.GetConstructor([typeof(IEnumerable<ParameterGroup<TOptions>>), typeof(TOptions)])
        ?? throw new GoldenCaseException($"{type.Name} has no constructor of groups and options");

    internal override IReadOnlyList<OptionDescriptor> Options => OptionSchema<TOptions>.Options;

    public override Optimizer Create(
        IEnumerable<(IReadOnlyList<Parameter> Parameters, KeyValuePair<string, object?>[] Overrides)> groups,
        IEnumerable<KeyValuePair<string, object?>> options,
        StatePrecision precision)
    {
        var defaults = With(new TOptions(), options) with { StatePrecision = precision };
        var made = groups.Select(g => new ParameterGroup<TOptions>(g.Parameters, o => With(o, g.Overrides))).ToArray();
        return Construct(made, defaults);
    }

    internal override void Run(OptimizerCase golden, IParameterSource source) => golden.Run<TOptions>(Construct, source);

    public override void Change(ParameterGroup group, IEnumerable<KeyValuePair<string, object?>> options)
    {
        var typed = (ParameterGroup<TOptions>)group;
        typed.Options = With(typed.Options, options);
    }

    public override ParameterGroup AddGroup(Optimizer optimizer, IReadOnlyList<Parameter> parameters, KeyValuePair<string, object?>[] overrides)
    {
        var group = new ParameterGroup<TOptions>(parameters, o => With(o, overrides));
        ((Optimizer<TOptions>)optimizer).AddParameterGroup(group);
        return group;
    }

    Optimizer<TOptions> Construct(IReadOnlyList<ParameterGroup<TOptions>> groups, TOptions options) =>
        (Optimizer<TOptions>)constructor.Invoke(BindingFlags.DoNotWrapExceptions, null, [groups, options], null);

    TOptions With(TOptions options, IEnumerable<KeyValuePair<string, object?>> values)
    {
        foreach (var (key, value) in values)
        {
            var option = OptionSchema<TOptions>.Find(key) ?? throw new GoldenCaseException($"{Type.Name} has no option '{key}'");
            options = (TOptions)option.With(options, value);
        }
        return options;
    }
}
