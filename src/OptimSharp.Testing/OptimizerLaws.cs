namespace OptimSharp.Testing;

/// <summary>
/// What every optimizer keeps: its step's bits depend on nothing but its input, and a step is all or nothing. Checks an optimizer of one's own in
/// any test framework.
/// </summary>
/// <remarks>
/// <code>OptimizerLaws.Check(parameters => new Lion(parameters, new() { WeightDecay = 0.1 }));</code>
/// Any NaN is like any other, since IEEE 754 leaves its sign and payload open. While a law is checked, it changes <see cref="Execution"/>, and puts it back;
/// other tests may run at the same time.
/// </remarks>
public static class OptimizerLaws
{
    /// <summary>The same steps taken twice give the same bits: nothing random, and nothing left from another optimizer.</summary>
    public static OptimizerLaw Repeatable { get; } = new(nameof(Repeatable), "the same steps taken twice give the same bits", SameBits.Twice);

    /// <summary>Computing with single numbers gives the bits of computing with registers of several.</summary>
    public static OptimizerLaw Lanes { get; } = new(nameof(Lanes), "single numbers give the bits of registers of several", SameBits.Lanes);

    /// <summary>Any number of threads gives the same bits.</summary>
    public static OptimizerLaw Threads { get; } = new(nameof(Threads), "any number of threads gives the same bits", SameBits.Threads);

    /// <summary>Elementwise optimizers: a tensor cut in two parameters gives the same bits.</summary>
    public static OptimizerLaw Cuts { get; } = new(nameof(Cuts), "a tensor cut in two gives the same bits, when the optimizer is elementwise", SameBits.Cuts);

    /// <summary>Any place and alignment in memory gives the same bits: arrays, their middle, memory of a manager, native memory.</summary>
    public static OptimizerLaw Places { get; } = new(nameof(Places), "any place in memory gives the same bits", SameBits.Places);

    /// <summary>A step leaves gradients as they are.</summary>
    public static OptimizerLaw Gradients { get; } = new(nameof(Gradients), "a step leaves gradients as they are", StepLaws.KeepGradients);

    /// <summary>Elementwise optimizers: an element whose gradient is NaN changes no other element.</summary>
    public static OptimizerLaw NotANumber { get; } = new(nameof(NotANumber), "a NaN in a gradient changes its own element only, when the optimizer is elementwise", StepLaws.KeepNaNs);

    /// <summary>Groups of one optimizer step as optimizers of their own would, each with its rate.</summary>
    public static OptimizerLaw Groups { get; } = new(nameof(Groups), "a group steps as it would in an optimizer of its own", StepLaws.KeepGroupsApart);

    /// <summary>A step that throws leaves parameters, state and counts as they were, and does not show in the steps after it.</summary>
    public static OptimizerLaw AllOrNothing { get; } = new(nameof(AllOrNothing), "a step that throws leaves everything as it was", StepLaws.AreAllOrNothing);

    /// <summary>A warm step allocates nothing on the managed heap, by itself or within a <see cref="TrainingStep"/>.</summary>
    public static OptimizerLaw Allocations { get; } = new(nameof(Allocations), "a warm step allocates nothing on the managed heap", AllocationLaw.Find);

    /// <summary>State that is saved at any step and loaded in a new optimizer gives the same bits as going on: from memory, and through both kinds of file.</summary>
    public static OptimizerLaw Resuming { get; } = new(nameof(Resuming), "a new optimizer that loads the state goes on with the same bits", ResumingLaw.Difference);

    /// <summary>A <see cref="TrainingStep"/> gives the bits of clipping, stepping, averaging and zeroing by separate calls, and leaves a step out whole.</summary>
    public static OptimizerLaw OnePass { get; } = new(nameof(OnePass), "a training step gives the bits of the separate calls", OnePassRun.Difference);

    /// <summary>All laws, in the order in which they are checked.</summary>
    public static IReadOnlyList<OptimizerLaw> All { get; } =
        [Repeatable, Lanes, Threads, Cuts, Places, Gradients, NotANumber, Groups, AllOrNothing, Allocations, Resuming, OnePass];

    /// <summary>The law of this name: for tests that list the names of <see cref="All"/>.</summary>
    /// <exception cref="ArgumentException">There is none.</exception>
    public static OptimizerLaw Named(string name) => All.FirstOrDefault(law => law.Name == name)
        ?? throw new ArgumentException($"There is no law '{name}'; there are: {string.Join(", ", All)}.", nameof(name));

    /// <summary>Checks all laws, and stops at the first that is broken.</summary>
    /// <inheritdoc cref="OptimizerLaw.Check(Func{IReadOnlyList{Parameter}, Optimizer}, LawOptions?)"/>
    public static void Check(Func<IReadOnlyList<Parameter>, Optimizer> create, LawOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(create);
        var subject = new Subject(create, options ?? new());
        foreach (var law in All)
            law.Check(subject);
    }
}
