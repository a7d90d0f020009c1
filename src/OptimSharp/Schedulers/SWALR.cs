namespace OptimSharp.Schedulers;

/// <summary>Brings the rates from what they are, when it is first stepped, to fixed ones: for stochastic weight averaging.</summary>
/// <remarks>
/// <para>
/// η(e) = η_swa·α + η_start·(1 − α), with α = e/epochs (linear) or (1 − cos(πe/epochs))/2, and 1 after that. Chainable: η_start is
/// worked out of the rate that there is.
/// </para>
/// <para>
/// Izmailov et al., "Averaging weights leads to wider optima and better generalization", 2018. PyTorch's <c>SWALR</c>, except
/// that with lastEpoch ≥ 0 the annealing goes on (there it begins again). It stands beside another scheduler: step one, then
/// the other. When a sequence comes to it, it starts from the rate that there is.
/// </para>
/// </remarks>
public sealed class SWALR : LRScheduler
{
    PerGroup swaRates;
    bool readsGroups, writesGroups;

    /// <param name="optimizer">The optimizer whose groups' rates are set.</param>
    /// <param name="swaLr">The rate at the end, ≥ 0: one for all groups or one for each.</param>
    /// <param name="annealEpochs">How many epochs it takes, ≥ 0; 0: at once. Default 10.</param>
    /// <param name="annealStrategy">Along half a cosine (the default) or in a straight line.</param>
    /// <param name="lastEpoch">−1 to start; see <see cref="LRScheduler"/> for going on.</param>
    /// <exception cref="ArgumentException">An argument is out of range, or a list has not one value for each group.</exception>
    public SWALR(Optimizer optimizer, PerGroup swaLr, int annealEpochs = 10, AnnealStrategy annealStrategy = AnnealStrategy.Cos, long lastEpoch = -1)
        : base(optimizer, lastEpoch)
    {
        swaRates = swaLr;
        AnnealEpochs = annealEpochs;
        AnnealStrategy = annealStrategy;
        Start();
    }

    /// <summary>The rate at the end.</summary>
    public PerGroup SwaLR => swaRates;

    /// <summary>How many epochs it takes.</summary>
    public int AnnealEpochs { get; private set; }

    /// <summary>The curve.</summary>
    public AnnealStrategy AnnealStrategy { get; private set; }

    /// <summary>The rate at an epoch, without an optimizer.</summary>
    /// <param name="epoch">The epoch, ≥ 0.</param>
    /// <param name="startRate">The rate at epoch 0.</param>
    /// <param name="swaLr">The rate at the end, ≥ 0: one for all groups or one for each.</param>
    /// <param name="annealEpochs">How many epochs it takes, ≥ 0; 0: at once. Default 10.</param>
    /// <param name="annealStrategy">Along half a cosine (the default) or in a straight line.</param>
    public static double At(long epoch, double startRate, double swaLr, int annealEpochs = 10, AnnealStrategy annealStrategy = AnnealStrategy.Cos)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(epoch);
        double alpha = Alpha(epoch, annealEpochs, annealStrategy);
        return swaLr * alpha + startRate * (1 - alpha);
    }

    private protected override void Describe(Fields fields)
    {
        swaRates = fields.Each(swaRates, "swa_lrs", optional: true, name: "swaLr"); // PyTorch keeps them in the groups only
        readsGroups = fields.IsLoading && !fields.Has("swa_lrs") && !fields.Keeps("swa_lrs");
        writesGroups = fields.Keeps("swa_lrs");
        AnnealStrategy = fields.Choice(AnnealStrategy, "_anneal_strategy", ["cos", "linear"], optional: true);
        fields.Ignore("anneal_func");
        AnnealEpochs = fields.Whole(AnnealEpochs, "anneal_epochs");
        base.Describe(fields);
    }

    private protected override void Prepare(ParameterGroup group, int index, bool resumes)
    {
        group.Extras["swa_lr"] = swaRates[index];
        base.Prepare(group, index, resumes);
    }

    private protected override double First(in RateStep x) => AnnealEpochs == 0 ? swaRates[x.Group] : x.Current;

    private protected override double Restart(in RateStep x) => First(x);

    private protected override double Next(in RateStep x)
    {
        double swa = swaRates[x.Group];
        double before = Alpha(x.Epoch - 1, AnnealEpochs, AnnealStrategy), alpha = Alpha(x.Epoch, AnnealEpochs, AnnealStrategy);
        double start = before == 1 ? swa : (x.Current - before * swa) / (1 - before);
        return swa * alpha + start * (1 - alpha);
    }

    internal override double? ClosedForm(long epoch, int group) => At(epoch, BaseRate(group), swaRates[group], AnnealEpochs, AnnealStrategy);

    internal override void AdoptNewGroups()
    {
        base.AdoptNewGroups();
        if (writesGroups)
        {
            writesGroups = false;
            foreach (var (i, group) in Places.Met.Index())
                group.Extras["swa_lr"] = swaRates[i];
        }
        if (!readsGroups)
            return;
        readsGroups = false;
        swaRates = swaRates.ReadFrom(Places.Met, "swa_lr");
    }

    static double Alpha(long epoch, int epochs, AnnealStrategy strategy)
    {
        double time = epochs == 0 ? 1 : Math.Clamp((double)epoch / epochs, 0, 1);
        return strategy == AnnealStrategy.Cos ? (1 - Math.Cos(Math.PI * time)) / 2 : time;
    }
}
