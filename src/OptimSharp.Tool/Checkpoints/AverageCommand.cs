using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;

namespace OptimSharp.Tool;

/// <summary><c>checkpoint average</c>: one model of several.</summary>
static class AverageCommand
{
    public static Command Make(Screen screen)
    {
        var files = new Argument<string[]>("files") { Description = "checkpoints of one model, at least two, the oldest first", HelpName = "FILES", Arity = ArgumentArity.OneOrMore };
        var weights = new Option<string?>("--weights") { Description = "a weight > 0 for each file, with commas between; default the same for all", HelpName = "W,W,…" };
        var ema = new Option<double?>("--ema") { Description = "an exponential moving average in the files' order instead, with this decay, 0 to 1", HelpName = "DECAY" };
        var last = new Option<string[]>("--take-last") { Description = "take tensors with names like this, with * and ?, from the last file", HelpName = "PATTERN", DefaultValueFactory = _ => [] };
        var path = CommonOptions.Path();
        var json = CommonOptions.Json();
        var output = new OutputFile();
        var command = new Command("average", "Averages models: the floating-point tensors of several checkpoints, what else there is from the last.") { files, weights, ema, last, path, json };
        output.AddTo(command);
        command.SetAction(line => Tool.Guard(screen, () =>
        {
            string[] names = line.GetRequiredValue(files);
            if (names.Length < 2)
                throw new ToolException("An average takes at least two files.");
            if (line.GetValue(weights) is not null && line.GetValue(ema) is not null)
                throw new ToolException("--weights and --ema are two ways to average: give one.");
            var averaging = line.GetValue(weights) is { } text ? WeightedBy(Weights(text, names.Length)) : line.GetValue(ema) is { } decay ? Averaging.Ema(decay) : Averaging.Equal;
            output.Check(line);
            using var average = new ModelAverage(averaging, line.GetValue(last)!);
            foreach (string name in names)
            {
                var opened = output.Open(line, name);
                average.Add(name, line.GetValue(path) is { } place ? StateSearch.At(opened, place) : StateSearch.FindModel(opened).Model);
            }
            var written = output.Save(screen, line, average.Result());
            if (line.GetValue(json))
            {
                var result = written.Json();
                result["averaged"] = Texts(average.Averaged);
                result["fromLast"] = Texts(average.FromLast);
                screen.Write(result);
                return ExitCode.Good;
            }
            foreach (string said in written.Lines())
                screen.Line(said);
            screen.Line($"averaged: {average.Averaged.Count} tensors of {names.Length} models, {(line.GetValue(weights) is { } by ? $"weights {Printable.Of(by)}" : averaging.ToString())}");
            if (average.FromLast.Count > 0)
                screen.Line($"from the last, {Printable.Of(names[^1])}: {string.Join(", ", average.FromLast.Take(8).Select(name => Printable.Of(name, 80)))}{(average.FromLast.Count > 8 ? $", and {average.FromLast.Count - 8} more" : "")}");
            return ExitCode.Good;
        }));
        return command;
    }

    static double[] Weights(string text, int files)
    {
        string[] parts = text.Split(',');
        var weights = new double[parts.Length];
        for (int i = 0; i < parts.Length; i++)
        {
            if (!double.TryParse(parts[i], NumberStyles.Float, CultureInfo.InvariantCulture, out weights[i]) || !(weights[i] > 0) || !double.IsFinite(weights[i]))
                throw new ToolException($"A weight must be a number > 0, but is '{parts[i]}'.");
        }
        return weights.Length == files ? weights : throw new ToolException($"There must be a weight for each of the {files} files, but there are {weights.Length}.");
    }

    /// <summary>ā ← ā + (θ − ā)·w/(all weights so far): after the last, the weighted mean.</summary>
    static Averaging WeightedBy(double[] weights) => Averaging.PerTensor((average, model, count) =>
    {
        double part = weights[(int)count] / weights.Take((int)count + 1).Sum();
        for (int i = 0; i < average.Length; i++)
            average[i] += (model[i] - average[i]) * part;
    });

    static JsonArray Texts(IEnumerable<string> texts) => [.. texts.Select(text => (JsonNode)text)];
}
