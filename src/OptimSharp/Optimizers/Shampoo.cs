using System.Runtime.CompilerServices;
using OptimSharp.Rules;

namespace OptimSharp;

/// <summary>Options of <see cref="Shampoo"/>.</summary>
public sealed record ShampooOptions : OptimizerOptions
{
    /// <summary>The learning rate η, ≥ 0. Default 1e-2.</summary>
    public override double LearningRate { get; init; } = 1e-2;

    /// <summary>β₁, the decay of the average of gradients, in [0, 1), 0 for none; and β₂, that of the matrices, in [0, 1], 1 for a sum. Default (0.9, 1).</summary>
    [Option("betas", AtLeast = 0)]
    public (double Beta1, double Beta2) Betas { get; init; } = (0.9, 1);

    /// <summary>β₃, the weight of the average against the new gradient in a step, in [−1, 1); a negative one means β₁. Default −1.</summary>
    [Option("beta3", AtLeast = -1, Below = 1)]
    public double Beta3 { get; init; } = -1;

    /// <summary>ε, added to the matrices' diagonal before their roots are taken, &gt; 0. Default 1e-12.</summary>
    [Option("epsilon", Above = 0)]
    public double Epsilon { get; init; } = 1e-12;

    /// <summary>The weight decay λ, ≥ 0. Default 0.</summary>
    [Option("weight_decay", AtLeast = 0)]
    public double WeightDecay { get; init; }

    /// <summary>How weights decay. Default <see cref="ShampooWeightDecay.Decoupled"/>.</summary>
    [Option("weight_decay_type", Choices = ["DECOUPLED", "L2", "CORRECTED", "INDEPENDENT"])]
    public ShampooWeightDecay WeightDecayType { get; init; }

    /// <summary>The largest side of a block, ≥ 1: larger parameters are cut. Default 1024.</summary>
    [Option("max_preconditioner_dim", AtLeast = 1)]
    public int MaxPreconditionerDimension { get; init; } = 1024;

    /// <summary>After how many steps roots are taken again, ≥ 1. Default 1.</summary>
    [Option("precondition_frequency", AtLeast = 1)]
    public int PreconditionFrequency { get; init; } = 1;

    /// <summary>The step at which roots are taken first, at least <see cref="PreconditionFrequency"/>; −1 means that one. Before it, steps are those of <see cref="Grafting"/>. Default −1.</summary>
    [Option("start_preconditioning_step", AtLeast = -1)]
    public int StartPreconditioningStep { get; init; } = -1;

    /// <summary>Corrects the averages for their start at zero. Default true.</summary>
    [Option("use_bias_correction")]
    public bool BiasCorrection { get; init; } = true;

    /// <summary>The momentum μ of the steps themselves, in [0, 1). Default 0, none.</summary>
    [Option("momentum", AtLeast = 0, Below = 1)]
    public double Momentum { get; init; }

    /// <summary>The dampening τ of the momentum, in [0, 1). Default 0.</summary>
    [Option("dampening", AtLeast = 0, Below = 1)]
    public double Dampening { get; init; }

    /// <summary>Nesterov's momentum. Default false.</summary>
    [Option("use_nesterov")]
    public bool Nesterov { get; init; }

    /// <summary>Whose steps a block's are as long as. Default <see cref="ShampooGrafting.None"/>.</summary>
    [Option("grafting_type", Choices = ["NONE", "SGD", "ADAGRAD", "RMSPROP", "ADAM"])]
    public ShampooGrafting Grafting { get; init; }

    /// <summary>The decay of the grafted method's average of squared gradients, in (0, 1]; null: 0.99 for RMSprop, 0.999 for Adam. Default null.</summary>
    [Option("grafting_beta2", Above = 0, AtMost = 1)]
    public double? GraftingBeta2 { get; init; }

    /// <summary>The grafted method's ε, &gt; 0. Default 1e-10.</summary>
    [Option("grafting_epsilon", Above = 0)]
    public double GraftingEpsilon { get; init; } = 1e-10;

    /// <summary>How roots are taken. Default <see cref="ShampooRoot.Eigen"/>.</summary>
    [Option("root_inv_type", Choices = ["EIGEN", "COUPLED_NEWTON"])]
    public ShampooRoot Root { get; init; }

