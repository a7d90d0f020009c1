using OptimSharp.Doors;

// What a user may do to memory between calls, in handlers and from other threads, each by its name: the tests run this as a process of its own, so that one that
// dies fails with a name. For each it writes what comes first, "begin NAME", and how it ended: "ok NAME", or "failed NAME: WHY".
string[] names = args.Length > 0 ? args : [.. Door.All.Keys];
foreach (string name in names)
{
    Console.WriteLine($"begin {name}");
    Console.Out.Flush();
    try
    {
        Door.All[name]();
        GC.Collect();
        GC.WaitForPendingFinalizers();
        Console.WriteLine($"ok {name}");
    }
#pragma warning disable CA1031 // any failure is a failure
    catch (Exception e)
#pragma warning restore CA1031
    {
        Console.WriteLine($"failed {name}: {e.ToString().Replace("\n", " | ", StringComparison.Ordinal)}");
    }
}
