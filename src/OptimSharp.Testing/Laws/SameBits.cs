namespace OptimSharp.Testing;

/// <summary>A step's bits do not depend on how it is computed or where its numbers are.</summary>
static class SameBits
{
    // Small tensors between large ones: more than one thread keeps to itself, cut in six pieces.
    static readonly int[] Many = [20_001, 1, 64, 0, 3, 65, 50_003, 511, 512, 513, 10_327];

    static readonly (string Name, HostLayout Layout)[] Layouts =
    [
        ("in arrays", HostLayout.Arrays), ("one element after an array's start", HostLayout.ArraysAt(1)), ("five elements after an array's start", HostLayout.ArraysAt(5)),
        ("in memory of a manager", HostLayout.Managed), ("in native memory", HostLayout.NativeAt(0)),
        ("in native memory, one element after a multiple of 64 bytes", HostLayout.NativeAt(1)), ("in native memory, three elements after a multiple of 64 bytes", HostLayout.NativeAt(3)),
    ];

    public static string? Twice(Setting setting)
    {
        int[] sizes = Sizes(setting, 77, 600);
        return Compare(sizes, ("at first", () => Trial.Run(setting, sizes)), ("the second time", () => Trial.Run(setting, sizes)));
    }

    public static string? Lanes(Setting setting)
    {
        int[] sizes = Sizes(setting, 131, 1030);
        return Compare(sizes, ("with registers", () => Run(true)), ("with single numbers", () => Run(false)));

        Outcome Run(bool wide)
        {
            using var scope = new ExecutionScope(threads: 1, wide);
            return Trial.Run(setting, sizes);
        }
    }

    public static string? Threads(Setting setting)
    {
        int[] sizes = Sizes(setting, Many);
        return Compare(sizes, ("with 1 thread", () => Run(1)), ("with 2 threads", () => Run(2)), ("with 7 threads", () => Run(7)));

        Outcome Run(int threads)
        {
            using var scope = new ExecutionScope(threads);
            return Trial.Run(setting, sizes);
        }
    }

    public static string? Cuts(Setting setting)
    {
        if (!setting.Elementwise || setting.Sparse || !setting.Subject.HasOneGroup)
            return null;
        int whole = Sizes(setting, 1131).Sum(), early = Math.Min(3, whole), late = whole * 614 / 1131;
        return Compare([whole], ("in one parameter", () => Trial.Run(setting, [whole])), Cut(early), Cut(late)) is { } difference
            ? $"{difference} (For an optimizer whose step of one element depends on others, set LawOptions.Elementwise to false)" : null;

        (string, Func<Outcome>) Cut(int at) =>
            (FormattableString.Invariant($"in two of {at} and {whole - at} elements"), () => Trial.Run(setting, [at, whole - at]));
    }

    public static string? Places(Setting setting)
    {
        int[] sizes = Sizes(setting, 77, 600);
        return Compare(sizes, [.. Layouts.Select(l => (l.Name, (Func<Outcome>)(() => Trial.Run(setting, sizes, l.Layout))))]);
    }

    public static int[] Sizes(Setting setting, params int[] otherwise) => setting.Options.Sizes is { } given ? [.. given] : otherwise;

    static string? Compare(int[] sizes, params ReadOnlySpan<(string Name, Func<Outcome> Run)> ways)
    {
        var first = ways[0].Run();
        foreach (var (name, run) in ways[1..])
        {
            if (first.Difference(run(), ways[0].Name, name) is { } difference)
                return $"{difference}, among parameters of {string.Join(", ", sizes)} elements";
        }
        return null;
    }
}
