namespace OptimSharp.Schedulers;

// Groups that are added while a schedule runs, and which of a scheduler's values are whose.
public abstract partial class LRScheduler
{
    readonly List<ParameterGroup> addedSince = []; // the last step, and not included

    /// <summary>
    /// Lets groups that were added to the optimizer since the last step join the schedule where it is: each has the rate that it would have now, had it been there from the start with its rate as the base rate. Call it after
    /// <see cref="Optimizer{TOptions}.AddParameterGroups"/>, so that thawed layers are driven as the others are.
    /// </summary>
    /// <remarks>
    /// Without this call, a group that is added goes on from its own rate, whatever the epoch, as in PyTorch. Of several schedulers that multiply, each is called, in the order in which they are stepped.
    /// <see cref="ReduceLROnPlateau"/> has no schedule to join: there the rate stays. Groups whose state was loaded are left alone.
    /// </remarks>
    /// <exception cref="InvalidOperationException">A list of values, or of functions, has none for a group that was added; or a function of yours gave no valid rate. Nothing was changed.</exception>
    /// <exception cref="ObjectDisposedException">The optimizer was disposed.</exception>
    public virtual void IncludeAddedGroups()
    {
        Optimizer.Turn.Check();
        AdoptNewGroups();
        int[] added = [.. Added().Where(i => !Sources[i].IsLoaded)];
        if (added.Length == 0)
            return;
        double[] rates = [.. Optimizer.ParameterGroups.Select(g => g.LearningRate)];
        foreach (int i in added)
        {
            int place = Places.PlaceOf(i);
            double planned = RateNow(place), start = BaseRate(place);
            rates[i] = Valid(StartsFromGroup && start != 0 && rates[i] != start ? planned * (rates[i] / start) : planned, LastEpoch, i);
        }
        double?[] momenta = CyclesMomentum ? Trace().ElementAt(checked((int)LastEpoch)).Momenta : new double?[rates.Length];
        BeforeWriting?.Invoke(LastEpoch, rates);
        foreach (int i in added)
        {
            Optimizer.ParameterGroups[i].SetScheduledRate(rates[i]);
            if (momenta[i] is { } momentum)
                RateTable.WriteMomentum(Optimizer.ParameterGroups[i], momentum);
        }
        addedSince.Clear();
    }

    /// <summary>The groups in the order in which the scheduler met them: what it has for each goes by that.</summary>
    private protected GroupPlaces Places { get; }

    /// <summary>The groups whose parameters are meant: the optimizer's, or those whose option is scheduled.</summary>
    internal IReadOnlyList<ParameterGroup> Sources => Optimizer is ScheduledOption option ? option.SourceGroups : Optimizer.ParameterGroups;

    /// <summary>The place of a group, by its number in the optimizer.</summary>
    internal int PlaceOf(int number) => Places.PlaceOf(number);

    /// <summary>The number in the optimizer of the group at a place.</summary>
    internal int NumberAt(int place) => Places.NumberAt(place);

    /// <summary>The number that messages have for a group: of an option's schedule, that in the optimizer whose option it is.</summary>
    internal int Shown(int number) => Optimizer is ScheduledOption option ? option.Source(number).Index : number;

    /// <summary>The rate that the schedule alone gives the group at a place now.</summary>
    private protected virtual double RateNow(int place) => ClosedForm(LastEpoch, place) ?? Trace().ElementAt(checked((int)LastEpoch)).Rates[NumberAt(place)];

    /// <summary>Takes in groups that were added to the optimizer. Composites pass it on.</summary>
    internal virtual void AdoptNewGroups()
    {
        FollowGroups();
        for (int place = 0; place < Places.Count; place++)
        {
            var group = Places.Met[place];
            if (place == baseRates.Count)
                baseRates.Add(double.NaN);
            if (double.IsNaN(baseRates[place]))
                baseRates[place] = NewBaseRate(group, place);
            if (place == startedFrom.Count)
                startedFrom.Add(null);
            if (group.RateKept is { } kept && kept != startedFrom[place])
                (startedFrom[place], baseRates[place]) = (kept, NewBaseRate(group, place));
        }
    }

    /// <summary>Meets groups that are new. Where others were made of the parameters, each has what it had before, if it has the same parameters.</summary>
    private protected void FollowGroups()
    {
        addedSince.AddRange(NewGroups().Select(i => Optimizer.ParameterGroups[i]));
        if (Places.Follow() is { } earlier)
            Renumber(earlier);
    }

    /// <summary>Puts what there is for each group to other places: from an earlier place, or, where that is −1, from none.</summary>
    private protected virtual void Renumber(int[] earlier)
    {
        baseRates = [.. earlier.Select(place => place >= 0 && place < baseRates.Count ? baseRates[place] : double.NaN)];
        startedFrom = [.. earlier.Select(place => place >= 0 && place < startedFrom.Count ? startedFrom[place] : null)];
        if (lastRates.Length > 0)
            lastRates = [.. earlier.Select(place => place >= 0 && place < lastRates.Length ? lastRates[place] : double.NaN)];
    }

    internal double BaseRate(int place)
    {
        var group = Optimizer.ParameterGroups[NumberAt(place)];
        bool isKept = StartsFromGroup && group.RateKept is { } kept && (place >= startedFrom.Count || startedFrom[place] != kept); // will be taken at the next step
        return place < baseRates.Count && !isKept && !double.IsNaN(baseRates[place]) ? baseRates[place] : group.InitialLearningRate ?? group.LearningRate;
    }

    /// <summary>The groups that were added since the last step and are not included, by their numbers.</summary>
    IEnumerable<int> Added() => addedSince.Count == 0 ? [] : Enumerable.Range(0, Optimizer.ParameterGroups.Count).Where(i => addedSince.Contains(Optimizer.ParameterGroups[i]));

    /// <summary>The groups that were not met yet, by their numbers.</summary>
    IEnumerable<int> NewGroups() => Places.IsInOrder ? [] : Enumerable.Range(0, Optimizer.ParameterGroups.Count).Where(i => !Places.Has(i));

    /// <summary>The numbers of the groups whose places are below one, in the optimizer's order.</summary>
    IEnumerable<int> NumbersBelow(int place) => Enumerable.Range(0, Optimizer.ParameterGroups.Count).Where(i => Places.PlaceOf(i) < place);

    double LastRate(int number) => Places.PlaceOf(number) is var place && place < lastRates.Length && !double.IsNaN(lastRates[place]) ? lastRates[place] : Optimizer.ParameterGroups[number].LearningRate;
}
