using System.CommandLine;

namespace OptimSharp.Tool;

/// <summary><c>completion</c>: the script that lets a shell complete commands, options and names.</summary>
static class CompletionCommand
{
    public static Command Make(Screen screen) => new("completion", "Prints the script that lets a shell complete command lines of optimsharp.")
    {
        Make(screen, "bash", "optimsharp.bash", "For bash: eval \"$(optimsharp completion bash)\" in ~/.bashrc."),
        Make(screen, "zsh", "optimsharp.zsh", "For zsh: eval \"$(optimsharp completion zsh)\" in ~/.zshrc, after compinit."),
        CandidatesCommand.Make(screen),
        Make(screen, "powershell", "optimsharp.ps1", "For PowerShell: optimsharp completion powershell | Out-String | Invoke-Expression in $PROFILE."),
    };

    static Command Make(Screen screen, string name, string resource, string description)
    {
        var command = new Command(name, description);
        command.SetAction(_ =>
        {
            using var reader = new StreamReader(typeof(CompletionCommand).Assembly.GetManifestResourceStream(resource)!);
            screen.Output.Write(reader.ReadToEnd());
            return ExitCode.Good;
        });
        return command;
    }
}
