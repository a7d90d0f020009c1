using System.Globalization;

namespace OptimSharp.TensorBoard.Tests;

public sealed class WriterTests : IDisposable
{
    readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Numbers_come_back_with_their_tags_steps_and_times()
    {
        var before = DateTimeOffset.UtcNow;
        using (var writer = new SummaryWriter(folder.Path))
        {
            for (int step = 0; step < 100; step++)
                writer.AddScalar("loss", 1.0 / (step + 1), step);
        }
        var events = EventFileReader.Events(EventFileReader.FileIn(folder.Path));
        Assert.Equal(101, events.Count);
        for (int step = 0; step < 100; step++)
        {
            var value = Assert.Single(events[step + 1].Summary.Value);
            Assert.Equal(("loss", (float)(1.0 / (step + 1)), step), (value.Tag, value.SimpleValue, events[step + 1].Step));
            Assert.InRange(events[step + 1].WallTime, before.ToUnixTimeSeconds(), DateTimeOffset.UtcNow.ToUnixTimeSeconds() + 1);
        }
    }

    [Fact]
    public void A_torn_tail_takes_nothing_but_itself()
    {
        using (var writer = new SummaryWriter(folder.Path))
        {
            for (int step = 0; step < 5; step++)
                writer.AddScalar("loss", step, step);
        }
        string path = EventFileReader.FileIn(folder.Path);
        byte[] whole = File.ReadAllBytes(path);
        int record = 16 + EventFileReader.Records(path)[^1].Length;
        for (int cut = 1; cut <= record; cut++)
        {
            File.WriteAllBytes(path, whole[..^cut]);
            Assert.Equal([0f, 1, 2, 3], EventFileReader.Values(path).Select(v => v.Value.SimpleValue));
        }
    }

    [Fact]
    public async Task Events_are_in_the_file_in_time_without_a_flush()
    {
        using var writer = new SummaryWriter(folder.Path, new() { FlushInterval = TimeSpan.FromMilliseconds(20) });
        for (int step = 0; step < 3; step++)
        {
            writer.AddScalar("loss", step, step);
            var end = DateTime.UtcNow.AddSeconds(30);
            while (EventFileReader.Values(writer.FilePath).Count <= step)
            {
                Assert.True(DateTime.UtcNow < end, "the event was not written in 30 seconds");
                await Task.Delay(5, TestContext.Current.CancellationToken);
            }
        }
    }

    [Fact]
    public void Many_bytes_do_not_wait_for_the_time()
    {
        using var writer = new SummaryWriter(folder.Path, new() { FlushInterval = TimeSpan.FromDays(1) });
        string text = new('x', 10_000);
        for (int i = 0; i < 100; i++)
            writer.AddText("text", text, i);
        var end = DateTime.UtcNow.AddSeconds(30);
        while (EventFileReader.Records(writer.FilePath).Count < 27) // more than 256 KiB
        {
            Assert.True(DateTime.UtcNow < end, "nothing was written in 30 seconds");
            Thread.Sleep(5);
        }
    }

    [Fact]
    public void Threads_may_add_together()
    {
        const int Threads = 8, Each = 500;
        using (var writer = new SummaryWriter(folder.Path, new() { FlushInterval = TimeSpan.FromMilliseconds(1) }))
        {
            Parallel.For(0, Threads, new() { MaxDegreeOfParallelism = Threads }, thread =>
            {
                for (int step = 0; step < Each; step++)
                {
                    writer.AddScalar($"thread/{thread}", step, step);
                    writer.AddScalars("all", new Dictionary<string, double> { [$"line{thread}"] = step }, step);
                    if (step % 100 == 0)
                        writer.Flush();
                }
            });
        }
        var values = EventFileReader.Values(EventFileReader.FileIn(folder.Path));
        for (int thread = 0; thread < Threads; thread++)
        {
            float[] steps = [.. Enumerable.Range(0, Each).Select(i => (float)i)];
            Assert.Equal(steps, values.Where(v => v.Value.Tag == $"thread/{thread}").Select(v => v.Value.SimpleValue));
            Assert.Equal(steps, EventFileReader.Values(EventFileReader.FileIn(Path.Combine(folder.Path, $"all_line{thread}"))).Select(v => v.Value.SimpleValue));
        }
    }

