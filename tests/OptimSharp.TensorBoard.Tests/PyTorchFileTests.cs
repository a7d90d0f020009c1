using OptimSharp.Conformance;
using Tensorboard;

namespace OptimSharp.TensorBoard.Tests;

/// <summary>The same values written by PyTorch's SummaryWriter and by ours are the same bytes, record by record. tools/fixtures/make_tensorboard.py made PyTorch's.</summary>
public sealed class PyTorchFileTests : IDisposable
{
    static readonly string given = Path.Combine(GoldenFiles.RepositoryRoot(), "tests", "fixtures", "tensorboard");

    readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Values_of_every_kind()
    {
        var theirs = EventFileReader.Records(EventFileReader.FileIn(Path.Combine(given, "values")));
        byte[] png = theirs.ConvertAll(Event.Parser.ParseFrom).SelectMany(e => e.Summary?.Value ?? []).Single(v => v.Tag == "pixels").Image.EncodedImageString.ToByteArray();
        using (var writer = new SummaryWriter(folder.Path))
        {
            writer.AddScalar("loss", 0.625, 1, At(0.25));
            writer.AddScalar("loss", BitConverter.Int64BitsToDouble(0x7ff8L << 48), 2, At(1.5)); // Python's NaN: .NET's has the sign
            writer.AddScalar("accuracy/test", 1.0 / 3, 1L << 40, At(2));
            writer.AddHistogram("weights", [-1e-13, 0, 0, 1e-12, 0.5, 0.5, -2.25, 1e19], 3, At(3));
            writer.AddHistogram("one", [0.125f], 4, At(4));
            writer.AddHistogram("spread", [.. Enumerable.Range(-512, 1025).Select(i => i / 64.0)], 5, At(5));
            writer.AddImage("pixels", png, 6, At(6));
            writer.AddText("notes", "# Grüße\nfrom *PyTorch*", 7, At(7));
            writer.AddScalars("rates/all", new Dictionary<string, double> { ["base"] = 0.1, ["head"] = 0.01 }, 8, At(8));
        }
        AssertSame(theirs, EventFileReader.Records(EventFileReader.FileIn(folder.Path)));
        foreach (string run in new[] { "rates_all_base", "rates_all_head" })
        {
            AssertSame(EventFileReader.Records(EventFileReader.FileIn(Path.Combine(given, "values", run))),
                EventFileReader.Records(EventFileReader.FileIn(Path.Combine(folder.Path, run))));
        }
    }

    [Fact]
    public void Hyperparameters_of_a_trial()
    {
        using (var writer = new SummaryWriter(folder.Path))
        {
            writer.AddHyperparameters(
                new Dictionary<string, object?> { ["lr"] = 0.1, ["optimizer"] = "AdamW", ["batch"] = 32 },
                new Dictionary<string, double> { ["final/accuracy"] = 0.75, ["final/loss"] = 0.5 },
                runName: "trial", step: 9);
        }
        var theirs = EventFileReader.Events(EventFileReader.FileIn(Path.Combine(given, "values", "trial")));
        var ours = EventFileReader.Events(EventFileReader.FileIn(Path.Combine(folder.Path, "trial")));
        Assert.Equal(6, ours.Count); // the version, three of hyperparameters, two of metrics
        foreach (var (theirEvent, ourEvent) in theirs.Zip(ours).Skip(1))
        {
            (theirEvent.WallTime, ourEvent.WallTime) = (0, 0);
            if (theirEvent.Summary.Value[0].Metadata is not null)
                Assert.Equal((9, 0), (theirEvent.Step, theirEvent.Step = ourEvent.Step)); // PyTorch gives the metrics' step to this event, too
            Assert.Equal(theirEvent, ourEvent);
        }
        Assert.Equal(theirs.Count, ours.Count);
    }

    [Fact]
    public void A_run_that_goes_on()
    {
        using (var writer = new SummaryWriter(folder.Path, new() { PurgeStep = 3 }))
            writer.AddScalar("loss", 0.5, 3, At(9));
        var theirs = EventFileReader.Events(EventFileReader.FileIn(Path.Combine(given, "resumed")));
        var ours = EventFileReader.Events(EventFileReader.FileIn(folder.Path));
        theirs.RemoveAll(e => e.FileVersion.Length > 0 && e.Step == 3); // PyTorch says the version once more
        (theirs[1].WallTime, ours[1].WallTime) = (0, 0);
        Assert.Equal(SessionLog.Types.SessionStatus.Start, ours[1].SessionLog.Status);
        Assert.Equal(theirs.Skip(1), ours.Skip(1));
    }

    /// <summary>The first record has the time and who wrote it; all others are equal to the byte.</summary>
    static void AssertSame(List<byte[]> theirs, List<byte[]> ours)
    {
        var (theirFirst, ourFirst) = (Event.Parser.ParseFrom(theirs[0]), Event.Parser.ParseFrom(ours[0]));
        Assert.Equal("brain.Event:2", ourFirst.FileVersion);
        Assert.Equal((theirFirst.FileVersion, theirFirst.Step), (ourFirst.FileVersion, ourFirst.Step));
        Assert.Equal(theirs.Count, ours.Count);
        for (int i = 1; i < theirs.Count; i++)
            Assert.Equal(Convert.ToHexString(theirs[i]), Convert.ToHexString(ours[i]));
    }

    static DateTimeOffset At(double second) => DateTimeOffset.FromUnixTimeMilliseconds(1_700_000_000_000 + (long)(1000 * second));
}
