using System.CommandLine;

namespace OptimSharp.Tool;

/// <summary><c>checkpoint extract</c>: a part of a checkpoint as a file of its own, most often the model.</summary>
static class ExtractCommand
{
    public static Command Make(Screen screen)
    {
        var what = new Argument<string>("what")
        {
            Description = "'model': the model's tensors, wherever the program that saved them put them; or a path, as state_dict or optimizer_states[0]",
            HelpName = "WHAT",
        };
        what.CompletionSources.Add(StateSearch.Model);
        var file = OpenedCheckpoint.Argument();
        var strip = new Option<string?>("--strip-prefix") { Description = "take this off the names, as model. (Lightning), module. (DataParallel), _orig_mod. (torch.compile)", HelpName = "PREFIX" };
        var json = CommonOptions.Json();
        var output = new OutputFile();
        var command = new Command("extract", "Writes a part of a checkpoint to a file of its own: the model out of a training checkpoint.") { what, file, strip, json };
        output.AddTo(command);
        command.SetAction(line => Tool.Guard(screen, () =>
        {
            output.Check(line);
            var opened = output.Open(line, line.GetRequiredValue(file));
            var (path, state) = Part(opened, line.GetRequiredValue(what));
            if (line.GetValue(strip) is { } prefix)
                state = PrefixCommand.Strip(state, prefix, out _);
            var written = output.Save(screen, line, state);
            if (line.GetValue(json))
            {
                var result = written.Json();
                result["path"] = path;
                screen.Write(result);
                return ExitCode.Good;
            }
            foreach (string text in written.Lines())
                screen.Line(text);
            screen.Line($"it is {(path.Length > 0 ? $"'{Printable.Of(path)}'" : "all")} of {Printable.Of(opened.Name)}{PrefixNote(state)}");
            return ExitCode.Good;
        }));
        return command;
    }

    static (string Path, StateDict State) Part(OpenedCheckpoint file, string what)
    {
        if (what != StateSearch.Model)
            return (what, StateSearch.At(file, what));
        return StateSearch.FindModel(file);
    }

    /// <summary>A prefix that all names have is most often a wrapper's.</summary>
    static string PrefixNote(StateDict state)
    {
        string[] names = [.. state.Keys.Select(key => key.Name).OfType<string>()];
        string[] wrappers = ["model.", "module.", "_orig_mod.", "_forward_module."];
        return wrappers.FirstOrDefault(prefix => names.Length > 0 && names.All(name => name.StartsWith(prefix, StringComparison.Ordinal))) is { } wrapper
            ? $"; all names begin with '{wrapper}' (--strip-prefix {wrapper} takes it off)" : "";
    }
}
