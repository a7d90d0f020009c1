namespace OptimSharp.Schedulers;

/// <summary>Sets an option to its base value times what the group's rate is to the initial one.</summary>
internal sealed class RateFollower : LRScheduler
{
    readonly ScheduledOption option;
    List<double> initialRates = []; // by the groups' places, for those in which no scheduler of rates left one

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
        var source = option.Source(NumberAt(x.Group)).Group;
        double rate = source.LearningRate, initial = source.InitialLearningRate ?? initialRates[x.Group];
        return rate == initial || initial == 0 ? x.Base : x.Base * rate / initial;
    }

    private protected override double First(in RateStep x) => Next(x);

    internal override void AdoptNewGroups()
    {
        FollowGroups();
        for (int place = 0; place < Places.Count; place++)
        {
            var source = option.Source(NumberAt(place)).Group;
            if (place == initialRates.Count)
                initialRates.Add(double.NaN);
            if (double.IsNaN(initialRates[place]))
                initialRates[place] = source.InitialLearningRate ?? source.LearningRate;
        }
        base.AdoptNewGroups();
    }

    private protected override void Renumber(int[] earlier)
    {
        initialRates = [.. earlier.Select(place => place >= 0 && place < initialRates.Count ? initialRates[place] : double.NaN)];
        base.Renumber(earlier);
    }

    private protected override double RateNow(int place) => Next(new(LastEpoch, place, 0, BaseRate(place)));

    public override string ToString() => $"follows the rate (epoch {LastEpoch})";
}
