using System.Globalization;

namespace OptimSharp.Samples;

/// <summary>What is known of a run after some gradients.</summary>
/// <param name="Gradients">How many were computed.</param>
/// <param name="Seconds">How long gradients and steps took.</param>
/// <param name="Loss">The mean training loss since the point before.</param>
/// <param name="TestLoss">The mean loss of the test images.</param>
/// <param name="Accuracy">The part of the test images that is classified right.</param>
/// <param name="StepMilliseconds">The mean time of a step alone, without gradients.</param>
/// <param name="StateBytes">The bytes of the optimizer's state, for each parameter.</param>
sealed record Point(int Gradients, double Seconds, double Loss, double TestLoss, double Accuracy, double StepMilliseconds, double StateBytes);

/// <summary>Finished runs, each a CSV file in the folder of its settings. One that is there is not run again.</summary>
sealed class Results(Options options)
{
    const string Heading = "gradients,seconds,loss,test_loss,accuracy,step_ms,state_bytes";

    readonly string folder = Path.Combine(options.Results.FullName, options.Settings);

    /// <summary>A finished run; null when there is none.</summary>
    /// <exception cref="InvalidDataException">The file is no result.</exception>
    public IReadOnlyList<Point>? Read(Contender contender, double multiple, int seed)
    {
        string path = PathOf(contender, multiple, seed);
        if (!File.Exists(path))
            return null;
        string[] lines = File.ReadAllLines(path);
        if (lines.Length < 2 || lines[0] != Heading)
            throw new InvalidDataException($"{path} is no result of a run: delete it.");
        return [.. lines.Skip(1).Select(line => Parse(line) ?? throw new InvalidDataException($"{path} is no result of a run: delete it. A line is {line}"))];
    }

    /// <summary>Keeps a run: all of it or, when the program ends on the way, nothing.</summary>
    public void Write(Contender contender, double multiple, int seed, IReadOnlyList<Point> history)
    {
        Directory.CreateDirectory(folder);
        string path = PathOf(contender, multiple, seed);
        File.WriteAllLines(path + ".new", [Heading, .. history.Select(p => string.Create(CultureInfo.InvariantCulture, $"{p.Gradients},{p.Seconds:R},{p.Loss:R},{p.TestLoss:R},{p.Accuracy:R},{p.StepMilliseconds:R},{p.StateBytes:R}"))]);
        File.Move(path + ".new", path, overwrite: true);
    }

    string PathOf(Contender contender, double multiple, int seed) =>
        Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $"{contender.Name.Replace(", ", "-", StringComparison.Ordinal)}-x{multiple:R}-seed-{seed}.csv"));

    static Point? Parse(string line)
    {
        double?[] cells = [.. line.Split(',').Select(cell => double.TryParse(cell, CultureInfo.InvariantCulture, out double number) ? number : (double?)null)];
        return cells is [double gradients, double seconds, double loss, double testLoss, double accuracy, double step, double bytes]
            ? new((int)gradients, seconds, loss, testLoss, accuracy, step, bytes) : null;
    }
}

/// <summary>The runs of a contender at one rate: one for each seed.</summary>
sealed record Outcome(Contender Contender, double Multiple, IReadOnlyList<IReadOnlyList<Point>> Runs)
{
    public double Rate => Contender.Rate * Multiple;

    public double Accuracy => Runs.Average(r => r[^1].Accuracy);

    /// <summary>The test loss at the end: infinite when a run came to no number.</summary>
    public double TestLoss => Runs.Average(r => r[^1].TestLoss) is var mean && double.IsNaN(mean) ? double.PositiveInfinity : mean;

    public double StepMilliseconds => Runs.Average(r => r[^1].StepMilliseconds);

    public double StateBytes => Runs.Average(r => r[^1].StateBytes);

    /// <summary>Training loss by gradients and seconds: the mean of the runs, as far as all went.</summary>
    public IEnumerable<(double Gradients, double Seconds, double Loss)> Course =>
        Enumerable.Range(0, Runs.Min(r => r.Count)).Select(i => (Runs.Average(r => (double)r[i].Gradients), Runs.Average(r => r[i].Seconds), Runs.Average(r => r[i].Loss)));
}
