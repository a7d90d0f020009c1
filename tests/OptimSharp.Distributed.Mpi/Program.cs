using OptimSharp.Distributed.Processes;
using OptimSharp.Distributed.Processes.Checks;
using OptimSharp.Distributed.Processes.Ranks;

// The communicator over processes: starts itself under the launchers of Open MPI and MPICH, and looks at what the ranks say.
// Without arguments it makes all checks, with a kind's name those of that kind. "--kills N": how many jobs lose a rank, with each MPI.
// "rank NAME …" is what the launchers start. Ends with "N passed, N failed".
if (args is ["rank", var name, .. var rest])
    return RankProgram.Run(name, rest);

var kills = args is [.., "--kills", var number] ? int.Parse(number) : 2;
var kinds = args.TakeWhile(argument => argument != "--kills").ToList();
var report = new Report();
foreach (var (kind, checks) in AllChecks.Of(kills))
    if (kinds.Count == 0 || kinds.Contains(kind))
        foreach (var (what, problem) in checks)
            report.Add($"{kind}: {what}", problem);
Console.WriteLine($"{report.Passed} passed, {report.Failed} failed");
return report.Passed > 0 && report.Failed == 0 ? 0 : 1;
