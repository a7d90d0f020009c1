using System.Globalization;

namespace OptimSharp.Tests.Checkpoints;

/// <summary>One object at a time saves under one name in one folder: in this process and in others (tests/OptimSharp.Resume), whatever becomes of them.</summary>
public sealed class CheckpointDirectoryLockTests : IDisposable
{
    readonly string folder = Directory.CreateTempSubdirectory("optimsharp-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    static StateDict At(long step) => new() { { "step", step } };

    [Fact]
    public void The_second_is_told_who_has_it()
    {
        var before = DateTime.UtcNow;
        using (var first = new CheckpointDirectory(folder))
        {
            first.Save(1, At(1));
            string message = Assert.Throws<IOException>(() => new CheckpointDirectory(folder)).Message;
            Assert.StartsWith($"The checkpoints 'checkpoint' in '{folder}' are in use, by process {Environment.ProcessId} (", message, StringComparison.Ordinal);
            Assert.Contains($") on {Environment.MachineName} since ", message, StringComparison.Ordinal);
            string since = message[(message.IndexOf(" since ", StringComparison.Ordinal) + 7)..^" UTC.".Length];
            var time = DateTime.ParseExact(since, "yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal);
            Assert.InRange(time, before.AddSeconds(-1), DateTime.UtcNow);
            first.Save(2, At(2)); // nothing happened to it
        }
        using var second = new CheckpointDirectory(folder);
        Assert.Equal(2, second.LoadLatest()!.GetInt64("step"));
    }

    [Fact]
    public async Task A_process_that_is_killed_holds_nothing()
    {
        using var process = ResumeProgram.Start("hold", folder, "checkpoint");
        Assert.Equal("open", await process.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken));
        Assert.Contains($"by process {process.Id} (", Assert.Throws<IOException>(() => new CheckpointDirectory(folder)).Message, StringComparison.Ordinal);
        using (var other = new CheckpointDirectory(folder, new() { Name = "other" }))
            other.Save(1, At(1));
        Assert.Empty(CheckpointDirectory.OpenRead(folder).Checkpoints);
        process.Kill();
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        using (var next = new CheckpointDirectory(folder))
            next.Save(1, At(1));

        using var orderly = ResumeProgram.Start("hold", folder, "checkpoint");
        Assert.Equal("open", await orderly.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken));
        Assert.Throws<IOException>(() => new CheckpointDirectory(folder));
        orderly.StandardInput.Close();
        await orderly.WaitForExitAsync(TestContext.Current.CancellationToken);
        new CheckpointDirectory(folder).Dispose();
    }

