using Microsoft.Win32.SafeHandles;

namespace OptimSharp.TensorBoard.Tests;

/// <summary>Nothing is lost or torn when a file can't be written for a while.</summary>
public sealed class FullDiskTests : IDisposable
{
    readonly TemporaryFolder folder = new();
    readonly SummaryWriterOptions waiting = new() { FlushInterval = TimeSpan.FromDays(1) };
    int? room; // bytes; null: enough

    public void Dispose() => folder.Dispose();

    [Fact]
    public void After_a_failed_flush_all_is_written_by_the_next()
    {
        var file = new EventFile(folder.Path, "") { Write = Write };
        Add(0);
        file.Flush();
        room = 20;
        Add(1);
        Assert.Contains(file.Path, Assert.Throws<IOException>(file.Flush).Message, StringComparison.Ordinal);
        Add(2);
        Assert.Contains("No space left", Assert.Throws<IOException>(file.Check).Message, StringComparison.Ordinal);
        Assert.Equal([0f], Values(file.Path));
        room = null;
        file.Flush();
        file.Check();
        Add(3);
        file.Dispose();
        Assert.Equal([0f, 1, 2, 3], Values(file.Path));

        void Add(int step) => file.Add(new() { Step = step, Summary = new() { Value = { new Protos.SummaryValue { Tag = "a", SimpleValue = step } } } });
    }

    [Fact]
    public void A_writer_that_could_not_be_disposed_is_disposed_again()
    {
        var writer = new SummaryWriter(folder.Path, waiting) { Write = Write };
        writer.AddHyperparameters(new Dictionary<string, object?> { ["rate"] = 0.1 }, "a");
        writer.Flush();
        room = 20;
        writer.AddScalar("a", 1, 1);
        for (int i = 0; i < 2; i++)
        {
            string message = Assert.Throws<IOException>(writer.Dispose).Message;
            Assert.Contains(writer.FilePath, message, StringComparison.Ordinal);
            Assert.Contains("Dispose again", message, StringComparison.Ordinal);
        }
        Assert.Throws<ObjectDisposedException>(() => writer.AddScalar("a", 2, 2));
        Assert.Throws<ObjectDisposedException>(writer.Flush);
        room = null;
        writer.Dispose();
        writer.Dispose();
        Assert.Equal(["_hparams_/experiment", "_hparams_/session_start_info", "a", "_hparams_/session_end_info"], EventFileReader.Values(writer.FilePath).Select(v => v.Value.Tag));
    }

    /// <summary>However much of the last records there is room for: the file ends after the last whole one.</summary>
    [Fact]
    public void The_file_does_not_end_in_a_torn_record()
    {
        var writer = new SummaryWriter(folder.Path, waiting) { Write = Write };
        for (int step = 0; step < 3; step++)
            writer.AddScalar("a", step, step);
        long before = new FileInfo(writer.FilePath).Length;
        var lengths = new SortedSet<long>();
        for (room = 0; ; room++)
        {
            try
            {
                writer.Dispose();
                break;
            }
            catch (IOException)
            {
                long length = new FileInfo(writer.FilePath).Length;
                lengths.Add(length);
                Assert.Equal(length - before, EventFileReader.Records(writer.FilePath).Skip(1).Sum(record => 16 + record.Length)); // 16 around each
            }
        }
        Assert.Equal(3, lengths.Count); // none, one, two of the three
        Assert.Equal([0f, 1, 2], Values(writer.FilePath));
    }

    /// <summary>A run of hyperparameters that could not be written is still the writer's.</summary>
    [Fact]
    public void A_run_is_written_with_the_next_flush()
    {
        using var writer = new SummaryWriter(folder.Path, waiting) { Write = Write };
        room = 20;
        Assert.Contains("No space left", Assert.Throws<IOException>(Add).Message, StringComparison.Ordinal);
        string file = EventFileReader.FileIn(Path.Combine(folder.Path, "trial"));
        Assert.Empty(EventFileReader.Values(file));
        Assert.Throws<InvalidOperationException>(Add);
        room = null;
        writer.Flush();
        Assert.Equal(["_hparams_/experiment", "_hparams_/session_start_info", "_hparams_/session_end_info", "a"], EventFileReader.Values(file).Select(v => v.Value.Tag));

        void Add() => writer.AddHyperparameters(new Dictionary<string, object?> { ["rate"] = 0.1 }, new Dictionary<string, double> { ["a"] = 1 }, "trial");
    }

    void Write(SafeFileHandle to, ReadOnlySpan<byte> bytes, long offset)
    {
        if (room is not { } left || bytes.Length <= left)
        {
            RandomAccess.Write(to, bytes, offset);
            return;
        }
        RandomAccess.Write(to, bytes[..left], offset); // torn
        throw new IOException("No space left on device.");
    }

    static IEnumerable<float> Values(string path) => EventFileReader.Values(path).Select(v => v.Value.SimpleValue);
}
