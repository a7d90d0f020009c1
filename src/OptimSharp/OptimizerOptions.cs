using OptimSharp.Rules;

namespace OptimSharp;

/// <summary>
/// What an optimizer can be told, for all of its parameters or for a group of them. Immutable: change a group with
/// <c>group.Options = group.Options with { … }</c>.
/// </summary>
public abstract record OptimizerOptions
{
    /// <summary>For records of options. An option is a property with an <see cref="OptionAttribute"/>.</summary>
    protected OptimizerOptions()
    {
    }

    /// <summary>The learning rate η, ≥ 0. PyTorch's <c>lr</c>.</summary>
    [Option("lr", AtLeast = 0)]
    public abstract double LearningRate { get; init; }

    /// <summary>
    /// How state tensors are kept. <see cref="StatePrecision.Compute"/>, the default, is the parameter's type, and single precision for half types: it keeps momentum that small gradients would not move in half precision. PyTorch does as
    /// <see cref="StatePrecision.Parameter"/> does; the others take less memory. State that is there already stays as it is until it is loaded.
    /// </summary>
    public StatePrecision StatePrecision { get; init; } = StatePrecision.Compute;

    /// <summary>
    /// The precisions of single states, by the names that state dicts have: <c>[("exp_avg_sq", StatePrecision.Dynamic8)]</c>. Others are kept as <see cref="StatePrecision"/> says. A name that the optimizer
    /// does not have is refused when it is made. Default none.
    /// </summary>
    public StatePrecisions StatePrecisionByName
    {
        get;
        init => field = value ?? throw new ArgumentNullException(nameof(StatePrecisionByName), "Precisions by name are null; none are [].");
    } = StatePrecisions.None;

    /// <summary>The precision that a state is kept in, by its name.</summary>
    public StatePrecision PrecisionOf(string state) => Precisions.Of(state);

    /// <summary>
    /// How bfloat16 parameters are kept from step to step. By <see cref="ParameterPrecision.Nearest"/>, the default and PyTorch's way, an update that is smaller than half of a number's last bit is lost; by the others none is. It
    /// says nothing for parameters of other types.
    /// </summary>
    public ParameterPrecision ParameterPrecision { get; init; }

    /// <summary>
    /// Whether an option that nothing bounds may be infinite. Default false: only those that say so (<see cref="OptionAttribute.AllowsInfinity"/>). PyTorch takes an infinite rate or decay, so its own optimizers do here,
    /// too.
    /// </summary>
    protected virtual bool AllowsInfinity => false;

    /// <summary>What is wrong when several options are looked at together: the option to be named, and a sentence without its full stop; null when nothing is.</summary>
    protected virtual (string Option, string Problem)? CheckTogether() => null;

    /// <summary>The options as state dicts and checkpoints have them: with a number, say, for one that is null here and may not be in PyTorch.</summary>
    protected virtual OptimizerOptions ForSaving() => this;

    internal (string Option, string Problem)? WrongTogether() => CheckTogether();

    /// <summary>The options that say how this process keeps what it has, by their names. States don't have them.</summary>
    internal static IReadOnlyList<string> OfThisProcess { get; } = [nameof(StatePrecision), nameof(StatePrecisionByName), nameof(ParameterPrecision)];

    /// <summary>One of these as text; null for another option.</summary>
    internal string? TextOf(string key) => key switch
    {
        nameof(StatePrecision) => StatePrecision.ToString(),
        nameof(StatePrecisionByName) => StatePrecisionByName.ToString(),
        nameof(ParameterPrecision) => ParameterPrecision.ToString(),
        _ => null,
    };

    internal Engine.NamedPrecisions Precisions => new(StatePrecision, StatePrecisionByName);

    internal bool MayBeInfinite => AllowsInfinity;

    internal OptimizerOptions ToSave() => ForSaving();

    internal OptimizerOptions Copy() => this with { };
}

/// <summary>The type that an optimizer keeps its state in.</summary>
public enum StatePrecision
{
    /// <summary>The type computed in: float for half parameters: two bytes more per number than <see cref="Parameter"/>, and exact small updates.</summary>
    Compute,

    /// <summary>The parameter's own type, as PyTorch keeps it.</summary>
    Parameter,

    /// <summary>bfloat16: two bytes a number, with a float's range and 8 bits of precision.</summary>
    BFloat16,

    /// <summary>
    /// 8-bit codes of a dynamic map, with a scale for each 256 numbers: 1.02 bytes a number. bitsandbytes' and torchao's 8-bit state (Dettmers et al., <see href="https://arxiv.org/abs/2110.02861">8-bit Optimizers via
    /// Block-wise Quantization</see>).
    /// </summary>
    Dynamic8,

    /// <summary>4-bit codes, with a scale for each 128 numbers: 0.53 bytes a number. torchao's 4-bit state.</summary>
    Linear4,

    /// <summary>8-bit floating-point numbers (e4m3) with a scale for each 256: 1.02 bytes a number. torchao's fp8 state.</summary>
    Float8,
}
