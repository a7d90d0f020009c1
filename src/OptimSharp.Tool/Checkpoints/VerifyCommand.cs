using System.CommandLine;
using System.Text.Json.Nodes;

namespace OptimSharp.Tool;

/// <summary><c>checkpoint verify</c>: whether files are whole, can be read, and have finite numbers.</summary>
static class VerifyCommand
{
    public static Command Make(Screen screen)
    {
        var files = new Argument<string[]>("files") { Description = "checkpoints, folders or indexes", HelpName = "FILES", Arity = ArgumentArity.OneOrMore };
        var json = CommonOptions.Json();
        var command = new Command("verify", "Reads checkpoints to the last byte: structure, places, checksums, and whether all numbers are finite. Ends with 1 when something is wrong.") { files, json };
        command.SetAction(line => Tool.Guard(screen, () =>
        {
            var verdicts = line.GetRequiredValue(files).Select(file => Verify(screen, file)).ToList();
            if (line.GetValue(json))
                screen.Write(new JsonArray([.. verdicts.Select(verdict => verdict.Json())]));
            else
                verdicts.ForEach(verdict => verdict.Show(screen));
            return verdicts.Exists(verdict => verdict.IsUnread) ? ExitCode.Failed : verdicts.TrueForAll(verdict => verdict.Problems.Count == 0) ? ExitCode.Good : ExitCode.No;
        }));
        return command;
    }

    static Verdict Verify(Screen screen, string file)
    {
        var verdict = new Verdict(file);
        try
        {
            var opened = OpenedCheckpoint.Open(file);
            var tensors = StateWalk.Tensors(opened.Value);
            verdict.Summary = $"{opened.Format}, {new Contents(tensors.Select(t => t.Tensor))}";
            screen.Progress(file, tensors.Sum(t => t.Tensor.Bytes), progress =>
            {
                foreach (var (path, tensor) in tensors)
                    Verify(verdict, path, tensor, progress);
                return true;
            });
            foreach (string archive in opened.Archives)
                verdict.Problems.AddRange(ZipEntries.Damaged(archive));
        }
        catch (InvalidDataException e) // a zip file that others would refuse
        {
            verdict.Problems.Add(ErrorText.Of(e));
        }
        catch (CheckpointException e)
        {
            verdict.Problems.Add(e.Entry is null ? e.Reason : $"{e.Entry} {e.Reason}");
        }
        catch (Exception e) when (e is ToolException or IOException or UnauthorizedAccessException)
        {
            verdict.Problems.Add(ErrorText.Of(e));
            verdict.IsUnread = true;
        }
        return verdict;
    }

    static void Verify(Verdict verdict, string path, TensorData tensor, IProgress<long> progress)
    {
        try
        {
            var of = Statistics.Of(tensor, progress);
            if (of.IsFinite)
                return;
            // A best score that is still infinite is no damage, and Lightning's callbacks have some.
            var list = tensor.Shape.IsEmpty ? verdict.Notes : verdict.Problems;
            list.Add($"tensor '{path}': {Sizes.Count(of.NaNs + of.Infinities)} of {Sizes.Count(of.Count)} numbers not finite ({Sizes.Count(of.NaNs)} NaN, {Sizes.Count(of.Infinities)} infinite)");
        }
        catch (CheckpointException e)
        {
            verdict.Problems.Add($"tensor '{path}': {e.Entry} {e.Reason}");
        }
    }

    /// <summary>What was found of a file.</summary>
    sealed class Verdict(string file)
    {
        public string? Summary { get; set; }

        /// <summary>Whether nothing is known of the file, because it is not there or may not be read.</summary>
        public bool IsUnread { get; set; }

        public List<string> Problems { get; } = [];

        /// <summary>What is worth a look, and no problem.</summary>
        public List<string> Notes { get; } = [];

        public void Show(Screen screen)
        {
            screen.Line($"{Printable.Of(file)}: {(Problems.Count == 0 ? "good" : "NOT good")}{(Summary is null ? "" : $": {Summary}")}");
            foreach (string problem in Problems)
                screen.Line($"  {Printable.Of(problem)}");
            foreach (string note in Notes)
                screen.Line($"  note: {Printable.Of(note)}");
        }

        public JsonObject Json() => new() { ["file"] = file, ["good"] = Problems.Count == 0, ["problems"] = Texts(Problems), ["notes"] = Texts(Notes) };

        static JsonArray Texts(List<string> texts) => [.. texts.Select(text => (JsonNode)text)];
    }
}
