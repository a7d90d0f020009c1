using System.Diagnostics;

namespace OptimSharp.Tool.Tests;

/// <summary>The tool as a process: what a shell and other programs see of it.</summary>
public class ProcessTests
{
    static readonly string program = Path.Combine(AppContext.BaseDirectory, "OptimSharp.Tool.dll");

    [Fact]
    public async Task Exit_codes_are_those_of_the_page()
    {
        string a = Files.Fixture("epoch0.pt"), b = Files.Fixture("epoch1.pt");
        Assert.Equal(0, (await RunAsync("checkpoint", "diff", a, a)).Code);
        Assert.Equal(1, (await RunAsync("checkpoint", "diff", a, b)).Code);
        Assert.Equal(1, (await RunAsync("checkpoint", "verify", Files.Fixture("cut.pt"))).Code);
        Assert.Equal(2, (await RunAsync("checkpoint", "inspect", Files.Fixture("cut.pt"))).Code);
        Assert.Equal(2, (await RunAsync("checkpoint", "inspect", "nothing.pt")).Code);
        Assert.Equal(2, (await RunAsync("checkpoint", "look", a)).Code);
        Assert.Equal(2, (await RunAsync("checkpoint", "diff", a)).Code);
        Assert.Equal(2, (await RunAsync("schedule", "StepLR(10)", "--steps", "many")).Code);
        Assert.Equal(2, (await RunAsync()).Code);
        Assert.Equal(0, (await RunAsync("--help")).Code);
        Assert.Equal(0, (await RunAsync("--version")).Code);
    }

    [Fact]
    public async Task Errors_are_on_standard_error_and_name_the_help()
    {
        var (_, output, error) = await RunAsync("checkpoint", "stat");
        Assert.Empty(output);
        Assert.All(error.Split('\n', StringSplitOptions.RemoveEmptyEntries), line => Assert.StartsWith("optimsharp: ", line, StringComparison.Ordinal));
        Assert.Contains("See optimsharp checkpoint stat --help", error, StringComparison.Ordinal);
        (_, output, error) = await RunAsync("checkpoint", "stat", "nothing.pt", "--json");
        Assert.Empty(output);
        Assert.Equal("optimsharp: There is no file 'nothing.pt'.\n", error);
    }

    [Fact]
    public async Task A_pipe_gets_the_same_text_as_this_process()
    {
        foreach (string[] command in (string[][])[["checkpoint", "inspect", Files.Fixture("lightning.ckpt")], ["checkpoint", "stat", Files.Fixture("sharded")], ["plan", Files.Fixture("gpt2-shapes.pt")], ["schedule", "StepLR(30)"]])
            Assert.Equal(ToolRun.Good(command).Output, (await RunAsync(command)).Output);
    }

    [Fact]
    public async Task A_checkpoint_may_come_through_a_pipe()
    {
        var (code, output, _) = await RunAsync(["checkpoint", "stat", "-", "--json"], input: Files.Fixture("epoch0.pt"));
        Assert.Equal(0, code);
        Assert.Equal(ToolRun.Good("checkpoint", "stat", Files.Fixture("epoch0.pt"), "--json").Output.Replace(Files.Fixture("epoch0.pt"), "-", StringComparison.Ordinal), output);
    }

