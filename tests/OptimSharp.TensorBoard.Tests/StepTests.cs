namespace OptimSharp.TensorBoard.Tests;

/// <summary>What steps did comes back as their reports say it.</summary>
public sealed class StepTests : IDisposable
{
    readonly TemporaryFolder folder = new();
    readonly Parameter<float> first = Parameter.Of("first", new float[] { 1, 2 }), second = Parameter.Of("second", new float[] { 3 });

    public void Dispose() => folder.Dispose();

    [Fact]
    public void With_statistics_there_is_all_of_each_group()
    {
        using var optimizer = Make();
        optimizer.ParameterGroups[1].Extras["group_name"] = "head";
        var training = new TrainingStep(optimizer, new() { MaxNorm = 1, Statistics = true });
        var reports = new List<StepReport>();
        using (var writer = new SummaryWriter(folder.Path))
        {
            for (int step = 0; step < 2; step++)
            {
                (first.Gradient, second.Gradient) = (new float[] { 3, 0 }, new[] { step == 0 ? 4f : float.NaN });
                reports.Add(training.Step());
                writer.AddStep(reports[step], optimizer, step);
            }
        }
        var groups = reports[0].Statistics!.Groups;
        var expected = new Dictionary<string, double>
        {
            ["step/left_out"] = 0,
            ["step/gradient_norm"] = 5,
            ["step/clip_factor"] = reports[0].ClipFactor,
            ["learning_rate/group_0"] = 0.5,
            ["learning_rate/head"] = 0.25,
            ["gradient_norm/group_0"] = 3,
            ["parameter_norm/group_0"] = Math.Sqrt(5),
            ["update_norm/group_0"] = groups[0].UpdateNorm,
            ["update_ratio/group_0"] = groups[0].UpdateRatio,
            ["gradient_norm/head"] = 4,
            ["parameter_norm/head"] = 3,
            ["update_norm/head"] = groups[1].UpdateNorm,
            ["update_ratio/head"] = groups[1].UpdateRatio,
        };
        var values = EventFileReader.Values(EventFileReader.FileIn(folder.Path));
        Assert.Equal(expected.ToDictionary(e => e.Key, e => (float)e.Value), values.Where(v => v.Step == 0).ToDictionary(v => v.Value.Tag, v => v.Value.SimpleValue));
        Assert.Equal(0.3, groups[0].UpdateNorm, 1e-4); // the rate 0.5 times a gradient of 3, clipped to 1/5
        var skipped = values.Where(v => v.Step == 1).ToDictionary(v => v.Value.Tag, v => v.Value.SimpleValue);
        Assert.True(reports[1].Skipped);
        Assert.Equal(1, skipped["step/left_out"]);
        Assert.DoesNotContain("parameter_norm/head", skipped.Keys);
    }

    [Fact]
    public void Without_statistics_there_are_rates_and_the_norm()
    {
        using var optimizer = Make();
        var training = new TrainingStep(optimizer, new() { MaxNorm = 10, Scaler = new GradScaler(initialScale: 4), MicroBatches = 2 });
        using (var writer = new SummaryWriter(folder.Path))
        {
            for (int step = 0; step < 2; step++)
            {
                (first.Gradient, second.Gradient) = (new float[] { 24, 0 }, new float[] { 32 });
                writer.AddStep(training.Step(), optimizer, step);
            }
            writer.AddLearningRates(optimizer, 2);
        }
        var values = EventFileReader.Values(EventFileReader.FileIn(folder.Path));
        Assert.DoesNotContain(values, v => v.Step == 0); // gathered
        Assert.Equal(new Dictionary<string, float> { ["step/left_out"] = 0, ["step/gradient_norm"] = 5, ["step/clip_factor"] = 1, ["step/loss_scale"] = 4, ["learning_rate/group_0"] = 0.5f, ["learning_rate/group_1"] = 0.25f },
            values.Where(v => v.Step == 1).ToDictionary(v => v.Value.Tag, v => v.Value.SimpleValue));
        Assert.Equal([0.5f, 0.25f], values.Where(v => v.Step == 2).Select(v => v.Value.SimpleValue));
        Assert.Equal(3, EventFileReader.Records(EventFileReader.FileIn(folder.Path)).Count); // a step is one event
    }

    [Fact]
    public void A_report_of_another_optimizer_is_refused()
    {
        using var optimizer = Make();
        using var other = new SGD([Parameter.Of("w", new float[1])]);
        first.Gradient = new float[2];
        using var writer = new SummaryWriter(folder.Path);
        var report = new TrainingStep(optimizer, new() { Statistics = true }).Step();
        Assert.Contains("The report is of 2 parameter groups, but the optimizer has 1", Assert.Throws<ArgumentException>(() => writer.AddStep(report, other, 1)).Message, StringComparison.Ordinal);
    }

    SGD Make() => new([new([first]), new([second], o => o with { LearningRate = 0.25 })], new() { LearningRate = 0.5 });
}
