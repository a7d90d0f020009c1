using System.CommandLine;

namespace OptimSharp.Tool;

/// <summary><c>checkpoint convert</c>: another format, several files or one, another type of numbers.</summary>
static class ConvertCommand
{
    public static Command Make(Screen screen)
    {
        var file = OpenedCheckpoint.Argument();
        var output = new OutputFile(new Argument<string>("output") { Description = "the file to write; its name says the format: .pt, .pth, .ckpt, .bin, .safetensors", HelpName = "OUTPUT" });
        var dtype = new Option<string?>("--dtype") { Description = "convert floating-point tensors to this type, but not the states of optimizers", HelpName = "TYPE" };
        dtype.CompletionSources.Add([.. ElementTypeNames.Floats.Select(type => type.Name())]);
        var json = CommonOptions.Json();
        var command = new Command("convert", "Writes a checkpoint in another format or type: PyTorch, safetensors, several files with an index.") { file, dtype, json };
        output.AddTo(command);
        command.SetAction(line => Tool.Guard(screen, () =>
        {
            ElementType? type = line.GetValue(dtype) is { } name ? ElementTypeNames.ParseFloat(name) : null;
            output.Check(line);
            var opened = output.Open(line, line.GetRequiredValue(file));
            var state = opened.Dictionary();
            int converted = 0, kept = 0;
            if (type is { } to)
            {
                string[] optimizers = [.. OptimizersIn(state, "")];
                state = state.WithFloats(to, (path, tensor) =>
                {
                    bool isState = optimizers.Any(place => path == place || path.StartsWith(place, StringComparison.Ordinal) && (place.Length == 0 || path[place.Length] is '.' or '['));
                    (converted, kept) = isState ? (converted, kept + 1) : (converted + 1, kept);
                    return !isState;
                });
            }
            var written = output.Save(screen, line, state);
            if (line.GetValue(json))
            {
                var result = written.Json();
                result["converted"] = converted;
                screen.Write(result);
                return ExitCode.Good;
            }
            foreach (string text in written.Lines())
                screen.Line(text);
            if (type is { } now)
                screen.Line($"{converted} {(converted == 1 ? "tensor" : "tensors")} converted to {now.Name()}{(kept > 0 ? $"; {kept} of an optimizer's state kept as they were" : "")}");
            if (opened.Value is PythonObject thing)
                screen.Line($"note: the file has an object of '{Printable.Of(thing.Type, 100)}'; its state dict was written");
            if (written.IsSafetensors && state.Any(entry => entry.Value is not TensorData))
                screen.Line("note: more than tensors by name; other programs than OptimSharp read the tensors only ('extract model' gives a model alone)");
            return ExitCode.Good;
        }));
        return command;
    }

    /// <summary>Where optimizers' states are. Their types are theirs: a count of steps in bfloat16 would stop at 256.</summary>
    static IEnumerable<string> OptimizersIn(object? value, string path) => value switch
    {
        StateDict dict when StateSearch.IsOptimizers(dict) => [path],
        StateDict dict => dict.SelectMany(entry => OptimizersIn(entry.Value, StateWalk.Join(path, entry.Key.ToString()))),
        IReadOnlyList<object?> list => list.SelectMany((item, i) => OptimizersIn(item, $"{path}[{i}]")),
        _ => [],
    };
}
