using System.Diagnostics;
using System.Text;

namespace OptimSharp.Tests.Checkpoints;

/// <summary>Saving at the edges of what file systems allow.</summary>
public sealed class AtomicFileTests : IDisposable
{
    readonly string folder = Directory.CreateTempSubdirectory("optimsharp-").FullName;

    string At(string name) => Path.Combine(folder, name);

    public void Dispose() => Directory.Delete(folder, recursive: true);

    /// <summary>Linux allows 255 bytes; the temporary name beside it was 21 longer.</summary>
    [Theory]
    [InlineData("a", 100)]
    [InlineData("a", 143)]
    [InlineData("a", 243)]
    [InlineData("a", 255)]
    [InlineData("ä", 254)]
    [InlineData("語", 255)]
    [InlineData("🙂", 255)]
    public void Any_name_that_the_file_system_allows_can_be_saved(string letter, int bytes)
    {
        const string Extension = ".safetensors";
        int rest = bytes - Extension.Length, size = Encoding.UTF8.GetByteCount(letter);
        string name = string.Concat(Enumerable.Repeat(letter, rest / size)) + new string('b', rest % size) + Extension;
        Assert.Equal(bytes, Encoding.UTF8.GetByteCount(name));
        Checkpoint.Save(At(name), new() { { "x", 1 } });
        Checkpoint.Save(At(name), new() { { "x", 2 } });
        Assert.Equal(2, Checkpoint.Load(At(name)).GetInt64("x"));
        Assert.Equal([name], Directory.GetFiles(folder).Select(Path.GetFileName));
    }

    [Fact]
    public void The_temporary_name_is_hidden_and_no_longer_than_need_be()
    {
        foreach (string name in new[] { "a.pt", new string('a', 252) + ".pt", string.Concat(Enumerable.Repeat("語", 84)) + ".pt", new string('語', 252) + ".pt" /* on Windows */, string.Concat(Enumerable.Repeat("🙂", 60)) + ".pt" })
        {
            string? temporary = null;
            var error = Record.Exception(() => AtomicFile.Write(At(name), _ => temporary = Path.GetFileName(Assert.Single(Directory.GetFiles(folder)))));
            if (error is IOException)
                continue; // not on this system
            Assert.Null(error);
            Assert.StartsWith(".", temporary, StringComparison.Ordinal);
            Assert.EndsWith(".unfinished", temporary, StringComparison.Ordinal);
            Assert.True(Encoding.UTF8.GetByteCount(temporary!) <= Math.Max(143, Encoding.UTF8.GetByteCount(name)) && temporary!.Length <= Math.Max(143, name.Length), temporary);
            Assert.DoesNotContain('\uFFFD', temporary); // cut between letters
            Assert.StartsWith(AtomicFile.NameOf(temporary)!, name, StringComparison.Ordinal);
            File.Delete(At(name));
        }
        Assert.Null(AtomicFile.NameOf("a.pt.12345678.unfinished"));
        Assert.Null(AtomicFile.NameOf(".a.pt.1234567.unfinishe"));
        Assert.Equal("", AtomicFile.NameOf("..12345678.unfinished"));
        Assert.Null(AtomicFile.NameOf(".12345678.unfinished"));
    }

    [Fact]
    public void A_file_that_may_not_be_written_is_not_replaced()
    {
        Checkpoint.Save(At("a.pt"), new() { { "x", 1 } });
        File.SetAttributes(At("a.pt"), FileAttributes.ReadOnly);
        Assert.Equal($"'{At("a.pt")}' is read-only, and was not replaced.", Assert.Throws<UnauthorizedAccessException>(() => Checkpoint.Save(At("a.pt"), new() { { "x", 2 } })).Message);
        Assert.Equal(1, Checkpoint.Load(At("a.pt")).GetInt64("x"));
        Assert.Single(Directory.GetFiles(folder));
        File.SetAttributes(At("a.pt"), FileAttributes.Normal);
    }

    [Fact]
    public void A_link_to_another_folder_stays_one()
    {
        if (OperatingSystem.IsWindows())
            return;
        string other = Directory.CreateDirectory(At("other")).FullName, target = Path.Combine(other, "real.pt");
        Checkpoint.Save(target, new() { { "x", 1 } });
        File.CreateSymbolicLink(At("middle.pt"), target);
        File.CreateSymbolicLink(At("latest.pt"), At("middle.pt")); // a link to a link
        Checkpoint.Save(At("latest.pt"), new() { { "x", 2 } });
        Assert.Equal(At("middle.pt"), File.ResolveLinkTarget(At("latest.pt"), false)!.FullName);
        Assert.Equal(2, Checkpoint.Load(target).GetInt64("x"));
        Assert.Equal([target], Directory.GetFileSystemEntries(other));
        File.CreateSymbolicLink(At("a.pt"), At("b.pt"));
        File.CreateSymbolicLink(At("b.pt"), At("a.pt")); // to itself
        Assert.ThrowsAny<IOException>(() => Checkpoint.Save(At("a.pt"), []));
        Assert.NotNull(new FileInfo(At("a.pt")).LinkTarget);
        File.CreateSymbolicLink(At("folder.pt"), other);
        Assert.Contains("is a folder", Assert.Throws<IOException>(() => Checkpoint.Save(At("folder.pt"), [])).Message, StringComparison.Ordinal);
    }

    /// <summary>A file system of one megabyte, where this process may make one.</summary>
    [Fact]
    public void A_full_disk_leaves_what_was_there()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() && Mount("-t", "tmpfs", "-o", "size=1m", "tmpfs", folder), "A file system of its own can't be mounted here.");
        try
        {
            var small = new StateDict { { "a", TensorData.Of(new byte[200_000], 200_000) }, { "b", TensorData.Of(new byte[200_000], 200_000) } };
            var large = new StateDict { { "a", TensorData.Of(new byte[500_000], 500_000) }, { "b", TensorData.Of(new byte[500_000], 500_000) } };
            var parts = new CheckpointSaveOptions { MaxShardBytes = 200_000 };
            foreach (var (name, options) in new[] { ("a.pt", null), ("a.safetensors", null), ("b.safetensors", parts) })
            {
                Checkpoint.Save(At(name), small, options);
                string[] before = [.. Directory.GetFiles(folder).Order()];
                Assert.Throws<IOException>(() => Checkpoint.Save(At(name), large, options));
                Assert.Equal(before, Directory.GetFiles(folder).Order());
                Assert.Equal(200_000, Checkpoint.Load(At(name)).GetTensor("b").Count);
                foreach (string file in before)
                    File.Delete(file);
            }
        }
        finally
        {
            using var process = Process.Start("umount", folder);
            process.WaitForExit();
        }
    }

    static bool Mount(params string[] arguments)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo("mount", arguments) { RedirectStandardError = true })!;
            process.WaitForExit();
            return process.ExitCode == 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;
        }
    }
}