    [Fact]
    public void Two_writers_of_one_folder_have_files_of_their_own()
    {
        using (SummaryWriter first = new(folder.Path), second = new(folder.Path))
        {
            first.AddScalar("a", 1);
            second.AddScalar("a", 2);
        }
        string[] paths = Directory.GetFiles(folder.Path);
        Assert.Equal(2, paths.Length);
        Assert.Equal([1f, 2f], paths.Select(p => Assert.Single(EventFileReader.Values(p)).Value.SimpleValue).Order());
    }

    [Fact]
    public void The_file_has_the_name_that_TensorBoard_looks_for()
    {
        using var writer = new SummaryWriter(folder.Path, new() { FilenameSuffix = ".mine" });
        string[] parts = Path.GetFileName(writer.FilePath)["events.out.tfevents.".Length..].Split('.');
        Assert.Matches("^[0-9]{10}$", parts[0]);
        Assert.Equal([Environment.ProcessId.ToString(CultureInfo.InvariantCulture), "mine"], [parts[^3], parts[^1]]);
        Assert.StartsWith("events.out.tfevents.", Path.GetFileName(writer.FilePath), StringComparison.Ordinal);
    }

    [Fact]
    public void Without_a_folder_it_is_one_of_runs_as_PyTorch_names_it()
    {
        using (var writer = new SummaryWriter(options: new() { Comment = "_lr0.1" }))
        {
            Assert.Equal(Path.GetFullPath("runs"), Path.GetDirectoryName(writer.LogDirectory));
            Assert.Matches($"^[A-Z][a-z]{{2}}[0-9]{{2}}_[0-9]{{2}}-[0-9]{{2}}-[0-9]{{2}}_.*_lr0\\.1$", Path.GetFileName(writer.LogDirectory));
            Directory.Delete(writer.LogDirectory, recursive: true);
        }
    }

    public static TheoryData<string, Action<SummaryWriter>> Refused => new()
    {
        { "A tag is empty", w => w.AddScalar("", 1) },
        { "A tag is empty", w => w.AddScalars("loss", new Dictionary<string, double> { ["a"] = 1, [""] = 2 }) },
        { "'a/b' can't be a part of a folder's name", w => w.AddScalars("loss", new Dictionary<string, double> { ["a/b"] = 1 }) },
        { "The histogram 'weights' is of no numbers", w => w.AddHistogram("weights", (float[])[]) },
        { "must be the bytes of a PNG file, but these 3 bytes", w => w.AddImage("image", [1, 2, 3]) },
        { "Hyperparameter 'layers' must be a number, true or false, a text or an enumeration, but is a Int32[]", w => w.AddHyperparameters(new Dictionary<string, object?> { ["layers"] = new[] { 1 } }) },
        { "A metric's tag is empty", w => w.AddHyperparameters(new Dictionary<string, object?>(), "") },
        { "'a/b' can't be a part of a folder's name", w => AddRun(w, "a/b") },
        { "'.' can't be the name of a folder in ", w => AddRun(w, ".") },
        { "'..' can't be the name of a folder in ", w => AddRun(w, "..") },
        { "' ' can't be the name of a folder in ", w => AddRun(w, " ") },
        { "A tag is empty", w => AddRun(w, "") },
    };

    static void AddRun(SummaryWriter writer, string name) => writer.AddHyperparameters(new Dictionary<string, object?>(), new Dictionary<string, double> { ["accuracy"] = 1 }, name);

