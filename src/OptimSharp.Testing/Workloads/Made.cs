namespace OptimSharp.Testing;

/// <summary>The numbers made last, which the next trial often needs again.</summary>
static class Made<T>
{
    static readonly Lock Gate = new();
    static (ElementType Type, int Count, int Steps, int Seed, bool Elementwise) key;
    static (T[] Values, T[][] Gradients) made;

    public static (T[] Values, T[][] Gradients) For(Setting setting, int count, Func<double, T> store)
    {
        var (type, steps, elementwise) = (setting.Type, setting.Options.Steps, setting.Elementwise);
        ulong seed = (ulong)setting.Options.Seed;
        lock (Gate)
        {
            if (key != (type, count, steps, setting.Options.Seed, elementwise))
            {
                made = (Stored(elementwise ? Numbers.Finite(count, seed, type) : Numbers.Tame(count, seed)),
                    [.. Enumerable.Range(0, steps).Select(k => Stored(Gradient(k)))]);
                key = (type, count, steps, setting.Options.Seed, elementwise);
            }
            return made;
        }

        T[] Stored(double[] numbers) => Array.ConvertAll(numbers, x => store(x));

        // Only the second step has numbers that are not finite: with some in each there would soon be few others.
        double[] Gradient(int step) =>
            !elementwise ? Numbers.Tame(count, seed + (ulong)step + 1)
            : step == 1 ? Numbers.Wild(count, seed + 2, type)
            : Numbers.Finite(count, seed + (ulong)step + 1, type);
    }
}
