using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace OptimSharp.Tool;

/// <summary>What commands write to: a terminal, or a file or pipe that gets the same as plain text.</summary>
sealed class Screen
{
    /// <summary>So wide that nothing is broken or left out. A terminal breaks long lines itself.</summary>
    const int Endless = 1 << 16;

    static readonly JsonSerializerOptions indented = new() { WriteIndented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    readonly IAnsiConsole? terminal;
    readonly IAnsiConsole? errorTerminal;

    Screen(TextWriter output, TextWriter error, IAnsiConsole? terminal, IAnsiConsole? errorTerminal) => (Output, ErrorOutput, this.terminal, this.errorTerminal) = (output, error, terminal, errorTerminal);

    public TextWriter Output { get; }

    public TextWriter ErrorOutput { get; }

    /// <summary>The process's own, whatever that is connected to.</summary>
    public static Screen OfConsole()
    {
        if (OperatingSystem.IsWindows())
            Console.OutputEncoding = Encoding.UTF8;
        if (!Console.IsOutputRedirected)
            AnsiConsole.Profile.Width = Endless;
        return new(Console.Out, Console.Error, Console.IsOutputRedirected ? null : AnsiConsole.Console,
            Console.IsErrorRedirected ? null : AnsiConsole.Create(new() { Out = new AnsiConsoleOutput(Console.Error) }));
    }

    /// <summary>Two texts.</summary>
    public static Screen Of(TextWriter output, TextWriter error) => new(output, error, null, null);

    public void Line(string text = "") => Output.WriteLine(text);

    public void Error(string text) => ErrorOutput.WriteLine($"optimsharp: {Printable.Of(text)}");

    /// <summary>Something with lines and colours, of which a file or pipe gets the lines.</summary>
    public void Write(IRenderable what)
    {
        if (terminal is not null)
        {
            terminal.Write(what);
            return;
        }
        var text = new StringWriter();
        var plain = AnsiConsole.Create(new() { Ansi = AnsiSupport.No, ColorSystem = ColorSystemSupport.NoColors, Interactive = InteractionSupport.No, Out = new AnsiConsoleOutput(text) });
        plain.Profile.Width = Endless;
        plain.Profile.Capabilities.Unicode = true;
        plain.Write(what);
        string all = text.ToString().ReplaceLineEndings("\n");
        foreach (string line in all.Split('\n').Select(line => line.TrimEnd()).SkipWhile(line => line.Length == 0).Reverse().SkipWhile(line => line.Length == 0).Reverse())
            Output.WriteLine(line);
    }

    public void Write(JsonNode json) => Output.WriteLine(json.ToJsonString(indented));

    /// <summary>Does something that takes long, with a bar on a terminal. It can be stopped where it reports.</summary>
    /// <param name="title">What it is.</param>
    /// <param name="total">How many bytes there are to be gone through.</param>
    /// <param name="work">Is given what to tell about bytes that were.</param>
    /// <param name="isLast">Whether it is the command's last work, and done when it returns: then it is too late to stop it.</param>
    /// <exception cref="InterruptedException">The user has stopped it.</exception>
    public T Progress<T>(string title, long total, Func<IProgress<long>, T> work, bool isLast = false)
    {
        const long Long = 64 << 20;
        using var interruption = new Interruption();
        var result = errorTerminal is null || total < Long ? work(new Bar(_ => interruption.Check())) : WithBar(errorTerminal, title, total, work, interruption);
        if (!isLast)
            interruption.Check();
        return result;
    }

    static T WithBar<T>(IAnsiConsole terminal, string title, long total, Func<IProgress<long>, T> work, Interruption interruption) =>
        terminal.Progress().AutoClear(true).Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new RemainingTimeColumn()).Start(context =>
        {
            var task = context.AddTask(Markup.Escape(Printable.Of(title)), maxValue: total);
            return work(new Bar(bytes =>
            {
                task.Increment(bytes);
                interruption.Check();
            }));
        });

    /// <summary>Tells at once, on the thread that reports.</summary>
    sealed class Bar(Action<long> tell) : IProgress<long>
    {
        public void Report(long value) => tell(value);
    }
}
