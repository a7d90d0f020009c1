using System.Globalization;
using OptimSharp.Rules;

namespace OptimSharp.Schedulers;

/// <summary>The one option of <see cref="ScheduledOption"/>.</summary>
internal sealed record ScheduledOptionOptions : OptimizerOptions
{
    /// <summary>The value of the option that is scheduled. Its range is the option's own.</summary>
    [Option("lr")]
    public override double LearningRate { get; init; }

    /// <inheritdoc/>
    protected override bool AllowsInfinity => true;
}

/// <summary>
/// An option of an optimizer's groups, as the rate of an optimizer of its own: what schedules rates schedules it. It has a group for each of the optimizer's groups that have the
/// option, and never steps. Before anything is computed its rates are read from the options, and what is computed is written to the options first: all of them or none.
/// </summary>
internal sealed class ScheduledOption : Optimizer<ScheduledOptionOptions>
{
    readonly Optimizer optimizer;
    readonly bool isRate; // schedulers of rates, which are ≥ 0, schedule it
    (int Index, ParameterGroup Group)[] sources;

    /// <param name="optimizer">The optimizer.</param>
    /// <param name="option">The option, or one of its numbers.</param>
    /// <param name="isRate">Whether it is to be scheduled as a rate, so that it must be ≥ 0.</param>
    /// <exception cref="ArgumentException">No group has the option, or it is no number, or it is the rate.</exception>
    public ScheduledOption(Optimizer optimizer, string option, bool isRate) : this(optimizer, new OptionPath(option), isRate)
    {
    }

    ScheduledOption(Optimizer optimizer, OptionPath path, bool isRate) : base([.. Having(optimizer, path).Select(_ => new ParameterGroup<ScheduledOptionOptions>([]))], null)
    {
        (this.optimizer, Path, this.isRate) = (optimizer, path, isRate);
        sources = Having(optimizer, path);
        Read();
    }

    /// <summary>The option.</summary>
    public OptionPath Path { get; }

    /// <summary>The optimizer whose option it is.</summary>
    public Optimizer Owner => optimizer;

    /// <summary>The optimizer's group that a group here is for, and its number there.</summary>
    public (int Index, ParameterGroup Group) Source(int group) => sources[group];

    /// <summary>The optimizer's groups that have the option.</summary>
    public IReadOnlyList<ParameterGroup> SourceGroups => [.. sources.Select(source => source.Group)];

    /// <summary>The number here of one of the optimizer's groups; −1 when that does not have the option.</summary>
    public int Find(int group) => Array.FindIndex(sources, source => source.Index == group);

    /// <summary>Reads the options, as they are now, and follows what became of the optimizer's groups.</summary>
    public void Read()
    {
        HasStepped = optimizer.HasStepped;
        (int Index, ParameterGroup Group)[] now = [.. optimizer.ParameterGroups.Index().Where(g => g.Item.HasOption(Path.Key))];
        double[] values = [.. now.Select(source => Path.Read(source.Group, source.Index))];
        if (isRate && Array.FindIndex(values, value => value < 0) is >= 0 and var negative)
        {
            throw new ArgumentException(string.Create(CultureInfo.InvariantCulture,
                $"Option '{Path}' of parameter group {now[negative].Index} is {values[negative]}, but schedulers of rates are for values ≥ 0: give a function of step and value instead."));
        }
        if (!now.SequenceEqual(sources))
        {
            SetGroups([.. now.Select(source => Array.FindIndex(sources, old => GroupPlaces.IsSame(old.Group, source.Group)) is >= 0 and var i ? ParameterGroups[i] : MakeGroup([], new ScheduledOptionOptions()))]);
            sources = now;
        }
        for (int i = 0; i < values.Length; i++)
        {
            ParameterGroups[i].LearningRate = values[i];
            ParameterGroups[i].RateKept = sources[i].Group.KeptAt(Path.Key);
        }
    }

    /// <summary>Writes the values of all groups to the options, or none.</summary>
    /// <exception cref="InvalidOperationException">An option can't have its value. Nothing was changed.</exception>
    public void Write(long epoch, IReadOnlyList<double> values)
    {
        double[] before = [.. sources.Select(source => Path.Read(source.Group, source.Index))];
        for (int i = 0; i < sources.Length; i++)
        {
            try
            {
                if (!double.IsFinite(values[i]))
                    throw new ArgumentException("It must be finite.");
                Path.Write(sources[i].Group, values[i]);
            }
            catch (ArgumentException e)
            {
                for (int k = 0; k < i; k++)
                    Path.Write(sources[k].Group, before[k]);
                throw new InvalidOperationException(string.Create(CultureInfo.InvariantCulture,
                    $"The schedule of '{Path}' gives {values[i]} at step {epoch} for parameter group {sources[i].Index}: {e.Message.Split(" (Parameter '")[0]}"), e);
            }
        }
    }

    /// <summary>Writes first values, in a way that can be taken back for as long as nothing else is written.</summary>
    public void WriteAsNew(Action write)
    {
        foreach (var (_, group) in sources)
        {
            var inner = write;
            write = () => group.WriteAsNew(inner);
        }
        write();
    }

    /// <summary>Takes back what new schedulers wrote.</summary>
    public void TakeBack()
    {
        foreach (var (_, group) in sources)
            group.TakeBack();
    }

    /// <inheritdoc/>
    protected override IReadOnlyList<StateEntry> StateEntries(Parameter parameter) => [];

    /// <inheritdoc/>
    protected override void Update<T>(GroupStep<T> group, ScheduledOptionOptions options)
    {
    }

    internal override void CheckLoaded() =>
        throw new InvalidOperationException($"This is option '{Path}' of {optimizer.GetType().Name}, for making its schedule: step the optimizer itself.");

    static (int, ParameterGroup)[] Having(Optimizer optimizer, OptionPath option)
    {
        ArgumentNullException.ThrowIfNull(optimizer);
        if (option.Key == "lr")
            throw new ArgumentException("The rate, 'lr', has schedulers of its own: make one over the optimizer.", nameof(option));
        (int, ParameterGroup)[] having = [.. optimizer.ParameterGroups.Index().Where(g => g.Item.HasOption(option.Key))];
        return having.Length > 0 ? having : throw new ArgumentException(
            $"{optimizer.GetType().Name} has no option '{option.Key}'; it has: {string.Join(", ", optimizer.ParameterGroups.SelectMany(g => g.OptionKeys).Distinct().Except(["lr"]))}.", nameof(option));
    }
}
