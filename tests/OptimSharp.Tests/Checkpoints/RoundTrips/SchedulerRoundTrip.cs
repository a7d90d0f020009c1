using System.Globalization;
using System.Text.Json.Nodes;
using OptimSharp.Conformance;
using OptimSharp.Schedulers;

namespace OptimSharp.Tests.Checkpoints.RoundTrips;

/// <summary>The schedules of the golden cases, all of them.</summary>
sealed class SchedulerRoundTrip(string of, string name, JsonObject json) : RoundTripCase(of, name, json)
{
    public override int Steps => 63;

    /// <summary>All public schedulers.</summary>
    public static IEnumerable<Type> Types => typeof(LRScheduler).Assembly.GetExportedTypes().Where(t => !t.IsAbstract && t.IsSubclassOf(typeof(LRScheduler)));

    public static IEnumerable<RoundTripCase> Cases() =>
        from golden in Goldens("scheduler")
        select new SchedulerRoundTrip(golden.Json["scheduler"]!["type"]!.GetValue<string>(), golden.Name.Replace('/', '_'), golden.Json);

    public override StateDict Run(StateDict? saved, int first, int last)
    {
        var source = new HostParameterSource();
        var groups = Json["groups"]!.AsArray().Select((group, i) => (source.Create($"p{i}", [1], ElementType.Float32, [1]), Options(group!))).ToArray();
        var driver = OptimizerDriver.For(Json["optimizer"]!.GetValue<string>());
        using var optimizer = driver.Create(groups.Select(g => ((IReadOnlyList<Parameter>)[g.Item1.Parameter], g.Item2)), Options(Json["options"]!));
        var built = SchedulerBuilder.Build(Read(Json["scheduler"]!), optimizer);
        if (saved is not null)
        {
            optimizer.LoadStateDict(saved.GetDict("optimizer"));
            foreach (var (one, state) in built.Zip(saved.GetDicts("schedulers")))
                one.LoadStateDict(state);
        }
        var rates = new List<double[]>();
        for (int k = first; k < last; k++)
        {
            foreach (var change in Json["set"]?[k.ToString(CultureInfo.InvariantCulture)]?.AsArray() ?? [])
                driver.Change(optimizer.ParameterGroups[change!["group"]!.GetValue<int>()], Read(change).Options(but: "group"));
            rates.Add([.. optimizer.ParameterGroups.Select(g => g.LearningRate)]);
            foreach (var (parameter, _) in groups)
                parameter.SetGradient([0]);
            optimizer.Step();
            foreach (var one in built)
                Step(one, k);
        }
        return new() { { "optimizer", optimizer.StateDict() }, { "schedulers", built.Select(s => s.StateDict()).ToArray() }, { "rates", rates } };
    }

    void Step(LRScheduler one, int k)
    {
        if (one is ReduceLROnPlateau plateau && Json["metrics"]?[k] is { } metric)
            plateau.Step(Numbers(metric)[0]);
        else if (one is CosineAnnealingWarmRestarts restarts && Json["epochs"] is JsonArray { Count: > 0 } epochs && epochs[k] is { } epoch)
            restarts.Step(Numbers(epoch)[0]);
        else
            one.Step();
    }

    public override string? Difference(StateDict expected, StateDict actual)
    {
        var rates = actual.GetList("rates");
        return new StateComparison(_ => 1e-12).Difference(expected.GetList("rates").TakeLast(rates.Count).ToArray(), rates, "rates")
            ?? expected.GetDict("optimizer").GetDicts("param_groups").Zip(actual.GetDict("optimizer").GetDicts("param_groups")).Select((x, i) =>
                new StateComparison(path => path is "lr" or "initial_lr" or "betas" or "momentum" or "" ? 1e-12 : path.StartsWith("betas", StringComparison.Ordinal) ? 1e-12 : null)
                    .Difference(x.First, x.Second)).FirstOrDefault(d => d is not null)
            ?? new StateComparison(InSchedulers)
                .Difference(expected.GetList("schedulers"), actual.GetList("schedulers"), "schedulers");
    }

    /// <summary>The counts of all, and the rates of the outermost: within others, PyTorch and we set them at different moments, and nobody reads them.</summary>
    static double? InSchedulers(string path) =>
        path == "schedulers" || path.EndsWith("last_epoch", StringComparison.Ordinal) || path.EndsWith("_schedulers", StringComparison.Ordinal) || path.EndsWith(']')
            || path.EndsWith("_last_lr", StringComparison.Ordinal)
            ? path.Contains("_schedulers", StringComparison.Ordinal) && path.Contains("_last_lr", StringComparison.Ordinal) ? null : 1e-12
            : null;
}
