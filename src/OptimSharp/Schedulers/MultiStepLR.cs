using System.Globalization;

namespace OptimSharp.Schedulers;

/// <summary>Multiplies the rates by γ at each of some milestones.</summary>
/// <remarks>
/// <para>In closed form: η(e) = η₀ · γ^(number of milestones ≤ e). A milestone named twice counts twice. Chainable.</para>
/// <para>PyTorch's <c>MultiStepLR</c>. Here negative milestones are refused: they never come.</para>
/// </remarks>
public sealed class MultiStepLR : LRScheduler
{
    /// <param name="optimizer">The optimizer whose groups' rates are set.</param>
    /// <param name="milestones">The epochs at which the rates change, ≥ 0, in any order.</param>
    /// <param name="gamma">The factor γ, ≥ 0. Default 0.1.</param>
    /// <param name="lastEpoch">−1 to start; see <see cref="LRScheduler"/> for going on.</param>
    /// <exception cref="ArgumentOutOfRangeException">An argument is out of range.</exception>
    public MultiStepLR(Optimizer optimizer, IEnumerable<int> milestones, double gamma = 0.1, long lastEpoch = -1) : base(optimizer, lastEpoch)
    {
        ArgumentNullException.ThrowIfNull(milestones);
        Milestones = [.. milestones.Order()];
        if (Milestones.Count > 0)
            ArgumentOutOfRangeException.ThrowIfNegative(Milestones[0], nameof(milestones));
        Gamma = gamma;
        Start();
    }

    /// <summary>The epochs at which the rates change, in order, with repetitions.</summary>
    public IReadOnlyList<int> Milestones { get; private set; }

    /// <summary>The factor γ.</summary>
    public double Gamma { get; private set; }

    /// <summary>The rate at an epoch, without an optimizer.</summary>
    /// <param name="epoch">The epoch, ≥ 0.</param>
    /// <param name="baseRate">The rate before the first milestone.</param>
    /// <param name="milestones">The epochs at which the rates change, ≥ 0, in any order.</param>
    /// <param name="gamma">The factor γ, ≥ 0. Default 0.1.</param>
    public static double At(long epoch, double baseRate, IEnumerable<int> milestones, double gamma = 0.1)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(epoch);
        return baseRate * Math.Pow(gamma, milestones.Count(m => m <= epoch));
    }

    private protected override void Describe(Fields fields)
    {
        DescribeMilestones(fields);
        Gamma = fields.Number(Gamma, "gamma");
        base.Describe(fields);
    }

    private protected override double Next(in RateStep x)
    {
        long epoch = x.Epoch;
        int count = Milestones.Count(m => m == epoch);
        return count == 0 ? x.Current : x.Current * Math.Pow(Gamma, count);
    }

    private protected override double First(in RateStep x) => Next(x);

    internal override double? ClosedForm(long epoch, int group) => At(epoch, BaseRate(group), Milestones, Gamma);

    /// <summary>PyTorch keeps a counter, from milestone to how often it is named; a plain list is read, too.</summary>
    void DescribeMilestones(Fields fields)
    {
        var counter = new StateDict { PythonType = "collections.Counter" };
        foreach (var same in Milestones.GroupBy(m => m))
            counter[same.Key] = same.Count();
        fields.Derived("milestones", counter);
        fields.Setting("milestones");
        if (!fields.IsLoading || fields.Keeps("milestones"))
            return;
        var state = fields.State;
        IEnumerable<long> read = state["milestones"] is StateDict saved
            ? saved.Keys.SelectMany(key => Enumerable.Repeat(Epoch(key), (int)Math.Clamp(saved.GetInt64(key), 0, 1 << 20)))
            : state.GetDoubles("milestones").Select(m => (long)m);
        Milestones = [.. read.Order().Select(m => m is >= 0 and <= int.MaxValue ? (int)m : throw state.Wrong("milestones", m, "epochs ≥ 0"))];

        long Epoch(StateKey key) => key.IsNumber ? key.Number
            : long.TryParse(key.Name, CultureInfo.InvariantCulture, out long number) ? number
            : throw state.Wrong("milestones", key.Value, "a counter of epochs");
    }
}
