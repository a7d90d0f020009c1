using System.Globalization;
using OptimSharp.Schedulers;

namespace OptimSharp;

/// <summary>What a <see cref="TrainingStep"/> does besides the optimizer's step.</summary>
public sealed record TrainingStepOptions
{
    /// <summary>The largest norm of all gradients together, ≥ 0; null, the default: they are not clipped by norm. As <see cref="Gradients.ClipNorm"/>.</summary>
    public double? MaxNorm { get; init; }

    /// <summary>The order of that norm (and of the one reported). Default 2; <see cref="double.PositiveInfinity"/> for the largest absolute value.</summary>
    public double NormOrder { get; init; } = 2;

    /// <summary>The largest absolute value of a gradient's number, ≥ 0, after clipping by norm; null, the default: they are not clipped by value. As <see cref="Gradients.ClipValue"/>.</summary>
    public double? MaxValue { get; init; }

    /// <summary>Whether a step is left out when a gradient has a number that is not finite. Default true. With a <see cref="Scaler"/> it always is.</summary>
    public bool SkipNotFinite { get; init; } = true;

    /// <summary>What scaled the loss: the gradients are divided by its scale. null, the default: nothing did.</summary>
    public GradScaler? Scaler { get; init; }

    /// <summary>Whether the step also calls the scaler's <see cref="GradScaler.Update"/>. Default true; false where several optimizers share the scaler, which is then yours to update.</summary>
    public bool UpdateScaler { get; init; } = true;

    /// <summary>Averages to be updated after each step that changed parameters. Default null.</summary>
    public AveragedParameters? Averages { get; init; }

    /// <summary>What becomes of the gradients. Default <see cref="GradientsAfter.Dropped"/>.</summary>
    public GradientsAfter GradientsAfter { get; init; }

    /// <summary>How many calls make one step, ≥ 1: each call is for one micro-batch, and the step takes the mean of their gradients. Default 1.</summary>
    public int MicroBatches { get; init; } = 1;

    /// <summary>Schedulers of this optimizer's rates and other options that go on, in this order, with each step that changed parameters. Default none.</summary>
    /// <remarks>Refused are: one that would be stepped twice; two that set the same option, also the momentum of one that cycles it.</remarks>
    public IReadOnlyList<IScheduler> Schedulers { get; init; } = [];

    /// <summary>Whether reports have <see cref="StepReport.Statistics"/>: norms, ratios, rates and memory of each group. Default false: then nothing of them is computed.</summary>
    public bool Statistics { get; init; }

    /// <summary>Throws when something is out of range or does not go together.</summary>
    internal void Check(Optimizer optimizer)
    {
        if (MaxNorm is { } norm)
            Gradients.CheckLimit(norm, nameof(MaxNorm));
        if (MaxValue is { } value)
            Gradients.CheckLimit(value, nameof(MaxValue));
        Gradients.CheckOrder(NormOrder, nameof(NormOrder));
        if (!Enum.IsDefined(GradientsAfter))
            throw Refused(nameof(GradientsAfter), $"GradientsAfter must be one of {string.Join(", ", Enum.GetNames<GradientsAfter>())}, but is {GradientsAfter}.");
        if (MicroBatches < 1)
            throw Refused(nameof(MicroBatches), string.Create(CultureInfo.InvariantCulture, $"MicroBatches must be ≥ 1, but is {MicroBatches}."));
        if (MicroBatches > 1 && GradientsAfter == GradientsAfter.Kept)
            throw Refused(nameof(GradientsAfter), "With several MicroBatches gradients can't be Kept: the next ones would be added to them.");
        if (MicroBatches > 1 && optimizer.NeedsClosure)
            throw Refused(nameof(MicroBatches), $"{optimizer.GetType().Name} evaluates its closure several times a step: go through the MicroBatches inside the closure.");
        OptionScheduler? follower = null;
        foreach (var scheduler in Schedulers ?? throw Refused(nameof(Schedulers), "Schedulers must be a list, but is null."))
        {
            if (scheduler is null || scheduler.Optimizer != optimizer && scheduler.Optimizer.CombinedIn != optimizer)
                throw Refused(nameof(Schedulers), scheduler is null ? "A scheduler is null." : $"{scheduler.GetType().Name} sets the {(scheduler is LRScheduler ? "rates" : "options")} of another optimizer.");
            if (scheduler is ReduceLROnPlateau)
                throw Refused(nameof(Schedulers), "ReduceLROnPlateau needs a metric: step it yourself.");
            if (scheduler is OptionScheduler { FollowsRate: true } follows)
                follower ??= follows;
            else if (follower is not null && scheduler is LRScheduler)
                throw Refused(nameof(Schedulers), $"The schedule of '{follower.Option}' follows the rate, so it must come after {scheduler.GetType().Name}, which sets that.");
        }
        CheckEachOnce();
    }

    /// <summary>Throws when a scheduler is stepped twice, or two set the same option.</summary>
    void CheckEachOnce()
    {
        var seen = new HashSet<IScheduler>();
        foreach (var scheduler in Schedulers)
        {
            if (Flat(scheduler).FirstOrDefault(part => !seen.Add(part)) is { } twice)
                throw Refused(nameof(Schedulers), $"{Name(twice)} is in the list twice{(twice == scheduler ? "" : ", once within another one")}: it would be stepped twice.");
        }
        foreach (var (i, option) in Schedulers.Index())
        {
            if (option is not OptionScheduler schedule)
                continue;
            if (Schedulers.Take(i).OfType<OptionScheduler>().Any(schedule.SetsTheSameAs))
                throw Refused(nameof(Schedulers), $"Two schedules set '{schedule.Option}': the first is without effect. One schedule may be made of several shapes, by ChainedScheduler or SequentialLR.");
            if (Schedulers.OfType<LRScheduler>().FirstOrDefault(rate => rate.CyclesMomentum && schedule.SetsMomentumOf(rate)) is { } cycling)
                throw Refused(nameof(Schedulers), $"{Name(cycling)} cycles the momentum, and another schedule sets it, as '{schedule.Option}': give {Name(cycling)} cycleMomentum: false, or leave that schedule out.");
        }

        static IEnumerable<IScheduler> Flat(IScheduler scheduler) => scheduler switch
        {
            ChainedScheduler chain => chain.Schedulers.SelectMany(Flat).Prepend(chain),
            SequentialLR sequence => sequence.Schedulers.SelectMany(Flat).Prepend(sequence),
            _ => [scheduler],
        };

        static string Name(IScheduler scheduler) => scheduler is OptionScheduler schedule ? $"The schedule of '{schedule.Option}'" : scheduler.GetType().Name;
    }

    static ArgumentException Refused(string option, string why) => new(why, option);
}
