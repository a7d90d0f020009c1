using System.Text.Json;
using System.Text.Json.Nodes;
using OptimSharp.Conformance;

namespace OptimSharp.Tests.Checkpoints.RoundTrips;

/// <summary>A run that PyTorch and we take turns at, by checkpoint files. In three legs, of equal lengths where it can be.</summary>
abstract class RoundTripCase(string of, string name, JsonObject json)
{
    /// <summary>The class that it is about.</summary>
    public string Of { get; } = of;

    public string Name { get; } = name;

    /// <summary>The case as PyTorch's side gets it: a golden case without answers.</summary>
    public JsonObject Json { get; } = json;

    /// <summary>How many steps the run has.</summary>
    public abstract int Steps { get; }

    /// <summary>The first step of a leg; of the one after the last, the number of steps.</summary>
    public int Start(int leg) => Steps * leg / 3;

    /// <summary>Does the steps from <paramref name="first"/> to before <paramref name="last"/>, from a checkpoint or from the beginning.</summary>
    /// <returns>The checkpoint afterwards.</returns>
    public abstract StateDict Run(StateDict? saved, int first, int last);

    /// <summary>What is different, in words; null when all is within tolerance.</summary>
    public abstract string? Difference(StateDict expected, StateDict actual);

    /// <summary>All of them.</summary>
    public static IReadOnlyList<RoundTripCase> All { get; } = [.. OptimizerRoundTrip.Cases(), .. SchedulerRoundTrip.Cases(), .. AveragingRoundTrip.Cases()];

    /// <summary>The golden cases of a kind.</summary>
    protected static IEnumerable<(string Name, JsonObject Json)> Goldens(string kind) =>
        from golden in GoldenFiles.Own()
        let json = JsonNode.Parse(File.ReadAllText(golden.File))!.AsObject()
        where json["kind"]!.GetValue<string>() == kind
        select (golden.Name, json);

    protected static GoldenNode Read(JsonNode node) => new(JsonSerializer.SerializeToElement(node), "case");

    protected static KeyValuePair<string, object?>[] Options(JsonNode node) => Read(node).Options();

    protected static double[] Numbers(JsonNode node) => Read(node).Numbers();

    protected static long[] Shape(JsonNode node) => [.. Read(node).Items().Select(x => x.Integer())];

    protected static JsonNode ToJson(object? value) => JsonSerializer.SerializeToNode(value)!;
}