    /// <summary>Both begin with the same letters. Once each deleted what the other was about to write.</summary>
    [Fact]
    public async Task Two_names_in_one_folder_do_not_touch_each_other()
    {
        const int Saves = 150;
        string[] names = ["checkpoint", "checkpoint-ema"];
        var processes = names.Select(name => ResumeProgram.Start("directory", folder, name, $"{Saves}")).ToArray();
        foreach (var process in processes)
            Assert.Equal("open", await process.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken));
        foreach (var process in processes) // at once
            await process.StandardInput.WriteLineAsync();
        foreach (var process in processes)
        {
            string errors = await process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
            await process.WaitForExitAsync(TestContext.Current.CancellationToken);
            Assert.True(process.ExitCode == 0, errors);
            process.Dispose();
        }
        foreach (string name in names)
            Assert.Equal(Saves - 1, CheckpointDirectory.OpenRead(folder, new() { Name = name }).LoadLatest()!.GetInt64("step"));
        Assert.Equal([".checkpoint-ema.pt.lock", ".checkpoint.pt.lock", "checkpoint-000000149.pt", "checkpoint-ema-000000149.pt"], Directory.GetFiles(folder).Select(f => Path.GetFileName(f)!).Order(StringComparer.Ordinal));
    }

    /// <summary>The last checkpoint is deleted at each save; whoever reads beside it always gets a whole one, and never an older one than before.</summary>
    [Fact]
    public async Task A_run_can_be_read_while_it_saves()
    {
        using var process = ResumeProgram.Start("directory", folder, "checkpoint", "400");
        Assert.Equal("open", await process.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken));
        using var reader = CheckpointDirectory.OpenRead(folder);
        Assert.Null(reader.LoadLatest());
        await process.StandardInput.WriteLineAsync();
        long last = -1;
        int read = 0;
        while (!process.HasExited)
        {
            if (reader.LoadLatest() is not { } state)
                continue;
            long step = state.GetInt64("step");
            Assert.True(step >= last, $"step {step} after {last}");
            Assert.All(state.GetTensor("w").ToArray<float>(), x => Assert.Equal((float)step, x));
            (last, read) = (step, read + 1);
        }
        Assert.Equal("", await process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken));
        Assert.Equal(399, reader.LoadLatest()!.GetInt64("step"));
        Assert.True(read > 20, $"{read} read");
    }

    [Fact]
    public void Reading_needs_no_folder_and_saves_nothing()
    {
        string missing = Path.Combine(folder, "missing");
        using var reader = CheckpointDirectory.OpenRead(missing);
        Assert.Equal(missing, reader.Path);
        Assert.Empty(reader.Checkpoints);
        Assert.Null(reader.LoadLatest());
        Assert.Null(reader.LoadBest());
        Assert.Contains("opened by OpenRead can't save", Assert.Throws<InvalidOperationException>(() => reader.Save(1, [])).Message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(missing));
        Assert.Throws<ArgumentException>(() => CheckpointDirectory.OpenRead(missing, new() { Name = "a/b" }));
    }

    [Fact]
    public void After_it_is_disposed_it_does_nothing()
    {
        var checkpoints = new CheckpointDirectory(folder);
        checkpoints.Save(1, At(1));
        checkpoints.Dispose();
        checkpoints.Dispose();
        Assert.Throws<ObjectDisposedException>(() => checkpoints.Save(2, At(2)));
        Assert.Throws<ObjectDisposedException>(() => checkpoints.LoadLatest());
        Assert.Throws<ObjectDisposedException>(() => checkpoints.LoadBest());
        Assert.Equal(1, Assert.Single(checkpoints.Checkpoints).Step);
    }

    [Fact]
    public void A_link_that_leads_nowhere_does_not_stop_reading()
    {
        if (OperatingSystem.IsWindows())
            return;
        using var checkpoints = new CheckpointDirectory(folder);
        checkpoints.Save(1, At(1));
        File.CreateSymbolicLink(Path.Combine(folder, "checkpoint-000000002.pt"), Path.Combine(folder, "nowhere"));
        Assert.Equal(1, checkpoints.LoadLatest()!.GetInt64("step"));
    }

    /// <summary>No file that one of two names could have written, finished or not, is taken by the other.</summary>
    [Fact]
    public void Names_are_told_apart_whole()
    {
        string[] names = ["a", "a-", "a-b", "a-000000001", "a-000000001_", "a-000000001_0.5", "a-000000001_1E", "a_", "a.pt", "a-000000002.pt", "A"];
        foreach (string name in names)
        {
            using var one = new CheckpointDirectory(folder, new() { Name = name, KeepLast = 9 });
            one.Save(1, At(1), 0.01);
            one.Save(2, At(2));
            File.WriteAllText(Path.Combine(folder, $".{name}-000000003.pt.12345678.unfinished"), "");
        }
        foreach (string name in names)
        {
            Assert.Equal([$"{name}-000000002.pt", $"{name}-000000001_0.01.pt"], CheckpointDirectory.OpenRead(folder, new() { Name = name }).Checkpoints.Select(c => Path.GetFileName(c.Path)));
            int unfinished = Directory.GetFiles(folder, ".*.unfinished").Length;
            using var one = new CheckpointDirectory(folder, new() { Name = name, KeepLast = 9 });
            one.Save(2, At(2));
            Assert.Equal(unfinished - 1, Directory.GetFiles(folder, ".*.unfinished").Length);
        }
    }
}
