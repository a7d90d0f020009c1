namespace OptimSharp.Tests.Checkpoints;

public sealed class CheckpointDirectoryTests : IDisposable
{
    readonly string folder = Path.Combine(Directory.CreateTempSubdirectory("optimsharp-").FullName, "run");

    public void Dispose() => Directory.Delete(Path.GetDirectoryName(folder)!, recursive: true);

    static StateDict At(long step) => new() { { "epoch", step } };

    /// <summary>All files but the lock's, which stays.</summary>
    string[] Names => [.. Directory.GetFiles(folder).Select(f => Path.GetFileName(f)!).Where(f => !f.EndsWith(".lock", StringComparison.Ordinal)).Order()];

    [Fact]
    public void It_keeps_the_last_and_the_best()
    {
        using var checkpoints = new CheckpointDirectory(folder, new() { KeepLast = 2, KeepBest = 1 });
        Assert.Null(checkpoints.LoadLatest());
        Assert.Null(checkpoints.LoadBest());
        double[] losses = [0.9, 0.25, 0.5, 0.75, double.NaN, 1e-5, 0.3, 0.4];
        for (int step = 0; step < losses.Length; step++)
        {
            var saved = checkpoints.Save(step, At(step), losses[step]);
            Assert.Equal(step, saved.Step);
            Assert.True(File.Exists(saved.Path));
            Assert.Equal(step, checkpoints.LoadLatest()!.GetInt64("epoch"));
            int best = step < 1 ? 0 : step < 5 ? 1 : 5;
            Assert.Equal(best, checkpoints.LoadBest()!.GetInt64("epoch"));
            Assert.Equal(best, checkpoints.Best!.Step);
            Assert.Equal(new[] { step, step - 1, best }.Where(s => s >= 0).Distinct().OrderDescending(), checkpoints.Checkpoints.Select(c => (int)c.Step));
        }
        Assert.Equal(["checkpoint-000000005_1E-05.pt", "checkpoint-000000006_0.3.pt", "checkpoint-000000007_0.4.pt"], Names);
    }

    [Fact]
    public void A_higher_metric_may_be_the_better_one()
    {
        using var checkpoints = new CheckpointDirectory(folder, new() { KeepLast = 1, KeepBest = 2, HigherIsBetter = true, Name = "run-a_b", Extension = ".safetensors" });
        foreach (var (step, accuracy) in new[] { 0.5, 0.9, 0.9, 0.7, -1 }.Index())
            checkpoints.Save(step, At(step), accuracy);
        Assert.Equal(["run-a_b-000000001_0.9.safetensors", "run-a_b-000000002_0.9.safetensors", "run-a_b-000000004_-1.safetensors"], Names);
        Assert.Equal(1, checkpoints.LoadBest()!.GetInt64("epoch")); // the earlier of two
        checkpoints.Save(5, At(5));
        Assert.Null(checkpoints.Checkpoints[0].Metric);
        Assert.Equal(5, CheckpointDirectory.OpenRead(folder, checkpoints.Options).LoadLatest()!.GetInt64("epoch"));
    }

    [Fact]
    public void A_step_that_is_saved_again_is_replaced()
    {
        using var checkpoints = new CheckpointDirectory(folder);
        checkpoints.Save(3, At(0), 0.5);
        checkpoints.Save(3, At(1), 0.75);
        Assert.Equal(["checkpoint-000000003_0.75.pt"], Names);
        Assert.Equal(1, checkpoints.LoadLatest()!.GetInt64("epoch"));
    }

    [Fact]
    public void Of_two_with_one_step_the_later_is_the_newest()
    {
        using var checkpoints = new CheckpointDirectory(folder);
        string first = checkpoints.Save(3, At(0), 0.5).Path, kept = Path.Combine(folder, "kept");
        File.Move(first, kept);
        string second = checkpoints.Save(3, At(1), 0.75).Path;
        File.Move(kept, first); // as when it is killed before it deletes the first
        File.SetLastWriteTimeUtc(second, File.GetLastWriteTimeUtc(first).AddSeconds(1));
        Assert.Equal([second, first], checkpoints.Checkpoints.Select(c => c.Path));
        Assert.Equal(1, checkpoints.LoadLatest()!.GetInt64("epoch"));
    }