    /// <summary>How many dimensions a parameter is to keep when small neighbours are taken together, ≥ 1: with 2, matrices stay matrices. Default 1.</summary>
    [Option("target_parameter_dimensionality", AtLeast = 1)]
    public int TargetDimensions { get; init; } = 1;

    /// <summary>Maximizes the objective instead of minimizing it. Default false.</summary>
    [Option("maximize")]
    public bool Maximize { get; init; }

    /// <inheritdoc/>
    protected override (string Option, string Problem)? CheckTogether() =>
        Betas.Beta1 >= 1 ? (nameof(Betas), $"Betas[0] must be in [0, 1), but is {Betas.Beta1}")
        : Betas.Beta2 > 1 ? (nameof(Betas), $"Betas[1] must be in [0, 1], but is {Betas.Beta2}")
        : StartPreconditioningStep >= 0 && StartPreconditioningStep < PreconditionFrequency
            ? (nameof(StartPreconditioningStep), $"StartPreconditioningStep must be at least PreconditionFrequency, {PreconditionFrequency}, or -1, but is {StartPreconditioningStep}")
            : null;
}

/// <summary>How the weights of <see cref="Shampoo"/> decay.</summary>
public enum ShampooWeightDecay
{
    /// <summary>By ηλ, as AdamW's.</summary>
    Decoupled,

    /// <summary>λθ is added to the gradient.</summary>
    L2,

    /// <summary>By η²λ/η₀, η₀ being the largest rate that the group has had.</summary>
    Corrected,

    /// <summary>By ηλ/η₀.</summary>
    Independent,
}

/// <summary>The method whose steps those of <see cref="Shampoo"/> are as long as, block by block.</summary>
public enum ShampooGrafting
{
    /// <summary>None: they are as long as they are.</summary>
    None,

    /// <summary>The gradient.</summary>
    SGD,

    /// <summary>The gradient by the root of the sum of squares.</summary>
    AdaGrad,

    /// <summary>By the root of the average of squares.</summary>
    RMSprop,

    /// <summary>By the root of the average of squares, corrected for its start.</summary>
    Adam,
}

/// <summary>How <see cref="Shampoo"/> takes roots of its matrices.</summary>
public enum ShampooRoot
{
    /// <summary>From eigenvalues and eigenvectors.</summary>
    Eigen,

    /// <summary>By the coupled Newton iteration: products of matrices only, up to 100 times.</summary>
    CoupledNewton,
}

/// <summary>Shampoo: each dimension of a block of the gradient is multiplied by the inverse root of what gradients have been along it.</summary>
/// <remarks>
/// <para>
/// L ← β₂L + (1 − β₂)GGᵀ;  R ← β₂R + (1 − β₂)GᵀG  (β₂ = 1: sums);  M ← β₁M + (1 − β₁)G;
/// U = (L + εI)^(−¼) M (R + εI)^(−¼);  U ← U·‖D‖/‖U‖, D the step of the grafted method;  θ ← θ − η(U + λθ).
/// </para>
/// <para>
/// Gupta, Koren and Singer, "Shampoo: preconditioned stochastic tensor optimization", 2018; Anil et al., "Scalable second order optimization for deep learning", 2020; Shi et al., "A distributed data-parallel PyTorch
/// implementation of the distributed Shampoo optimizer", 2023, whose code it follows. Averages are corrected for their start. Small dimensions are taken together, large ones cut into blocks; with d dimensions the exponent is −1/(2d).
/// </para>
/// </remarks>
/// <param name="groups">Groups of parameters with options of their own.</param>
/// <param name="options">The options; what a group does not override is taken from them. null: the defaults.</param>
/// <exception cref="ArgumentException">No parameters, one twice, a complex one, or an option out of range.</exception>
[method: OverloadResolutionPriority(1)]
public sealed class Shampoo(IEnumerable<ParameterGroup<ShampooOptions>> groups, ShampooOptions? options = null) : Optimizer<ShampooOptions>(groups, options)
{
    static readonly StateEntry FilteredGrad = StateEntry.Tensor("filtered_grad", optional: true), Squares = StateEntry.Tensor("adagrad", optional: true, range: StateRange.NonNegative);
    static readonly StateEntry MomentumBuffer = StateEntry.Tensor("momentum_buffer", optional: true);
    static readonly StateEntry Factors = StateEntry.Matrices("factor_matrices"), Roots = StateEntry.Matrices("inv_factor_matrices");
    static readonly StateEntry PeakRate = StateEntry.Number("peak_lr", optional: true); // of a group: two kinds of decay go by it
    static readonly StateEntry[] Entries = [StateEntry.Step, FilteredGrad, Squares, MomentumBuffer, Factors, Roots];