    [Theory]
    [MemberData(nameof(Refused), DisableDiscoveryEnumeration = true)]
    public void What_is_refused_says_why_and_writes_nothing(string why, Action<SummaryWriter> what)
    {
        string run = Path.Combine(folder.Path, "run");
        using (var writer = new SummaryWriter(run))
            Assert.Contains(why, Assert.ThrowsAny<ArgumentException>(() => what(writer)).Message, StringComparison.Ordinal);
        Assert.Single(EventFileReader.Records(EventFileReader.FileIn(run)));
        Assert.Equal([run], Directory.GetFileSystemEntries(folder.Path)); // nor anything above it
        Assert.Empty(Directory.GetDirectories(run));
    }

    [Fact]
    public void Options_are_checked()
    {
        Assert.Contains("FlushInterval must be > 0", Assert.Throws<ArgumentException>(() => new SummaryWriter(folder.Path, new() { FlushInterval = TimeSpan.Zero })).Message, StringComparison.Ordinal);
        Assert.Contains("PurgeStep must be ≥ 0, but is -1", Assert.Throws<ArgumentException>(() => new SummaryWriter(folder.Path, new() { PurgeStep = -1 })).Message, StringComparison.Ordinal);
        Assert.Contains("FilenameSuffix must be a part of a file's name, but is 'a/b'", Assert.Throws<ArgumentException>(() => new SummaryWriter(folder.Path, new() { FilenameSuffix = "a/b" })).Message, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFileSystemEntries(folder.Path));
    }

    [Fact]
    public void Disposed_twice_is_disposed_once_and_adding_is_refused()
    {
        var writer = new SummaryWriter(folder.Path);
        writer.Dispose();
        writer.Dispose();
        Assert.Throws<ObjectDisposedException>(() => writer.AddScalar("a", 1));
        Assert.Throws<ObjectDisposedException>(writer.Flush);
    }

    [Fact]
    public void Numbers_of_a_histogram_that_are_not_finite_are_counted_apart()
    {
        using (var writer = new SummaryWriter(folder.Path))
        {
            writer.AddHistogram("some", [1f, float.NaN, 3, float.NegativeInfinity], 1);
            writer.AddHistogram("none", [double.NaN], 2);
            writer.AddHistogram("tensor", TensorData.Of(new[] { (Half)1, (Half)2 }, 2), 3);
        }
        var values = EventFileReader.Values(EventFileReader.FileIn(folder.Path));
        Assert.Equal(["some", "some/not_finite", "none/not_finite", "tensor"], values.Select(v => v.Value.Tag));
        Assert.Equal((2d, 1d, 3d, 4d, 10d), (values[0].Value.Histo.Num, values[0].Value.Histo.Min, values[0].Value.Histo.Max, values[0].Value.Histo.Sum, values[0].Value.Histo.SumSquares));
        Assert.Equal((2f, 1f), (values[1].Value.SimpleValue, values[2].Value.SimpleValue));
        Assert.Equal(5, values[3].Value.Histo.SumSquares);
    }

    [Fact]
    public void Each_number_of_a_histogram_is_in_the_bucket_below_its_limit()
    {
        double[] numbers = [.. Enumerable.Range(0, 400).Select(i => (i % 2 == 0 ? 1 : -1) * Math.Pow(10, i / 8.0 - 25)), 0, double.MaxValue, -double.MaxValue / 2];
        using (var writer = new SummaryWriter(folder.Path))
            writer.AddHistogram("wide", numbers);
        var histogram = EventFileReader.Values(EventFileReader.FileIn(folder.Path)).Single().Value.Histo;
        Assert.Equal(numbers.Length, histogram.Bucket.Sum());
        double below = double.NegativeInfinity;
        for (int i = 0; i < histogram.Bucket.Count; i++)
        {
            double limit = histogram.BucketLimit[i];
            Assert.Equal(numbers.Count(n => n >= below && (n < limit || limit == double.MaxValue)), histogram.Bucket[i]);
            below = limit;
        }
    }
}
