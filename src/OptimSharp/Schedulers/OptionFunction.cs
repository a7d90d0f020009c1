namespace OptimSharp.Schedulers;

/// <summary>Sets an option to what a function of step and base value says: any number that the option can have.</summary>
internal sealed class OptionFunction : LRScheduler
{
    readonly Func<long, double, double> function;

    public OptionFunction(ScheduledOption option, Func<long, double, double> function) : base(option, lastEpoch: -1)
    {
        this.function = function;
        Start();
    }

    private protected override double LeastRate => double.NaN;

    private protected override void Describe(Fields fields)
    {
        base.Describe(fields);
        fields.Function(function, "lr_lambda");
    }

    private protected override double Valid(double rate, long epoch, int group) => rate; // what an option can have, it knows itself

    private protected override double Next(in RateStep x) => function(x.Epoch, x.Base);

    private protected override double First(in RateStep x) => Next(x);

    internal override double? ClosedForm(long epoch, int group) => function(epoch, BaseRate(group));

    public override string ToString() => $"a function (epoch {LastEpoch})";
}
