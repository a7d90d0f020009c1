// A network, trained with parameters and optimizer state kept in fewer and fewer bits: a table and a picture of what each loses.
//
//     dotnet run -c Release --project samples/SmallMemory

using System.Globalization;
using OptimSharp;
using OptimSharp.Samples;
using OptimSharp.Torch;
using ScottPlot;
using Spectre.Console;
using TorchSharp;
using static TorchSharp.torch;

const int Points = 60;
return Options.Invoke(args, Run);

static int Run(Options options)
{
    CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
    if (options.Threads is { } threads)
    {
        Execution.ThreadCount = threads;
        set_num_threads(threads);
    }
    using Lesson lesson = options.Model == "gpt" ? new TextLesson() : new DigitLesson();
    int steps = options.Steps ?? lesson.Steps;
    var results = options.Ways.ToDictionary(way => way, _ => new List<Result>());
    AnsiConsole.Progress().Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new ElapsedTimeColumn(), new RemainingTimeColumn()).Start(progress =>
    {
        var task = progress.AddTask(lesson.Name, maxValue: (double)options.Ways.Count * options.Seeds * steps);
        for (int seed = 1; seed <= options.Seeds; seed++)
        {
            foreach (var way in options.Ways)
            {
                task.Description = $"{way.Name}, seed {seed}";
                results[way].Add(Train(lesson, way, seed, steps, () => task.Increment(1)));
            }
        }
    });

    var table = new Table().AddColumns("", "bytes", "training loss", "held-out loss", "weights that are where they began");
    foreach (var (way, runs) in results)
        table.AddRow(Markup.Escape(way.Name), $"{runs[0].Bytes:F2}", Spread([.. runs.Select(r => r.Course[^1])]), Spread([.. runs.Select(r => r.Test)]), $"{runs.Average(r => r.Unmoved):P1}");
    AnsiConsole.Write(table);
    Console.WriteLine("bytes: of parameters and state, a parameter; without gradients");
    string picture = Path.Combine(options.Output.FullName, $"small-memory-{lesson.Name}.png");
    Draw(results, steps, picture);
    Console.WriteLine($"picture  {picture}");
    Console.WriteLine($"held-out loss  {results.MinBy(r => r.Value.Average(x => x.Test)).Value.Average(x => x.Test):F4}");
    return 0;
}

static Result Train(Lesson lesson, Way way, int seed, int steps, Action stepped)
{
    manual_seed(seed);
    using var network = lesson.Make();
    network.to(way.Type);
    var parameters = network.Parameters();
    using var optimizer = new AdamW(parameters, new() { LearningRate = lesson.Rate, ParameterPrecision = way.Parameter, StatePrecision = way.State });
    var schedule = new OptimSharp.Schedulers.CosineAnnealingLR(optimizer, steps);
    using var start = cat([.. network.parameters().Select(p => p.detach().flatten().clone())]);
    var course = new List<double>();
    double sum = 0;
    int count = 0;
    for (int step = 0; step < steps; step++)
    {
        using var scope = NewDisposeScope();
        optimizer.ZeroGrad();
        var loss = lesson.Loss(network, seed, step);
        loss.backward();
        optimizer.Step();
        schedule.Step();
        (sum, count) = (sum + loss.item<float>(), count + 1);
        stepped();
        if ((step + 1L) * Points / steps == (long)step * Points / steps)
            continue;
        course.Add(sum / count);
        (sum, count) = (0, 0);
    }
    using var noGradients = no_grad();
    using var end = cat([.. network.parameters().Select(p => p.detach().flatten())]);
    using var same = end.eq(start).to_type(ScalarType.Float32).mean();
    long numbers = end.numel(), bytes = end.numel() * end.element_size() + parameters.Sum(p => optimizer.StateOf(p)?.Bytes ?? 0);
    return new(course, lesson.Test(network), (double)bytes / numbers, same.item<float>());
}

static string Spread(double[] numbers)
{
    double mean = numbers.Average();
    return numbers.Length == 1 ? $"{mean:F4}" : $"{mean:F4} ± {Math.Sqrt(numbers.Sum(x => (x - mean) * (x - mean)) / (numbers.Length - 1)):F4}";
}

static void Draw(IReadOnlyDictionary<Way, List<Result>> results, int steps, string path)
{
    var plot = new Plot();
    foreach (var (i, (way, runs)) in results.Index())
    {
        int points = runs[0].Course.Count;
        var line = plot.Add.Scatter(
            Enumerable.Range(1, points).Select(k => (double)k * steps / points).ToArray(),
            Enumerable.Range(0, points).Select(k => Math.Log10(runs.Average(r => r.Course[k]))).ToArray());
        line.Color = new ScottPlot.Palettes.Category10().GetColor(i);
        line.LineWidth = 2;
        line.MarkerSize = 0;
        line.LegendText = way.Name;
    }
    plot.Axes.Left.TickGenerator = new ScottPlot.TickGenerators.NumericAutomatic { LabelFormatter = exponent => FormattableString.Invariant($"{Math.Pow(10, exponent):G2}") };
    plot.XLabel("steps");
    plot.YLabel("training loss");
    plot.ShowLegend(Alignment.UpperRight);
    Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
    plot.SavePng(path, 1000, 600);
}

/// <summary>How a run went.</summary>
/// <param name="Course">Its training loss, in parts of the run.</param>
/// <param name="Test">The loss of what is held out.</param>
/// <param name="Bytes">Of parameters and state, a parameter.</param>
/// <param name="Unmoved">The part of the parameters that are in the end what they were at the start.</param>
sealed record Result(IReadOnlyList<double> Course, double Test, double Bytes, double Unmoved);