    [Fact]
    public async Task A_pipe_may_have_a_name()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Named pipes are another thing elsewhere.");
        string file = Files.Fixture("epoch0.pt");
        var (code, output, error) = await ShellAsync($"cat '{file}' | dotnet '{program}' checkpoint stat /dev/stdin --json; dotnet '{program}' checkpoint verify <(cat '{file}')");
        Assert.Equal((0, ""), (code, error));
        Assert.StartsWith(ToolRun.Good("checkpoint", "stat", file, "--json").Output.Replace(file, "/dev/stdin", StringComparison.Ordinal), output, StringComparison.Ordinal);
        Assert.Contains(": good: PyTorch, 9 tensors", output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("INT", ExitCode.Interrupted)]
    [InlineData("TERM", ExitCode.Terminated)]
    public async Task Stopped_in_the_middle_it_leaves_nothing_behind(string signal, int exit)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Signals are another thing elsewhere.");
        using var files = new Files();
        string large = files.Save("large.pt", new() { { "x", Vector.Of(new float[48 << 20]) } });
        string line = $"dotnet '{program}' checkpoint convert '{large}' '{files.New("out.pt")}' --dtype float64";
        var (code, output, error) = await ShellAsync($"""
            env --default-signal=INT {line} &
            while ! ls -A '{files.Folder}' | grep -q unfinished; do kill -0 $! || exit 99; sleep 0.01; done
            kill -{signal} $!
            wait $!
            """);
        Assert.Equal((exit, "", "optimsharp: stopped; nothing was written\n"), (code, output, error));
        Assert.Equal([large], Directory.GetFiles(files.Folder));
    }

    [Fact]
    public async Task Stopped_on_a_terminal_it_shows_the_cursor_again()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() && File.Exists("/usr/bin/script"), "There is no 'script' to be a terminal.");
        using var files = new Files();
        string large = files.Save("large.pt", new() { { "x", Vector.Of(new float[48 << 20]) } });
        string line = $"env --default-signal=INT dotnet '{program}' checkpoint convert '{large}' '{files.New("out.pt")}' --dtype float64";
        string output = (await ShellAsync($$"""
            TERM=xterm-256color script -qec "{{line}}" /dev/null &
            while ! ls -A '{{files.Folder}}' | grep -q unfinished; do kill -0 $! || exit 99; sleep 0.01; done
            pkill -TERM -f "^dotnet .*{{files.New("out.pt")}}"
            wait $!
            """)).Output;
        Assert.True(output.LastIndexOf("\u001b[?25h", StringComparison.Ordinal) > output.LastIndexOf("\u001b[?25l", StringComparison.Ordinal), output);
        Assert.Equal([large], Directory.GetFiles(files.Folder));
    }

    [Fact]
    public async Task Who_stops_reading_ends_it_without_a_word()
    {
        if (OperatingSystem.IsWindows())
            return;
        var (code, output, error) = await ShellAsync($"set -o pipefail; dotnet '{program}' schedule 'StepLR(30)' --steps 200000 --csv - | head -1");
        Assert.Equal(("step,lr\n", ""), (output, error));
        Assert.NotEqual(2, code);
    }

    [Fact]
    public async Task Colours_are_for_terminals_and_NO_COLOR_takes_them_away()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() && File.Exists("/usr/bin/script"), "There is no 'script' to be a terminal.");
        string line = $"dotnet '{program}' checkpoint inspect '{Files.Fixture("epoch0.pt")}'";
        Assert.Contains("\u001b[", (await ShellAsync($"TERM=xterm-256color script -qec \"{line}\" /dev/null")).Output, StringComparison.Ordinal);
        string plain = (await ShellAsync($"NO_COLOR=1 TERM=xterm-256color script -qec \"{line}\" /dev/null")).Output;
        Assert.DoesNotMatch("\u001b\\[[0-9;]*[34][0-9;]*m", plain);
        Assert.Contains("embed.weight", plain, StringComparison.Ordinal);
        Assert.DoesNotContain('\u001b', (await ShellAsync($"TERM=xterm-256color {line}")).Output);
    }

    [Fact]
    public async Task A_table_wider_than_the_terminal_is_all_there()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() && File.Exists("/usr/bin/script"), "There is no 'script' to be a terminal.");
        string line = $"stty cols 60; dotnet '{program}' checkpoint stat '{Files.Fixture("lightning.ckpt")}'";
        string output = (await ShellAsync($"TERM=xterm-256color script -qec \"{line}\" /dev/null")).Output;
        Assert.Contains("optimizer_states[0].state.5.exp_avg_sq", output, StringComparison.Ordinal);
        Assert.DoesNotContain('…', output);
    }

    [Fact]
    public async Task A_long_file_has_a_bar_on_a_terminal_and_nothing_elsewhere()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() && File.Exists("/usr/bin/script"), "There is no 'script' to be a terminal.");
        using var files = new Files();
        string large = files.Save("large.safetensors", new() { { "x", Vector.Of(new float[20 << 20]) } });
        string line = $"dotnet '{program}' checkpoint stat '{large}'";
        string onTerminal = (await ShellAsync($"TERM=xterm-256color script -qec \"{line}\" /dev/null")).Output;
        Assert.Contains("100%", onTerminal, StringComparison.Ordinal);
        var (code, output, error) = await ShellAsync(line);
        Assert.Equal((0, ""), (code, error));
        Assert.DoesNotContain('%', output);
    }

    [Fact]
    public async Task Shells_complete_commands_options_and_names()
    {
        Assert.Contains("inspect\n", await SuggestAsync("optimsharp checkpoint "), StringComparison.Ordinal);
        Assert.Contains("--max-shard\n", await SuggestAsync("optimsharp checkpoint convert --m"), StringComparison.Ordinal);
        Assert.Equal("StepLR(\nMultiStepLR(\n".Split('\n').Order(), (await SuggestAsync("optimsharp schedule StepLR")).Split('\n').Order());
        Assert.Contains("bfloat16\n", await SuggestAsync("optimsharp checkpoint convert --dtype "), StringComparison.Ordinal);
    }

    /// <summary>What somebody types, with Tab, and what the program is given then.</summary>
    static readonly (string Typed, string Given)[] typed =
    [
        ("optimsharp checkpoint ver\tx", "<checkpoint><verify><x>"),
        ("optimsharp schedule Ste\tste\t30)\" --js\t", "<schedule><StepLR(step_size=30)><--json>"),
        ("optimsharp schedule \"Ste\t30)\"", "<schedule><StepLR(30)>"),
        ("optimsharp schedule 'Ste\t30)'", "<schedule><StepLR(30)>"),
        ("optimsharp schedule \"SequentialLR([Line\t0.1), Ste\t30)], mil\t[5])\"", "<schedule><SequentialLR([LinearLR(0.1), StepLR(30)], milestones=[5])>"),
        ("optimsharp plan --optimizer=AdamWS\tx", "<plan><--optimizer=AdamWScheduleFree><x>"),
        ("optimsharp plan --optimizer Lio\tx", "<plan><--optimizer><Lion><x>"),
        ("optimsharp checkpoint convert a b --dtype=bf\t--fo\t", "<checkpoint><convert><a><b><--dtype=bfloat16><--force>"),
        ("optimsharp checkpoint inspect mymod\t", "<checkpoint><inspect><mymodel.pt>"),
    ];

    [Theory]
    [InlineData("bash", "/bin/bash", "--norc --noprofile -i")]
    [InlineData("zsh", "/usr/bin/zsh", "-f -i")]
    public async Task Tab_completes_in_a_shell(string name, string shell, string options)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() && File.Exists("/usr/bin/script") && File.Exists(shell), $"There is no {name}, or no 'script' to be a terminal.");
        using var files = new Files();
        await File.WriteAllTextAsync(files.New("mymodel.pt"), "", TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(files.New("start"), $$"""
            {{(name == "zsh" ? "autoload -U compinit; compinit -u -D" : "")}}
            optimsharp() { if [ "$1" = completion ]; then dotnet '{{program}}' "$@"; else printf '<%s>' "$@" >> given; echo >> given; fi; }
            eval "$(optimsharp completion {{name}})"
            """, TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(files.New("keys"), string.Concat(typed.Select(line => line.Typed + "\n")) + "exit\n", TestContext.Current.CancellationToken);
        await ShellAsync($"cd '{files.Folder}'; {{ sleep 1; echo '. ./start'; sleep 3; cat keys; }} | TERM=dumb timeout 120 script -qec '{shell} {options}' /dev/null");
        Assert.Equal(typed.Select(line => line.Given), await File.ReadAllLinesAsync(files.New("given"), TestContext.Current.CancellationToken));
    }

    static async Task<string> SuggestAsync(string line) => (await RunAsync($"[suggest:{line.Length}]", line)).Output;

    static Task<(int Code, string Output, string Error)> RunAsync(params string[] arguments) => RunAsync(arguments, null);

    static Task<(int Code, string Output, string Error)> RunAsync(string[] arguments, string? input) => StartAsync(new("dotnet", [program, .. arguments]), input);

    static Task<(int Code, string Output, string Error)> ShellAsync(string command) => StartAsync(new("/bin/bash", ["-c", command]), null);

    static async Task<(int Code, string Output, string Error)> StartAsync(ProcessStartInfo start, string? input)
    {
        (start.RedirectStandardOutput, start.RedirectStandardError, start.RedirectStandardInput) = (true, true, true);
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        if (input is not null)
        {
            await using var file = File.OpenRead(input);
            await file.CopyToAsync(process.StandardInput.BaseStream);
        }
        process.StandardInput.Close();
        await process.WaitForExitAsync();
        return (process.ExitCode, (await output).ReplaceLineEndings("\n"), (await error).ReplaceLineEndings("\n"));
    }
}
