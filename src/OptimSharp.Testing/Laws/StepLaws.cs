namespace OptimSharp.Testing;

/// <summary>What a step leaves alone.</summary>
static class StepLaws
{
    public static string? KeepGradients(Setting setting)
    {
        if (setting.Subject.NeedsClosure)
            return null; // the closure changes them
        using var trial = Trial.Start(setting, SameBits.Sizes(setting, 131, 600));
        for (int step = 0; step < setting.Options.Steps; step++)
        {
            Outcome? before = null;
            trial.Step(() =>
            {
                trial.GiveGradients(step);
                before = trial.ReadGradients();
            });
            if (before!.Difference(trial.ReadGradients(), "before the step", "after it") is { } difference)
                return difference;
        }
        return null;
    }

    public static string? KeepNaNs(Setting setting)
    {
        if (!setting.Elementwise || setting.Sparse || setting.Subject.NeedsClosure)
            return null;
        int[] sizes = SameBits.Sizes(setting, 131, 600);
        using Trial clean = Trial.Start(setting, sizes), spoilt = Trial.Start(setting, sizes);
        for (int step = 0; step < setting.Options.Steps; step++)
        {
            clean.Step(step);
            spoilt.Step(() =>
            {
                spoilt.GiveGradients(step);
                if (step == 0)
                    spoilt.Spoil(IsSpoilt);
            });
        }
        return clean.Read().Difference(spoilt.Read(), "without NaN", "with NaN in gradients of other elements", but: IsSpoilt);

        bool IsSpoilt(int number) => number / setting.Parts % 7 == 3;
    }

    public static string? KeepGroupsApart(Setting setting)
    {
        if (setting.Options.SumsOverAll || setting.Subject.NeedsClosure || !setting.Subject.HasOneGroup)
            return null; // it looks at all parameters together, or has groups by which parameters differ
        int[] given = SameBits.Sizes(setting, 33, 100), sizes = [.. given, .. given];
        int first = given.Length;
        double usual = 0, rate = 0;
        using Trial together = Trial.Start(setting, sizes, create: Both), one = Trial.Start(setting, sizes, create: p => setting.Create([.. p.Take(first)]));
        using Trial another = Trial.Start(setting, sizes, create: p => Rest(p, rate)), same = Trial.Start(setting, sizes, create: p => Rest(p, usual));
        var start = same.Read(first..);
        for (int step = 0; step < setting.Options.Steps; step++)
        {
            foreach (var trial in (Trial[])[together, one, another, same])
                trial.Step(step);
        }
        if (together.Read(..first).Difference(one.Read(..first), "beside another group", "alone") is { } difference)
            return difference;
        var rest = together.Read(first..);
        bool shows = given.Sum() > 16 && !setting.Type.IsHalf() // else both rates may round to the same
            && same.Read(first..).HasMovedFrom(start); // some rest at first
        return shows && rest.Difference(same.Read(first..), "", "") is null
            ? FormattableString.Invariant($"a group with the rate {rate:R} steps as with {usual:R}: the group's options are those to be used")
            : rest.Difference(another.Read(first..), "in a group added with a rate of its own", "alone with that rate");

        Optimizer Rest(IReadOnlyList<Parameter> parameters, double with)
        {
            var made = setting.Create([.. parameters.Skip(first)]);
            made.ParameterGroups[0].LearningRate = with;
            return made;
        }

        Optimizer Both(IReadOnlyList<Parameter> parameters)
        {
            var made = setting.Create([.. parameters.Take(first)]);
            usual = made.ParameterGroups[0].LearningRate;
            rate = usual > 0 ? usual / 4 : 0.125;
            GroupChanges.For(made).AddGroup(made, parameters.Skip(first), rate);
            return made;
        }
    }

    public static string? AreAllOrNothing(Setting setting)
    {
        int[] sizes = SameBits.Sizes(setting, 131, 600);
        foreach (bool sparse in setting.Subject.Takes(setting.Type, sparse: false) ? (bool[])[true] : [true, false])
        {
            for (int failing = 0; failing < setting.Options.Steps; failing++)
            {
                using Trial straight = Trial.Start(setting, sizes), failed = Trial.Start(setting, sizes);
                for (int step = 0; step < setting.Options.Steps; step++)
                {
                    if (step == failing && Failure(failed, step, sparse) is { } difference)
                        return difference;
                    straight.Step(step);
                    failed.Step(step);
                }
                if (straight.Read().Difference(failed.Read(), "without a step that threw", $"after a step that threw, the {failing + 1}th") is { } later)
                    return later;
            }
        }
        return null;
    }

    /// <summary>What a step changes whose last gradient can't be used.</summary>
    static string? Failure(Trial trial, int step, bool sparse)
    {
        var before = trial.Read();
        bool took = false;
        try
        {
            trial.Step(() =>
            {
                trial.GiveGradients(step);
                trial.GiveWrong(sparse);
            });
            took = true;
        }
        catch (Exception e) when (e is InvalidOperationException or ArgumentException)
        {
        }
        return took ? $"a step took a gradient that can't be used: {(sparse ? "a row that the parameter does not have" : "a dense one")}"
            : before.Difference(trial.Read(), "before a step that threw", "after it");
    }
}
