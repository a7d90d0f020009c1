using System.Text.Json;
using System.Text.Json.Nodes;
using OptimSharp.Conformance;

namespace OptimSharp.Tests.Checkpoints.RoundTrips;

/// <summary>
/// All round trips at once, because starting PyTorch takes seconds: two processes of it. In the first it does whole runs, to compare with, its legs of those
/// that it begins, and its middle of those that we begin; in the second the end of those that it began.
/// </summary>
public sealed class PyTorchRun
{
    static readonly Lazy<Task<PyTorchRun>> Once = new(DoAsync);
    readonly Dictionary<string, string> problems = [];
    readonly Dictionary<string, string> lacking = [];
    string folder = "";

    /// <summary>Why there are no round trips: no Python with PyTorch was found. Null when there are.</summary>
    public string? Missing { get; private init; }

    public Version Version { get; private set; } = new();

    public static Task<PyTorchRun> GetAsync() => Once.Value;

    /// <summary>What this PyTorch lacks for a case; null for nothing.</summary>
    internal string? Lacks(RoundTripCase one) => lacking.GetValueOrDefault(one.Name);

    /// <summary>What went wrong in a case, in words; null for nothing.</summary>
    /// <param name="one">The case.</param>
    /// <param name="begins">Who began: "pytorch" or "optimsharp".</param>
    internal string? Problem(RoundTripCase one, string begins)
    {
        foreach (string id in (string[])[Id(one, "whole", 0), Id(one, begins, 0), Id(one, begins, 1), Id(one, begins, 2)])
        {
            if (problems.TryGetValue(id, out string? problem))
                return $"{id}: {problem}";
        }
        return one.Difference(Checkpoint.Load(At(Id(one, "whole", 0))), Checkpoint.Load(At(Id(one, begins, 2)))) is { } difference ? $"{one.Name}, {begins} began: {difference}" : null;
    }

    static string Id(RoundTripCase one, string run, int leg) => $"{one.Name}.{run}.{leg}";

    string At(string id) => Path.Combine(folder, $"{id}.pt");

    static async Task<PyTorchRun> DoAsync()
    {
        if (await PythonWithTorch.FindAsync() is not { } command)
            return new() { Missing = PythonWithTorch.Missing };
        var folder = Directory.CreateTempSubdirectory("optimsharp-round-trips-");
        var run = new PyTorchRun { folder = folder.FullName };
        AppDomain.CurrentDomain.ProcessExit += (_, _) => folder.Delete(recursive: true);
        await run.AllLegsAsync(command);
        return run;
    }

    async Task AllLegsAsync(string command)
    {
        string tools = Path.Combine(GoldenFiles.RepositoryRoot(), "tools");
        foreach (string file in Directory.GetFiles(Path.Combine(tools, "goldens"), "*.py").Append(Path.Combine(tools, "roundtrip", "legs.py")))
            File.Copy(file, Path.Combine(folder, Path.GetFileName(file)));
        foreach (var one in RoundTripCase.All)
            Ours(one, "optimsharp", 0);
        await TheirsAsync(command, "first", RoundTripCase.All.SelectMany(one => (JsonObject[])[Job(one, "whole", null, 0, 3), Job(one, "pytorch", 0), Job(one, "optimsharp", 1)]));
        foreach (var one in RoundTripCase.All)
        {
            Ours(one, "pytorch", 1);
            Ours(one, "optimsharp", 2);
        }
        await TheirsAsync(command, "second", RoundTripCase.All.Select(one => Job(one, "pytorch", 2)));
    }

    /// <summary>A leg of ours, unless the one before it failed or is lacking.</summary>
    void Ours(RoundTripCase one, string run, int leg)
    {
        string? before = leg == 0 ? null : At(Id(one, run, leg - 1));
        if (before is not null && !File.Exists(before))
            return;
        try
        {
            Checkpoint.Save(At(Id(one, run, leg)), one.Run(before is null ? null : Checkpoint.Load(before), one.Start(leg), one.Start(leg + 1)));
        }
        catch (Exception e) // each case's is told by its test
        {
            problems[Id(one, run, leg)] = $"{e.GetType().Name}: {e.Message}";
        }
    }

    static JsonObject Job(RoundTripCase one, string run, int leg) => Job(one, run, leg == 0 ? null : Id(one, run, leg - 1), leg, leg + 1);

    static JsonObject Job(RoundTripCase one, string run, string? from, int leg, int end) => new()
    {
        ["id"] = Id(one, run, leg),
        ["case"] = one.Name,
        ["from"] = from is null ? null : $"{from}.pt",
        ["to"] = $"{Id(one, run, leg)}.pt",
        ["first"] = one.Start(leg),
        ["last"] = one.Start(end),
    };

    async Task TheirsAsync(string command, string name, IEnumerable<JsonObject> jobs)
    {
        var cases = new JsonObject(RoundTripCase.All.Select(one => KeyValuePair.Create(one.Name, (JsonNode?)one.Json.DeepClone())));
        var there = jobs.Where(job => job["from"] is not { } from || File.Exists(Path.Combine(folder, from.GetValue<string>())));
        await File.WriteAllTextAsync(Path.Combine(folder, $"{name}.json"), new JsonObject { ["cases"] = cases, ["jobs"] = new JsonArray([.. there]) }.ToJsonString());
        await PythonWithTorch.RunAsync(command, folder, "legs.py", $"{name}.json", $"{name}-results.json");
        var results = JsonDocument.Parse(await File.ReadAllTextAsync(Path.Combine(folder, $"{name}-results.json"))).RootElement;
        Version = Version.Parse(results.GetProperty("torch").GetString()!);
        foreach (var error in results.GetProperty("errors").EnumerateObject())
            problems[error.Name] = error.Value.GetString()!;
        foreach (var lack in results.GetProperty("lacking").EnumerateObject())
            lacking[lack.Name] = lack.Value.GetString()!;
    }
}
