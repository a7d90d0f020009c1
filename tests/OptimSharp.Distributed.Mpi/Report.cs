using System.Diagnostics;

namespace OptimSharp.Distributed.Processes;

/// <summary>Counts what passes and shows what does not.</summary>
sealed class Report
{
    public int Passed { get; private set; }

    public int Failed { get; private set; }

    /// <summary>Makes a check.</summary>
    /// <param name="name">What should be.</param>
    /// <param name="problem">Looks; returns what is wrong, null: nothing.</param>
    public void Add(string name, Func<string?> problem)
    {
        var start = Stopwatch.GetTimestamp();
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
            Passed++;
        else
            Failed++;
        Console.WriteLine($"{(found is null ? "passed" : "FAILED")}  {name} ({Stopwatch.GetElapsedTime(start).TotalSeconds:0.0} s){(found is null ? "" : $"\n        {found.ReplaceLineEndings("\n        ")}")}");
    }
}
