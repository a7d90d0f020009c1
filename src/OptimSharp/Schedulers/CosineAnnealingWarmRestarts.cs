namespace OptimSharp.Schedulers;

/// <summary>Lowers the rates along half a cosine, again and again: each cycle starts at the base rate.</summary>
/// <remarks>
/// <para>
/// In closed form: η(e) = η_min + (η₀ − η_min)(1 + cos(π·T_cur/T_i))/2, where T_cur counts from the last restart and the cycles'
/// lengths are T_i = T₀·multⁱ. It sets the rate, whatever it was.
/// </para>
/// <para>
/// Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts", 2017. PyTorch's
/// <c>CosineAnnealingWarmRestarts</c>, except: cycles are counted exactly (there a logarithm may be off at a restart), and with
/// lastEpoch ≥ 0 the right cycle goes on. As there, η_min is approached but never reached: the next epoch is a restart.
/// </para>
/// </remarks>
public sealed class CosineAnnealingWarmRestarts : LRScheduler
{
    double shift; // from the epoch to the position in time: fractions, and what a loaded state says otherwise

    /// <param name="optimizer">The optimizer whose groups' rates are set.</param>
    /// <param name="t0">The length of the first cycle in epochs, ≥ 1. PyTorch's <c>T_0</c>.</param>
    /// <param name="tMult">The factor from a cycle's length to the next one's, ≥ 1. Default 1. PyTorch's <c>T_mult</c>.</param>
    /// <param name="etaMin">The lowest rate, ≥ 0. Default 0.</param>
    /// <param name="lastEpoch">−1 to start; see <see cref="LRScheduler"/> for going on.</param>
    /// <exception cref="ArgumentOutOfRangeException">An argument is out of range.</exception>
    public CosineAnnealingWarmRestarts(Optimizer optimizer, int t0, int tMult = 1, double etaMin = 0, long lastEpoch = -1) : base(optimizer, lastEpoch)
    {
        T0 = t0;
        TMult = tMult;
        EtaMin = etaMin;
        Start();
    }

    /// <summary>The length of the first cycle.</summary>
    public int T0 { get; private set; }

    /// <summary>The factor from a cycle's length to the next one's.</summary>
    public int TMult { get; private set; }

    /// <summary>The lowest rate.</summary>
    public double EtaMin { get; private set; }

    /// <summary>The length of the present cycle.</summary>
    public double TI => Cycle(Math.Max(0, LastEpoch + shift), T0, TMult).Length;

    /// <summary>How far the present cycle has come.</summary>
    public double TCur => Cycle(Math.Max(0, LastEpoch + shift), T0, TMult).Time;

    /// <summary>The rate at a time, without an optimizer.</summary>
    /// <param name="epoch">The time in epochs, ≥ 0; may be a fraction.</param>
    /// <param name="baseRate">The rate at each restart.</param>
    /// <param name="t0">The length of the first cycle in epochs, ≥ 1. PyTorch's <c>T_0</c>.</param>
    /// <param name="tMult">The factor from a cycle's length to the next one's, ≥ 1. Default 1. PyTorch's <c>T_mult</c>.</param>
    /// <param name="etaMin">The lowest rate, ≥ 0. Default 0.</param>
    public static double At(double epoch, double baseRate, int t0, int tMult = 1, double etaMin = 0)
    {
        if (!(epoch >= 0) || double.IsInfinity(epoch))
            throw new ArgumentOutOfRangeException(nameof(epoch), epoch, $"epoch must be ≥ 0 and finite, but is {epoch}.");
        ArgumentOutOfRangeException.ThrowIfLessThan(t0, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(tMult, 1);
        var (time, length) = Cycle(epoch, t0, tMult);
        return etaMin + (baseRate - etaMin) * (1 + Math.Cos(Math.PI * time / length)) / 2;
    }

    /// <summary>Goes to a time in epochs, forward or back, which may be a fraction: <c>Step(epoch + batch / batches)</c>.</summary>
    /// <remarks>A <see cref="LRScheduler.Step"/> after it goes on by one whole epoch.</remarks>
    /// <exception cref="ArgumentOutOfRangeException">The time is negative or not finite.</exception>
    /// <exception cref="ObjectDisposedException">The optimizer was disposed.</exception>
    public void Step(double epoch)
    {
        Optimizer.Turn.Check();
        if (!(epoch >= 0) || epoch > 1L << 52)
            throw new ArgumentOutOfRangeException(nameof(epoch), epoch, $"epoch must be ≥ 0 and finite, but is {epoch}.");
        shift = epoch - Math.Floor(epoch);
        Advance((long)epoch);
    }

    private protected override void Describe(Fields fields)
    {
        T0 = fields.Whole(T0, "T_0", atLeast: 1);
        fields.Derived("T_i", Math.Floor(TI) == TI && TI < 1L << 53 ? (long)TI : TI);
        TMult = fields.Whole(TMult, "T_mult", atLeast: 1);
        EtaMin = fields.Number(EtaMin, "eta_min");
        fields.Derived("T_cur", LastEpoch < 0 ? LastEpoch : Math.Floor(TCur) == TCur ? (long)TCur : TCur);
        base.Describe(fields);
        if (fields.IsLoading)
            shift = LastEpoch < 0 ? 0 : fields.Keeps("T_0") || fields.Keeps("T_mult") ? Fraction(fields.State) : Position(fields.State) - LastEpoch;
    }

    private protected override double Next(in RateStep x) => At(x.Epoch + shift, x.Base, T0, TMult, EtaMin);

    private protected override double First(in RateStep x) => Next(x);

    private protected override double Resume(in RateStep x) => Next(x);

    internal override double? ClosedForm(long epoch, int group) => At(epoch, BaseRate(group), T0, TMult, EtaMin);

    private protected override double RateNow(int place) => At(LastEpoch + shift, BaseRate(place), T0, TMult, EtaMin);

    internal override double? LowestRate(int group) => EtaMin;

    internal override void Rewind()
    {
        base.Rewind();
        shift = 0;
    }

    /// <summary>The present cycle at a time: how far it has come and how long it is.</summary>
    static (double Time, double Length) Cycle(double time, int t0, int tMult)
    {
        if (tMult == 1)
            return (time % t0, t0);
        double length = t0;
        for (; time >= length; length *= tMult)
            time -= length;
        return (time, length);
    }

    /// <summary>How much of an epoch has passed since the last whole one: where in which cycle that is, cycles of other lengths don't say.</summary>
    static double Fraction(StateDict state) => state.GetDouble("T_cur") is var time and >= 0 && double.IsFinite(time) ? time - Math.Floor(time)
        : throw state.Wrong("T_cur", state["T_cur"], "a number ≥ 0");

    /// <summary>The time in epochs that a state's T_cur and T_i stand for.</summary>
    double Position(StateDict state)
    {
        double time = state.GetDouble("T_cur"), cycle = state.GetDouble("T_i"), start = 0, length = T0;
        if (!(time >= 0) || !double.IsFinite(time))
            throw state.Wrong("T_cur", time, "a number ≥ 0");
        for (; TMult > 1 && length < cycle; length *= TMult)
            start += length;
        if (length != cycle)
            throw state.Wrong("T_i", cycle, $"T_0 times a power of T_mult ({T0} and {TMult})");
        double whole = LastEpoch + (time - Math.Floor(time));
        return Cycle(whole, T0, TMult) == (time, cycle) ? whole : start + time;
    }
}
