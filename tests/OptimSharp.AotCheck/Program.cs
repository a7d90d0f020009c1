using System.Runtime.CompilerServices;
using System.Text.Json;
using OptimSharp;
using OptimSharp.AotCheck;
using OptimSharp.Schedulers;

// Shows that the core works when it is compiled to native code and trimmed: every optimizer trains and passes its golden cases,
// options are found by name, schedules keep to their formulas. The argument is the folder of golden cases.
// Ends with "N passed, N failed".
int passed = 0, failed = 0;
Console.WriteLine($"{(RuntimeFeature.IsDynamicCodeSupported ? "compiled at run time" : "native code")}, {Optimizers.All.Length} optimizers");
Check("optimizers are found", NotFound);
foreach (var (name, create) in Optimizers.All)
{
    Check($"{name} trains", () => Training.Run(create));
    Check($"{name} has its options", () => Options(create));
    Check($"{name} matches PyTorch", () => Goldens(Path.Combine(args[0], name.ToLowerInvariant()), create));
}
Check("StepLR keeps to its formula", () => Schedule(o => new StepLR(o, stepSize: 3, gamma: 0.5), e => Math.Pow(0.5, e / 3)));
Check("CosineAnnealingLR keeps to its formula", () => Schedule(o => new CosineAnnealingLR(o, tMax: 10), e => (1 + Math.Cos(Math.PI * e / 10)) / 2));
Check("CosineAnnealingLR goes on from its state", Resume);
Check("checkpoints are saved and loaded", Checkpoints);
Check("averages keep to their formulas, are saved and swapped in", Averages);
Check("rules make groups, and an audit tells of them", Rules);
Console.WriteLine($"{passed} passed, {failed} failed");
return passed > 0 && failed == 0 ? 0 : 1;

void Check(string name, Func<string?> problem)
{
    string? found;
    try
    {
        found = problem();
    }
#pragma warning disable CA1031 // Whatever it is, the other checks run too.
    catch (Exception e)
#pragma warning restore CA1031
    {
        found = e.ToString();
    }
    if (found is null)
        passed++;
    else
        failed++;
    Console.WriteLine(found is null ? $"passed  {name}" : $"FAILED  {name}: {found}");
}

static string? Rules()
{
    var rules = new GroupRules<AdamWOptions>().NoDecayOnVectors().LayerDecay(0.5, "h{i}.*", last: "head.*").Freeze("embed");
    using var optimizer = new AdamW(rules.Of([Parameter.Of("embed", new float[4], 2, 2), Parameter.Of("h0.weight", new float[4], 2, 2), Parameter.Of("h0.bias", new float[2]), Parameter.Of("head.bias", new float[2])]), new() { LearningRate = 1 });
    string found = string.Join("; ", optimizer.Audit().Rows);
    const string Expected = "'h0.weight' [2, 2]: AdamW, group 0, lr 0.5 (LayerDecay(0.5, h{i}.*)); 'h0.bias' [2]: AdamW, group 1, lr 0.5 (LayerDecay(0.5, h{i}.*)), weight_decay 0 (NoDecayOnVectors()); "
        + "'head.bias' [2]: AdamW, group 2, lr 1 (the optimizer's options), weight_decay 0 (NoDecayOnVectors()); 'embed' [2, 2]: frozen (Freeze(embed))";
    return found == Expected ? null : found;
}

static string? Averages()
{
    var w = Parameter.Of("w", new float[1]);
    var half = Parameter.Of("half", new BFloat16[1]);
    using AveragedParameters equal = new([w, half]), ema = new([w, half], Averaging.Ema(0.5)), own = new([w, half], Averaging.PerTensor((average, model, _) => average[0] += model[0]));
    foreach (float value in new[] { 1f, 3, 8 })
    {
        (w.Values.Span[0], half.Values.Span[0]) = (value, (BFloat16)value);
        foreach (var averages in new[] { equal, ema, own })
            averages.Update();
    }
    foreach (var (averages, expected) in new[] { (equal, 4.0), (ema, 5), (own, 12) }) // (1 + 3 + 8)/3; ½(½(1 + 3) + 8); 1 + 3 + 8
    {
        using var loaded = new AveragedParameters([w, half]);
        loaded.LoadStateDict(averages.StateDict());
        using (loaded.SwapIn())
        {
            if (w.Values.Span[0] != expected || half.Values.Span[0] != (BFloat16)(float)expected)
                return $"{averages} is {w.Values.Span[0]} and {half.Values.Span[0]}, not {expected}";
        }
        if (w.Values.Span[0] != 8)
            return "the parameter is not what it was";
    }
    return null;
}

