using System.CommandLine;

namespace OptimSharp.Tool;

/// <summary><c>checkpoint prefix</c>: what the names of a model's tensors begin with.</summary>
static class PrefixCommand
{
    public static Command Make(Screen screen) => new("prefix", "Takes a prefix off the names of a model's tensors, or puts one on.")
    {
        Make(screen, "strip", "Takes a prefix off: module. (DataParallel), _orig_mod. (torch.compile), model. (Lightning).", isOff: true),
        Make(screen, "add", "Puts a prefix on.", isOff: false),
    };

    /// <summary>Without a prefix.</summary>
    /// <exception cref="ToolException">No name has it.</exception>
    public static StateDict Strip(StateDict state, string prefix, out int changed)
    {
        string[] names = [.. state.Keys.Select(key => key.Name).OfType<string>()];
        changed = names.Count(name => name.StartsWith(prefix, StringComparison.Ordinal));
        return changed > 0 ? state.WithoutPrefix(prefix)
            : throw new ToolException($"No name begins with '{prefix}'; they are: {string.Join(", ", names.Take(3).Select(name => Printable.Of(name, 60)))}{(names.Length > 3 ? ", …" : "")}.");
    }

    static Command Make(Screen screen, string name, string description, bool isOff)
    {
        var prefix = new Argument<string>("prefix") { Description = "the prefix, with its dot", HelpName = "PREFIX" };
        var file = OpenedCheckpoint.Argument();
        var path = CommonOptions.Path();
        var json = CommonOptions.Json();
        var output = new OutputFile();
        var command = new Command(name, description + " What else the file has stays.") { prefix, file, path, json };
        output.AddTo(command);
        command.SetAction(line => Tool.Guard(screen, () =>
        {
            string text = line.GetRequiredValue(prefix);
            if (text.Length == 0)
                throw new ToolException("The prefix is empty.");
            output.Check(line);
            var opened = output.Open(line, line.GetRequiredValue(file));
            var (place, model) = line.GetValue(path) is { } given ? (given, StateSearch.At(opened, given)) : StateSearch.FindModel(opened);
            int changed = model.Count;
            var renamed = isOff ? Strip(model, text, out changed) : model.WithPrefix(text);
            var all = place.Length == 0 ? renamed : With(opened, place, renamed);
            var written = output.Save(screen, line, all);
            if (line.GetValue(json))
            {
                var result = written.Json();
                result["path"] = place;
                result["renamed"] = changed;
                screen.Write(result);
                return ExitCode.Good;
            }
            foreach (string said in written.Lines())
                screen.Line(said);
            screen.Line($"{changed} of {model.Count} names changed{(place.Length > 0 ? $", of '{Printable.Of(place)}'" : "")}");
            return ExitCode.Good;
        }));
        return command;
    }

    /// <summary>All of a file, with another dictionary at a place.</summary>
    static StateDict With(OpenedCheckpoint file, string place, StateDict part)
    {
        var all = file.Dictionary().Clone();
        if (!all.ContainsKey(place))
            throw new ToolException($"Names can be changed in the file's own entries, but '{place}' is deeper: 'extract' it first.");
        all[place] = part;
        return all;
    }
}