    [Fact]
    public void Metrics_that_are_not_finite_are_kept_and_read()
    {
        using var checkpoints = new CheckpointDirectory(folder, new() { KeepLast = 9 });
        double[] metrics = [double.NaN, double.PositiveInfinity, -0.0, double.Epsilon, double.MinValue];
        for (int step = 0; step < metrics.Length; step++)
            checkpoints.Save(step, At(step), metrics[step]);
        Assert.Equal(metrics.Reverse(), checkpoints.Checkpoints.Select(c => c.Metric!.Value));
        Assert.Equal(4, checkpoints.Best!.Step);
    }

    [Fact]
    public void Damaged_files_are_left_out_with_a_warning()
    {
        using var checkpoints = new CheckpointDirectory(folder);
        var files = Enumerable.Range(0, 3).Select(step => checkpoints.Save(step, At(step)).Path).ToArray();
        File.WriteAllBytes(files[2], File.ReadAllBytes(files[2])[..100]);
        File.WriteAllText(files[1], "");
        var warnings = new List<string>();
        void Keep(object? sender, WarningEventArgs e)
        {
            if (sender == checkpoints)
                warnings.Add(e.Message);
        }
        Warnings.Raised += Keep;
        try
        {
            Assert.Equal(0, checkpoints.LoadLatest()!.GetInt64("epoch"));
            Assert.Equal([$"Checkpoint '{files[2]}' is no whole zip file: it has no directory at its end, so that it was cut off or damaged. It was left out.", $"Checkpoint '{files[1]}' is empty. It was left out."], warnings);
            File.WriteAllText(files[0], "x");
            Assert.Contains("has no whole checkpoint", Assert.Throws<CheckpointException>(() => checkpoints.LoadLatest()).Message, StringComparison.Ordinal);
        }
        finally
        {
            Warnings.Raised -= Keep;
        }
    }

    [Fact]
    public void Other_files_are_left_alone_and_unfinished_ones_removed()
    {
        using var checkpoints = new CheckpointDirectory(folder, new() { KeepLast = 1 });
        string[] others = [".other.pt.1234.unfinished", "checkpoint-1.pt", "checkpoint-000000001.pt.bak", "checkpoint-000000001.pth", "checkpoint-00000000x.pt", "checkpoint-000000001_a.pt", "notes.txt"];
        foreach (string name in others.Append(".checkpoint-000000009.pt.12345678.unfinished"))
            File.WriteAllText(Path.Combine(folder, name), "");
        Assert.Empty(checkpoints.Checkpoints);
        Assert.Null(checkpoints.LoadLatest());
        checkpoints.Save(1, At(1));
        checkpoints.Save(2, At(2));
        Assert.Equal(others.Append("checkpoint-000000002.pt").Order(), Names);
    }

    [Fact]
    public void Options_are_checked()
    {
        Check("KeepLast must be ≥ 1, but is 0.", new() { KeepLast = 0 });
        Check("KeepBest must be ≥ 0, but is -1.", new() { KeepBest = -1 });
        Check("Name must be the beginning of a file's name, but is 'a/b'.", new() { Name = "a/b" });
        Check("Extension must be one that Checkpoint.Save knows, as .pt or .safetensors, but is '.txt'.", new() { Extension = ".txt" });
        Check("Extension must be one that Checkpoint.Save knows, as .pt or .safetensors, but is '/a.pt'.", new() { Extension = "/a.pt" });
        using var checkpoints = new CheckpointDirectory(folder);
        Assert.Throws<ArgumentOutOfRangeException>(() => checkpoints.Save(-1, []));

        void Check(string message, CheckpointDirectoryOptions options) =>
            Assert.StartsWith(message, Assert.ThrowsAny<ArgumentException>(() => new CheckpointDirectory(folder, options)).Message, StringComparison.Ordinal);
    }
}
