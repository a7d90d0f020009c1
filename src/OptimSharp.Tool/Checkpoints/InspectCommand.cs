using System.CommandLine;
using System.Text.Json.Nodes;

namespace OptimSharp.Tool;

/// <summary><c>checkpoint inspect</c>: what is in a file.</summary>
static class InspectCommand
{
    public static Command Make(Screen screen)
    {
        var file = OpenedCheckpoint.Argument();
        var depth = new Option<int?>("--depth") { Description = "how many levels to show, ≥ 1; default all" };
        var json = CommonOptions.Json();
        var command = new Command("inspect", "Shows what is in a checkpoint: names, shapes, types, sizes. Objects of classes are shown, and nothing is run.") { file, depth, json };
        command.SetAction(line => Tool.Guard(screen, () =>
        {
            if (line.GetValue(depth) is < 1)
                throw new ToolException($"--depth must be ≥ 1, but is {line.GetValue(depth)}.");
            var opened = OpenedCheckpoint.Open(line.GetRequiredValue(file));
            if (line.GetValue(json))
                screen.Write(Json(opened));
            else
                Show(screen, opened, line.GetValue(depth) ?? int.MaxValue);
            return ExitCode.Good;
        }));
        return command;
    }

    static void Show(Screen screen, OpenedCheckpoint opened, int depth)
    {
        var tensors = StateWalk.Tensors(opened.Value);
        var all = new Contents(tensors.Select(t => t.Tensor));
        screen.Write(StateTree.Of($"{Printable.Of(opened.Name)}: {opened.Format}, {Sizes.Text(opened.Bytes ?? 0)}", opened.Value, depth));
        screen.Line();
        screen.Line(all.ToString());
        foreach (var (name, text) in MetadataOf(opened))
            screen.Line($"metadata {Printable.Of(name, 60)}: {Printable.Of(text, 200)}");
    }

    static JsonObject Json(OpenedCheckpoint opened)
    {
        var tensors = new JsonArray();
        var values = new JsonArray();
        foreach (var (path, value) in StateWalk.Over(opened.Value))
        {
            if (value is TensorData tensor)
                tensors.Add(new JsonObject { ["name"] = path, ["shape"] = ShapeOf(tensor), ["dtype"] = tensor.ElementType.Name(), ["bytes"] = tensor.Bytes });
            else if (value is PythonObject thing)
                values.Add(new JsonObject { ["name"] = path, ["kind"] = "object", ["class"] = thing.Type });
            else
                values.Add(new JsonObject { ["name"] = path, ["kind"] = ValueText.JsonKind(value), ["value"] = ValueText.Json(value) });
        }
        var metadata = new JsonObject();
        foreach (var (name, text) in MetadataOf(opened))
            metadata[name] = text;
        return new() { ["file"] = opened.Name, ["format"] = opened.Format, ["bytes"] = opened.Bytes, ["tensors"] = tensors, ["values"] = values, ["metadata"] = metadata };
    }

    static JsonArray ShapeOf(TensorData tensor) => [.. tensor.Shape.ToArray().Select(size => (JsonNode)size)];

    static IReadOnlyDictionary<string, string> MetadataOf(OpenedCheckpoint opened) =>
        opened.Name == OpenedCheckpoint.Pipe ? new Dictionary<string, string>() : Checkpoint.LoadMetadata(opened.Name);
}
