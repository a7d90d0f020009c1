namespace OptimSharp.Schedulers;

/// <summary>Sets an option to its base value times what the group's rate is to the initial one.</summary>
internal sealed class RateFollower : LRScheduler
{
    readonly ScheduledOption option;
    readonly List<double> initialRates = []; // for groups in which no scheduler of rates left one

    public RateFollower(ScheduledOption option) : base(option, lastEpoch: -1)
    {
        this.option = option;
        Start();
    }

    private protected override double LeastRate => double.NaN;

    private protected override void Describe(Fields fields)
    {
        fields.Numbers(initialRates, "initial_lrs", Optimizer.ParameterGroups.Count);
        base.Describe(fields);
    }

    private protected override double Valid(double rate, long epoch, int group) => rate;

    private protected override double Next(in RateStep x)
    {
        var source = option.Source(x.Group).Group;
        double rate = source.LearningRate, initial = source.InitialLearningRate ?? initialRates[x.Group];
        return rate == initial || initial == 0 ? x.Base : x.Base * rate / initial;
    }

    private protected override double First(in RateStep x) => Next(x);

    internal override void AdoptNewGroups()
    {
        int count = Optimizer.ParameterGroups.Count;
        if (initialRates.Count > count)
            initialRates.RemoveRange(count, initialRates.Count - count);
        for (int i = initialRates.Count; i < count; i++)
        {
            var source = option.Source(i).Group;
            initialRates.Add(source.InitialLearningRate ?? source.LearningRate);
        }
        base.AdoptNewGroups();
    }
}
