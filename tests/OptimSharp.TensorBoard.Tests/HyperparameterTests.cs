using Tensorboard;

namespace OptimSharp.TensorBoard.Tests;

/// <summary>The hyperparameters of a run itself; those of a trial are compared with PyTorch's in <see cref="PyTorchFileTests"/>.</summary>
public sealed class HyperparameterTests : IDisposable
{
    readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void They_are_in_the_run_and_the_session_ends_with_it()
    {
        using (var writer = new SummaryWriter(folder.Path))
        {
            writer.AddHyperparameters(new Dictionary<string, object?> { ["nesterov"] = true, ["nothing"] = null, ["after"] = GradientsAfter.Zeroed }, "accuracy");
            writer.AddScalar("accuracy", 0.5, 1);
            Assert.Contains("has hyperparameters already", Assert.Throws<InvalidOperationException>(() => writer.AddHyperparameters(new Dictionary<string, object?>())).Message, StringComparison.Ordinal);
            writer.Flush();
            Assert.DoesNotContain(EventFileReader.Values(writer.FilePath), v => v.Value.Tag == "_hparams_/session_end_info");
        }
        var values = EventFileReader.Values(EventFileReader.FileIn(folder.Path));
        Assert.Equal(["_hparams_/experiment", "_hparams_/session_start_info", "accuracy", "_hparams_/session_end_info"], values.Select(v => v.Value.Tag));
        // Wire bytes by hand. Experiment is field 2 with infos in field 4 (name 1, type 4: 2 bool, 1 text) and metrics in field 5 (name 1, in it tag 2).
        Assert.Equal("12" + Field(Field("22", Field("0A", Text("nesterov")) + "2002") + Field("22", Field("0A", Text("after")) + "2001") + Field("2A", Field("0A", Field("12", Text("accuracy"))))), Content(values[0].Value));
        // SessionStartInfo is field 3 with a map in field 1 (key 1, value 2: bool in 4, text in 3); SessionEndInfo is field 4, with its status, 1 for success, in field 1.
        Assert.Equal("1A" + Field(Field("0A", Field("0A", Text("nesterov")) + Field("12", "2001")) + Field("0A", Field("0A", Text("after")) + Field("12", Field("1A", Text("Zeroed"))))), Content(values[1].Value));
        Assert.Equal("2202" + "0801", Content(values[3].Value));
    }

    [Fact]
    public void A_search_has_a_run_of_each_name_once()
    {
        using var writer = new SummaryWriter(folder.Path);
        Add("rate 0.1");
        Add("...b ");
        string message = Assert.Throws<InvalidOperationException>(() => Add("rate 0.1")).Message;
        Assert.Contains("'rate 0.1'", message, StringComparison.Ordinal);
        Assert.Contains(folder.Path, message, StringComparison.Ordinal);
        Assert.Equal(4, EventFileReader.Values(EventFileReader.FileIn(Path.Combine(folder.Path, "rate 0.1"))).Count); // one file: what the run is, its start, its end and the metric
        for (int i = 0; i < 20; i++)
            Add(null); // by the time: never one that is there
        Assert.Equal(2 + 20, Directory.GetDirectories(folder.Path).Length);

        void Add(string? name) => writer.AddHyperparameters(new Dictionary<string, object?> { ["rate"] = 0.1 }, new Dictionary<string, double> { ["accuracy"] = 1 }, name);
    }

    static string Content(Summary.Types.Value value)
    {
        Assert.Equal("hparams", value.Metadata.PluginData.PluginName);
        return Convert.ToHexString(value.Metadata.PluginData.Content.Span);
    }

    static string Text(string text) => Convert.ToHexString(System.Text.Encoding.UTF8.GetBytes(text));

    /// <summary>A field of fewer than 128 bytes: its tag, the number of bytes, the bytes.</summary>
    static string Field(string tag, string bytes) => tag + Field(bytes);

    static string Field(string bytes) => $"{bytes.Length / 2:X2}{bytes}";
}
