namespace OptimSharp.Distributed.Processes.Checks;

/// <summary>When a rank does not do its part, the others end soon and say why.</summary>
static class FailureChecks
{
    public static IEnumerable<(string, Func<string?>)> All() => Launcher.Both.SelectMany(Of);

    static IEnumerable<(string, Func<string?>)> Of(Launcher launcher)
    {
        const string Missing = "MissingRankException: ";
        yield return Check(2, ["late"], 0, "a rank that comes late, but within the limit, is waited for", "rank 0: well", "rank 1: well");
        yield return Check(2, ["missing", "1"], null, "a rank that never comes is named", Missing + "Rank 1 did not come within 2 s; AllGather of step 7 waited for it.");
        yield return Check(4, ["missing", "1", "3"], null, "two of four that never come are named", Missing + "Ranks 1, 3 did not come within 2 s; AllGather of step 7 waited for them.");
        yield return Check(3, ["frozen"], null, "a process that is stopped is named", "2*" + Missing + "Rank 1 did not come within 2 s; AllGather of step 7 waited for it.");
        yield return Check(3, ["missing-elsewhere"], null, "of ranks that wait for each other, the one that all wait for is named", "2*" + Missing + "Rank 2 did not come within 2 s; AllToAll of step 7 waited for it.");
        yield return Check(3, ["other-operation"], null, "ranks in different operations are told so", "calls Barrier of step 7", "calls AllGather of step 7");
        yield return Check(2, ["saves-alone"], null, "a rank that saves alone is told so by the call's name", "Rank 1 calls AllGather of step 2 where rank 0 calls Broadcast of saving after step 1: all ranks must call the same");
        yield return Check(2, ["other-count"], null, "a count that differs is told", "sends 4 bytes to rank 0, which expects 8 from it, in AllGather");
        yield return Check(3, ["ends"], null, "a rank that has ended is not waited for", "2*" + Missing + "Rank 1 has ended; AllGather of step 7 waited for it.");
        yield return Check(2, ["uncaught"], null, "an exception that nobody catches ends the job and is seen", "InvalidDataException: the data of rank 1 are bad");
        yield return Check(2, ["exits"], null, "a rank that exits is not waited for", Missing + "Rank 1 has ended; AllGather of step 7 waited for it.");
        yield return Check(2, ["never-begins"], null, "a rank that never begins holds nobody", "Not all ranks began MPI within 2 s");

        (string, Func<string?>) Check(int ranks, string[] program, int? exitCode, string what, params string[] texts) => ($"{launcher.Name}: {what}", () =>
        {
            var outcome = launcher.Run(ranks, TimeSpan.FromSeconds(30), null, program);
            if (!outcome.InTime || (outcome.ExitCode == 0) != (exitCode == 0))
                return $"It should have ended {(exitCode == 0 ? "well" : "with an error")}.\n{outcome}";
            foreach (var text in texts)
            {
                var (times, words) = text.StartsWith("2*", StringComparison.Ordinal) ? (2, text[2..]) : (1, text);
                if ((outcome.Output + outcome.Errors).Split(words).Length - 1 < times)
                    return $"It should say '{words}'{(times == 1 ? "" : " twice")}.\n{outcome}";
            }
            return null;
        });
    }
}
