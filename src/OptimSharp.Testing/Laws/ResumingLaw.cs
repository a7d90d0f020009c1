namespace OptimSharp.Testing;

/// <summary>State that is saved and loaded goes on as if nothing had happened.</summary>
static class ResumingLaw
{
    static readonly (string Name, Func<StateDict, StateDict> Through)[] Ways =
    [
        ("from memory", state => state),
        ("from a PyTorch file", state => ThroughFile(state, CheckpointFormat.PyTorch)),
        ("from a safetensors file", state => ThroughFile(state, CheckpointFormat.Safetensors)),
    ];

    public static string? Difference(Setting setting)
    {
        int[] sizes = SameBits.Sizes(setting, 33, 100);
        int steps = setting.Options.Steps;
        using var straight = Trial.Start(setting, sizes);
        Slow(straight);
        for (int step = 0; step < steps; step++)
            straight.Step(step);
        var expected = straight.Read();
        for (int k = 0; k < steps; k++)
        {
            using var stopped = Trial.Start(setting, sizes);
            Slow(stopped);
            for (int step = 0; step < k; step++)
                stopped.Step(step);
            var saved = stopped.Optimizer.StateDict();
            foreach (var (name, through) in Ways)
            {
                using var resumed = Trial.Start(setting, sizes);
                resumed.CopyValues(stopped);
                string way = FormattableString.Invariant($"resumed after {k} steps {name}");
                try
                {
                    resumed.Optimizer.LoadStateDict(through(saved));
                }
                catch (Exception e) when (e is StateDictException or CheckpointException)
                {
                    return $"the state can't be loaded, {way}: {e.Message}";
                }
                if (OtherOption(stopped.Optimizer, resumed.Optimizer) is { } option)
                    return $"{option}, {way}";
                if (stopped.Read().Difference(resumed.Read(), "where it stopped", way) is { } atOnce)
                    return atOnce;
                for (int step = k; step < steps; step++)
                    resumed.Step(step);
                if (expected.Difference(resumed.Read(), "without a stop", way) is { } difference)
                    return difference;
            }
        }
        return null;
    }

    /// <summary>Another rate than a new optimizer has: it must come from the state.</summary>
    static void Slow(Trial trial)
    {
        foreach (var group in trial.Optimizer.ParameterGroups)
            group.LearningRate *= 0.75;
    }

    /// <summary>What options were not loaded. One that was none may be filled in.</summary>
    static string? OtherOption(Optimizer saved, Optimizer loaded)
    {
        foreach (var (i, (one, other)) in saved.ParameterGroups.Zip(loaded.ParameterGroups).Index())
        {
            foreach (string key in one.OptionKeys)
            {
                if (one[key] is { } value && Subject.Text(value) != Subject.Text(other[key]))
                    return $"the option '{key}' of group {i} was {Subject.Text(value)} and is {Subject.Text(other[key])}";
            }
        }
        return null;
    }

    static StateDict ThroughFile(StateDict state, CheckpointFormat format)
    {
        using var file = new MemoryStream();
        Checkpoint.Save(file, state, format);
        file.Position = 0;
        return Checkpoint.Load(file);
    }
}
