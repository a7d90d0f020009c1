using System.Text;
using OptimSharp.Conformance;

namespace OptimSharp.Tool.Tests;

/// <summary>
/// What docs/tool shows is what the commands write now. A block of "console" has lines "$ optimsharp …", each with what it writes below; "$ echo $?" tells what the last one ended
/// with. With OPTIMSHARP_UPDATE set the pages are written instead of compared.
/// </summary>
[Collection(nameof(CurrentFolder))]
public class PageTests
{
    const string Start = "```console\n", End = "```";

    static string Folder { get; } = Path.Combine(GoldenFiles.RepositoryRoot(), "docs", "tool");

    public static TheoryData<string> Pages => [.. Directory.GetFiles(Folder, "*.md").Select(page => Path.GetFileName(page)).Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Pages))]
    public void A_page_shows_what_the_commands_write(string page)
    {
        string path = Path.Combine(Folder, page), text = File.ReadAllText(path);
        string made = InCopyOfFixtures(() => Made(text));
        if (Environment.GetEnvironmentVariable("OPTIMSHARP_UPDATE") is { Length: > 0 })
            File.WriteAllText(path, made);
        else
            Assert.Equal(text, made);
    }

    [Fact]
    public void Each_command_is_shown()
    {
        string all = string.Concat(Directory.GetFiles(Folder, "*.md").Select(File.ReadAllText));
        foreach (string command in (string[])["checkpoint inspect", "checkpoint stat", "checkpoint diff", "checkpoint convert", "checkpoint verify", "checkpoint average", "checkpoint prefix strip", "checkpoint prefix add", "checkpoint extract", "schedule", "plan"])
            Assert.Contains($"$ optimsharp {command} ", all, StringComparison.Ordinal);
    }

    static string Made(string text)
    {
        var made = new StringBuilder();
        while (text.IndexOf(Start, StringComparison.Ordinal) is >= 0 and var at)
        {
            made.Append(text, 0, at + Start.Length);
            text = text[(at + Start.Length)..];
            int end = text.StartsWith(End, StringComparison.Ordinal) ? 0 : text.IndexOf('\n' + End, StringComparison.Ordinal) + 1;
            int code = 0;
            foreach (string line in text[..end].Split('\n').Where(line => line.StartsWith("$ ", StringComparison.Ordinal)))
            {
                made.Append(line).Append('\n');
                if (line == "$ echo $?")
                {
                    made.Append(code).Append('\n');
                    continue;
                }
                string[] words = Words(line[2..]);
                Assert.Equal("optimsharp", words[0]);
                var run = ToolRun.Of(words[1..]);
                code = run.Code;
                made.Append(run.Output).Append(run.Error);
            }
            text = text[end..];
        }
        return made.Append(text).ToString();
    }

    /// <summary>As a shell takes a line apart: by spaces, but not within quotes.</summary>
    static string[] Words(string line)
    {
        var words = new List<string>();
        foreach (var (i, part) in line.Split('"').Index())
        {
            if (i % 2 == 1)
                words.Add(part);
            else
                words.AddRange(part.Split(' ', StringSplitOptions.RemoveEmptyEntries));
        }
        return [.. words];
    }

    static T InCopyOfFixtures<T>(Func<T> work)
    {
        using var files = new Files();
        string from = Path.Combine(Files.Fixtures, "tool"), before = Environment.CurrentDirectory;
        foreach (string file in Directory.GetFiles(from, "*", SearchOption.AllDirectories))
        {
            string to = files.New(Path.GetRelativePath(from, file));
            Directory.CreateDirectory(Path.GetDirectoryName(to)!);
            File.Copy(file, to);
        }
        Environment.CurrentDirectory = files.Folder;
        try
        {
            return work();
        }
        finally
        {
            Environment.CurrentDirectory = before;
        }
    }
}

/// <summary>Tests that need the process's current folder for themselves.</summary>
[CollectionDefinition(nameof(CurrentFolder), DisableParallelization = true)]
public static class CurrentFolder;
