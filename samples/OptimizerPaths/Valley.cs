namespace OptimSharp.Samples;

/// <summary>A function of two numbers to minimize, with its gradient and what of it to draw.</summary>
abstract record Valley(string Name, (double X, double Y) Start, (double X, double Y) Lowest, (double Left, double Right, double Bottom, double Top) Window)
{
    public abstract (double Value, double ByX, double ByY) At(double x, double y);
}

/// <summary>(1 − x)² + 100(y − x²)²: a long bent valley with steep walls.</summary>
sealed record Rosenbrock() : Valley("Rosenbrock", (-1.4, 1.6), (1, 1), (-2, 2, -1, 3))
{
    public override (double Value, double ByX, double ByY) At(double x, double y)
    {
        double away = 1 - x, off = y - x * x;
        return (away * away + 100 * off * off, -2 * away - 400 * x * off, 200 * off);
    }
}

/// <summary>Beale's function: a flat valley between sharp corners.</summary>
sealed record Beale() : Valley("Beale", (0.5, -1), (3, 0.5), (-0.5, 4, -1.5, 1.5))
{
    public override (double Value, double ByX, double ByY) At(double x, double y)
    {
        double a = 1.5 - x + x * y, b = 2.25 - x + x * y * y, c = 2.625 - x + x * y * y * y;
        return (a * a + b * b + c * c,
            2 * a * (y - 1) + 2 * b * (y * y - 1) + 2 * c * (y * y * y - 1),
            2 * a * x + 4 * b * x * y + 6 * c * x * y * y);
    }
}
