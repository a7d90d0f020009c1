using System.Globalization;

namespace OptimSharp.Samples;

/// <summary>The 569 breast-cancer cases: 30 standardized measures each, and whether the tumour was benign.</summary>
sealed record Cases(double[][] Features, double[] Benign)
{
    public int Count => Benign.Length;

    /// <summary>How many parts the cases are dealt to.</summary>
    public const int Parts = 5;

    /// <summary>One part is held out. Measures are standardized by the training cases' mean and deviation.</summary>
    public static (Cases Training, Cases HeldOut) Load(int part)
    {
        string file = Path.Combine(AppContext.BaseDirectory, "Data", "breast-cancer", "breast_cancer.csv");
        double[][] rows = [.. File.ReadLines(file).Skip(1).Select(line => Array.ConvertAll(line.Split(','), x => double.Parse(x, CultureInfo.InvariantCulture)))];
        double[][] training = [.. rows.Where((_, i) => i % Parts != part)], heldOut = [.. rows.Where((_, i) => i % Parts == part)];
        int features = rows[0].Length - 1;
        for (int j = 0; j < features; j++)
        {
            double mean = training.Average(row => row[j]);
            double deviation = Math.Sqrt(training.Average(row => (row[j] - mean) * (row[j] - mean)));
            foreach (var row in rows)
                row[j] = (row[j] - mean) / deviation;
        }
        return (Of(training), Of(heldOut));

        Cases Of(double[][] some) => new([.. some.Select(row => row[..features])], [.. some.Select(row => row[features])]);
    }
}
