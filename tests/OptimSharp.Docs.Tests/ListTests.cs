namespace OptimSharp.Docs.Tests;

/// <summary>Lists that name every optimizer are up to date. tools/update-lists.sh writes them.</summary>
public class ListTests
{
    const string Update = "OPTIMSHARP_UPDATE"; // set: lists are written instead of compared

    public static TheoryData<Stretch> Stretches => [.. Lists.All];

    [Theory]
    [MemberData(nameof(Stretches))]
    public void A_list_has_all_there_are(Stretch stretch)
    {
        string text = Markdown.Read(stretch.File);
        string[] before = text.Split(stretch.Opening), after = before[^1].Split(stretch.Closing);
        Assert.True(before.Length == 2 && after.Length == 2, $"{stretch.File} needs {stretch.Opening.Trim()} and {stretch.Closing}, once and in this order.");
        string written = before[0] + stretch.Opening + stretch.Make() + stretch.Closing + after[1];
        if (Environment.GetEnvironmentVariable(Update) is { Length: > 0 })
            File.WriteAllText(Path.Combine(Markdown.Root, stretch.File), written);
        else
            Assert.True(written == text, $"{stretch.File}: what stands between {stretch.Opening.Trim()} and {stretch.Closing} is out of date. Run tools/update-lists.sh.");
    }
}
