using System.Diagnostics.CodeAnalysis;

namespace OptimSharp;

/// <summary>What became of parameters under rules and an optimizer's options.</summary>
/// <param name="Groups">The groups.</param>
/// <param name="Traces">Which rules gave the options, for each parameter of the groups.</param>
/// <param name="Frozen">The parameters that are in no group.</param>
/// <param name="All">All parameters that the rules were told of.</param>
internal sealed record RuledGroups<[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicProperties)] TOptions>(IReadOnlyList<ParameterGroup<TOptions>> Groups, IReadOnlyList<RuleTrace> Traces, IReadOnlyList<FrozenParameter> Frozen, IReadOnlyList<Parameter> All)
    where TOptions : OptimizerOptions;

/// <summary>Which rules gave a parameter its options.</summary>
/// <param name="Parameter">The parameter.</param>
/// <param name="Options">The options, as the rules gave them.</param>
/// <param name="RuleOf">The text of the rule that gave an option its value, by the option's key. Others are the optimizer's.</param>
internal sealed record RuleTrace(Parameter Parameter, OptimizerOptions Options, IReadOnlyDictionary<string, string> RuleOf);

/// <summary>A parameter that a rule froze.</summary>
/// <param name="Parameter">The parameter.</param>
/// <param name="Rule">The rule's text.</param>
internal sealed record FrozenParameter(Parameter Parameter, string Rule);