static string? Checkpoints()
{
    var state = new StateDict { { "w", TensorData.Of([1.5f, 2], 2) }, { "betas", (0.9, 0.999) }, { "epoch", 3 } };
    string folder = Directory.CreateTempSubdirectory("optimsharp-").FullName;
    try
    {
        foreach (string name in new[] { "a.pt", "a.safetensors" })
        {
            Checkpoint.Save(Path.Combine(folder, name), state);
            var loaded = Checkpoint.Load(Path.Combine(folder, name));
            if (loaded.ToString() != state.ToString() || !loaded.GetTensor("w").ToArray<float>().AsSpan().SequenceEqual([1.5f, 2]))
                return $"{name} gives {loaded}";
        }
        return null;
    }
    finally
    {
        Directory.Delete(folder, recursive: true);
    }
}

static string? Options(Func<Parameter[][], Optimizer> create)
{
    using var optimizer = create([[Parameter.Of("w", new float[4], 2, 2)]]);
    var group = optimizer.ParameterGroups[0];
    group["lr"] = 0.125;
    if (group.LearningRate != 0.125 || !(group["lr"] is 0.125))
        return "a rate set by name is not read back";
    string text = optimizer.ToString();
    var saved = optimizer.StateDict().GetDicts("param_groups")[0]; // without options that are neither saved nor shown before they are used
    return group.OptionKeys.FirstOrDefault(key => saved.ContainsKey(key) && !text.Contains($"    {key}: ", StringComparison.Ordinal)) is { } missing
        ? $"ToString leaves out {missing}" : null;
}

// An optimizer that has golden cases, but is not here.
string? NotFound()
{
    foreach (string folder in Directory.GetDirectories(args[0]).Order())
    {
        using var document = JsonDocument.Parse(File.ReadAllBytes(Directory.GetFiles(folder, "*.json").Order().First()));
        if (document.RootElement.GetProperty("kind").GetString() is "optimizer" or "lbfgs"
            && !Array.Exists(Optimizers.All, o => o.Name.Equals(Path.GetFileName(folder), StringComparison.OrdinalIgnoreCase)))
            return $"{Path.GetFileName(folder)} is not. Optimizers' files are looked through for how an optimizer begins: OptimSharp.AotCheck.csproj.";
    }
    return null;
}

static string? Goldens(string folder, Func<Parameter[][], Optimizer> create)
{
    bool others = false;
    int run = 0;
    foreach (string file in Directory.GetFiles(folder, "*.json").Order())
    {
        using var document = JsonDocument.Parse(File.ReadAllBytes(file));
        if (!GoldenRun.Takes(document.RootElement))
        {
            others |= document.RootElement.GetProperty("kind").GetString() != "optimizer";
            continue;
        }
        run++;
        if (GoldenRun.Difference(document.RootElement, create) is { } difference)
            return $"{Path.GetFileNameWithoutExtension(file)}, {difference}";
    }
    return run > 0 || others ? null : $"there are no cases in {folder}";
}

static string? Schedule(Func<Optimizer, LRScheduler> create, Func<int, double> factor)
{
    using var optimizer = new SGD([Parameter.Of("w", new float[1])], new() { LearningRate = 0.1 });
    var scheduler = create(optimizer);
    for (int epoch = 0; epoch < 10; epoch++)
    {
        double expected = 0.1 * factor(epoch), actual = scheduler.LastLearningRates[0];
        if (!(Math.Abs(actual - expected) <= 1e-15))
            return $"the rate of epoch {epoch} is {actual}, not {expected}";
        optimizer.Step();
        scheduler.Step();
    }
    return null;
}

static string? Resume()
{
    using var first = new SGD([Parameter.Of("w", new float[1])], new() { LearningRate = 0.1 });
    var scheduler = new CosineAnnealingLR(first, tMax: 10);
    for (int epoch = 0; epoch < 4; epoch++)
    {
        first.Step();
        scheduler.Step();
    }
    using var second = new SGD([Parameter.Of("w", new float[1])], new() { LearningRate = 0.1 });
    var resumed = new CosineAnnealingLR(second, tMax: 10);
    resumed.LoadStateDict(scheduler.StateDict());
    second.ParameterGroups[0].LearningRate = first.ParameterGroups[0].LearningRate;
    foreach (var x in new LRScheduler[] { scheduler, resumed })
    {
        x.Optimizer.Step();
        x.Step();
    }
    return resumed.LastEpoch == 5 && resumed.LastLearningRates[0] == scheduler.LastLearningRates[0]
        ? null : $"the rate is {resumed.LastLearningRates[0]}, not {scheduler.LastLearningRates[0]}";
}
