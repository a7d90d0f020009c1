namespace OptimSharp.Schedulers;

/// <summary>Multiplies the rates at every epoch by what a function of yours says.</summary>
/// <remarks>
/// <para>η(e) = η(e − 1) · λ(e), from e = 1 on. Chainable.</para>
/// <para>
/// PyTorch's <c>MultiplicativeLR</c>. When a sequence comes to it, it multiplies the rate that there is by λ(0), as there. A
/// method of an object that is <see cref="IStateful"/> is saved with its object's state.
/// </para>
/// </remarks>
public sealed class MultiplicativeLR : LRScheduler
{
    readonly RateFunctions functions;

    /// <param name="optimizer">The optimizer whose groups' rates are set.</param>
    /// <param name="lrLambda">From an epoch to the factor λ, which must be ≥ 0 and finite.</param>
    /// <param name="lastEpoch">−1 to start; see <see cref="LRScheduler"/> for going on.</param>
    public MultiplicativeLR(Optimizer optimizer, Func<long, double> lrLambda, long lastEpoch = -1) : base(optimizer, lastEpoch)
    {
        functions = new(lrLambda);
        Start();
    }

    /// <param name="optimizer">The optimizer whose groups' rates are set.</param>
    /// <param name="lrLambda">A function for each group.</param>
    /// <param name="lastEpoch">−1 to start; see <see cref="LRScheduler"/> for going on.</param>
    /// <exception cref="ArgumentException">There isn't one function for each group.</exception>
    public MultiplicativeLR(Optimizer optimizer, IEnumerable<Func<long, double>> lrLambda, long lastEpoch = -1) : base(optimizer, lastEpoch)
    {
        functions = new(lrLambda, optimizer);
        Start();
    }

    private protected override void Describe(Fields fields)
    {
        base.Describe(fields);
        functions.Describe(fields, Optimizer);
    }

    private protected override double Next(in RateStep x) => x.Current * functions.Value(x, this);

    private protected override double Restart(in RateStep x) => Next(x);
}
