namespace OptimSharp.Schedulers;

/// <summary>Sets the rates to the base rates times what a function of yours says.</summary>
/// <remarks>
/// <para>η(e) = η₀ · λ(e). It sets the rate, whatever it was.</para>
/// <para>
/// PyTorch's <c>LambdaLR</c>. A method of an object that is <see cref="IStateful"/> is saved with its object's state. A group
/// that is added later takes the one function, if there is one.
/// </para>
/// </remarks>
public sealed class LambdaLR : LRScheduler
{
    readonly RateFunctions functions;

    /// <param name="optimizer">The optimizer whose groups' rates are set.</param>
    /// <param name="lrLambda">From an epoch to the factor λ, which must be ≥ 0 and finite.</param>
    /// <param name="lastEpoch">−1 to start; see <see cref="LRScheduler"/> for going on.</param>
    public LambdaLR(Optimizer optimizer, Func<long, double> lrLambda, long lastEpoch = -1) : base(optimizer, lastEpoch)
    {
        functions = new(lrLambda);
        Start();
    }

    /// <param name="optimizer">The optimizer whose groups' rates are set.</param>
    /// <param name="lrLambda">A function for each group.</param>
    /// <param name="lastEpoch">−1 to start; see <see cref="LRScheduler"/> for going on.</param>
    /// <exception cref="ArgumentException">There isn't one function for each group.</exception>
    public LambdaLR(Optimizer optimizer, IEnumerable<Func<long, double>> lrLambda, long lastEpoch = -1) : base(optimizer, lastEpoch)
    {
        functions = new(lrLambda, optimizer);
        Start();
    }

    private protected override void Describe(Fields fields)
    {
        base.Describe(fields);
        functions.Describe(fields, Optimizer);
    }

    private protected override double Next(in RateStep x) => x.Base * functions.Value(x, this);

    private protected override double First(in RateStep x) => Next(x);

    private protected override double Resume(in RateStep x) => Next(x);

    internal override double? ClosedForm(long epoch, int group) => Next(new(epoch, group, 0, BaseRate(group)));
}
