using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;

namespace OptimSharp.Tool;

/// <summary>The program: its commands, and what becomes of errors.</summary>
static class Tool
{
    /// <summary>Runs a command line.</summary>
    /// <returns>An <see cref="ExitCode"/>.</returns>
    public static int Run(IReadOnlyList<string> arguments, Screen screen)
    {
        var root = Root(screen);
        var line = root.Parse(arguments, new() { ResponseFileTokenReplacer = null }); // a name may begin with @
        if (line.Action is ParseErrorAction)
        {
            screen.Error(UsageError.Of(line));
            return ExitCode.Failed;
        }
        return line.Invoke(new() { Output = screen.Output, Error = screen.ErrorOutput, EnableDefaultExceptionHandler = false });
    }

    /// <summary>What a command does, with errors of files and arguments as one line.</summary>
    public static int Guard(Screen screen, Func<int> action)
    {
        try
        {
            return action();
        }
        catch (Exception e) when (e is ToolException or IOException or UnauthorizedAccessException or StateDictException or ArgumentException or InvalidOperationException or NotSupportedException or OutOfMemoryException or OverflowException)
        {
            screen.Error(ErrorText.Of(e));
            return ExitCode.Failed;
        }
        catch (InterruptedException e)
        {
            screen.Error(e.Message);
            return e.Code;
        }
    }

    static RootCommand Root(Screen screen)
    {
        var root = Commands(screen);
        var help = root.Options.OfType<HelpOption>().Single();
        help.Aliases.Remove("/?"); // may be a file
        help.Aliases.Remove("/h");
        help.Action = new NamedHelp((SynchronousCommandLineAction)help.Action!);
        return root;
    }

    static RootCommand Commands(Screen screen) => new("Looks at checkpoints and learning-rate schedules of PyTorch and OptimSharp.")
    {
        new Command("checkpoint", "Looks into checkpoint files, and makes new ones of them.")
        {
            InspectCommand.Make(screen),
            StatCommand.Make(screen),
            DiffCommand.Make(screen),
            VerifyCommand.Make(screen),
            ConvertCommand.Make(screen),
            AverageCommand.Make(screen),
            PrefixCommand.Make(screen),
            ExtractCommand.Make(screen),
        },
        ScheduleCommand.Make(screen),
        PlanCommand.Make(screen),
        CompletionCommand.Make(screen),
    };
}
