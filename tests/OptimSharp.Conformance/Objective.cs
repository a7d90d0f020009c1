using OptimSharp.Testing;

namespace OptimSharp.Conformance;

/// <summary>A function to minimize, with its gradient by hand.</summary>
abstract class Objective
{
    /// <summary>Σ (1 − a)² + 100(b − a²)² over pairs (a, b). Lowest, 0, where all are 1.</summary>
    public static Objective Rosenbrock { get; } = new RosenbrockPairs();

    /// <summary>(1.5 − x + xy)² + (2.25 − x + xy²)² + (2.625 − x + xy³)². Lowest, 0, at (3, 0.5).</summary>
    public static Objective Beale { get; } = new BealeFunction();

    /// <summary>(x² + y − 11)² + (x + y² − 7)². Lowest, 0, at four places, (3, 2) among them.</summary>
    public static Objective Himmelblau { get; } = new HimmelblauFunction();

    /// <summary>½xᵀAx − bᵀx, for a symmetric A.</summary>
    public static Objective Quadratic(double[] matrix, double[] vector) => new QuadraticForm(matrix, vector);

    /// <summary>Value and gradient at a point.</summary>
    public abstract (double Value, double[] Gradient) At(double[] x);

    internal static Objective Read(GoldenNode root) => root["objective"].Text() switch
    {
        "rosenbrock" => Rosenbrock,
        "beale" => Beale,
        "himmelblau" => Himmelblau,
        "quadratic" => Quadratic(
            [.. root["matrix"].Items().SelectMany(row => row.IsList ? row.Numbers() : [row.Number()])], root["vector"].Numbers()),
        var other => throw root.Error($"unknown objective '{other}'"),
    };

    sealed class RosenbrockPairs : Objective
    {
        public override (double Value, double[] Gradient) At(double[] x)
        {
            double value = 0;
            var gradient = new double[x.Length];
            for (int i = 0; i + 1 < x.Length; i += 2)
            {
                double a = x[i], away = 1 - a, off = x[i + 1] - a * a;
                value += away * away + 100 * off * off;
                gradient[i] = -2 * away - 400 * a * off;
                gradient[i + 1] = 200 * off;
            }
            return (value, gradient);
        }
    }

    sealed class BealeFunction : Objective
    {
        public override (double Value, double[] Gradient) At(double[] point)
        {
            double x = point[0], y = point[1];
            double a = 1.5 - x + x * y, b = 2.25 - x + x * y * y, c = 2.625 - x + x * y * y * y;
            return (a * a + b * b + c * c,
            [
                2 * a * (y - 1) + 2 * b * (y * y - 1) + 2 * c * (y * y * y - 1),
                2 * a * x + 4 * b * x * y + 6 * c * x * y * y,
            ]);
        }
    }

    sealed class HimmelblauFunction : Objective
    {
        public override (double Value, double[] Gradient) At(double[] point)
        {
            double x = point[0], y = point[1], a = x * x + y - 11, b = x + y * y - 7;
            return (a * a + b * b, [4 * a * x + 2 * b, 2 * a + 4 * b * y]);
        }
    }

    sealed class QuadraticForm(double[] matrix, double[] vector) : Objective
    {
        public override (double Value, double[] Gradient) At(double[] x)
        {
            double value = 0;
            var gradient = new double[x.Length];
            for (int i = 0; i < x.Length; i++)
            {
                double product = 0;
                for (int j = 0; j < x.Length; j++)
                    product += matrix[i * x.Length + j] * x[j];
                value += 0.5 * x[i] * product - vector[i] * x[i];
                gradient[i] = product - vector[i];
            }
            return (value, gradient);
        }
    }
}