    static readonly StateEntry[] GroupNumbers = [PeakRate];

    MatrixSize[] sizes = []; // room for those of one parameter

    /// <summary>For parameters that share one set of options.</summary>
    /// <inheritdoc cref="Shampoo(IEnumerable{ParameterGroup{ShampooOptions}}, ShampooOptions)"/>
    public Shampoo(IEnumerable<Parameter> parameters, ShampooOptions? options = null) : this(Group(parameters), options)
    {
    }

    /// <inheritdoc/>
    protected override IReadOnlyList<StateEntry> StateEntries(Parameter parameter) => Entries;

    /// <inheritdoc/>
    protected override IReadOnlyList<StateEntry> GroupEntries => GroupNumbers;

    /// <inheritdoc/>
    protected override void Update<T>(GroupStep<T> group, ShampooOptions options)
    {
        double peak = Math.Max(group.Numbers[PeakRate], options.LearningRate);
        group.Numbers[PeakRate] = peak;
        Span<nint> room = stackalloc nint[BlockGrid.MostDimensions * 3];
        foreach (var x in group)
        {
            long t = x.NextStep();
            bool fresh = !x.Has(Roots);
            var grid = new BlockGrid(x.Shape, options, room);
            int count = checked(grid.Count * grid.Dimensions);
            if (sizes.Length < count)
                sizes = new MatrixSize[count];
            for (int i = 0; i < grid.Count; i++)
            {
                grid.GoTo(i);
                for (int k = 0; k < grid.Dimensions; k++)
                    sizes[i * grid.Dimensions + k] = new(grid.Extents[k], grid.Extents[k]);
            }
            x.Start(Factors, sizes.AsSpan(0, count));
            x.Start(Roots, sizes.AsSpan(0, count));
            var at = new ShampooStep(options, t, fresh, peak, x.Power(options.Betas.Beta1, t - 1), x.Power(options.Betas.Beta2, t), x.Power(ShampooStep.GraftingBeta2(options), t));
            Give(x, new ShampooRule<T>(options, at, x.Parameter), options);
        }
    }

    static void Give<T>(ParameterStep<T> x, in ShampooRule<T> rule, ShampooOptions options) where T : unmanaged, System.Numerics.IBinaryFloatingPointIeee754<T>
    {
        switch (options.Betas.Beta1 != 0, ShampooStep.HasSquares(options), options.Momentum != 0)
        {
            case (true, true, true):
                x.ApplyTensor(rule, FilteredGrad, Squares, MomentumBuffer, Factors, Roots);
                break;
            case (true, true, false):
                x.ApplyTensor(rule, FilteredGrad, Squares, Factors, Roots);
                break;
            case (true, false, true):
                x.ApplyTensor(rule, FilteredGrad, MomentumBuffer, Factors, Roots);
                break;
            case (true, false, false):
                x.ApplyTensor(rule, FilteredGrad, Factors, Roots);
                break;
            case (false, true, true):
                x.ApplyTensor(rule, Squares, MomentumBuffer, Factors, Roots);
                break;
            case (false, true, false):
                x.ApplyTensor(rule, Squares, Factors, Roots);
                break;
            case (false, false, true):
                x.ApplyTensor(rule, MomentumBuffer, Factors, Roots);
                break;
            default:
                x.ApplyTensor(rule, Factors, Roots);
                break;
        }
    }

    /// <inheritdoc/>
    protected override void CheckParameter(Parameter parameter)
    {
        RefuseComplex(parameter, "Adam");
        if (parameter.Shape.Length > BlockGrid.MostDimensions)
            throw new ArgumentException($"Shampoo's parameters have at most {BlockGrid.MostDimensions} dimensions, but {parameter} has {parameter.Shape.Length}.", nameof(parameter));
    }
}
