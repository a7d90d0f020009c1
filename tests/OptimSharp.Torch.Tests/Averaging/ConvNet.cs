using System.Text.Json;
using OptimSharp.Conformance;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace OptimSharp.Torch.Tests.Averaging;

/// <summary>The network of tools/goldens/modules.py, and what PyTorch made of it.</summary>
static class ConvNet
{
    public static Sequential Create()
    {
        var model = Sequential(
            ("0", Conv2d(1, 3, 3)), ("1", BatchNorm2d(3, momentum: 0.3)), ("2", ReLU()), ("3", Conv2d(3, 4, 3)),
            ("4", BatchNorm2d(4)), ("5", ReLU()), ("6", Flatten()), ("7", Linear(64, 5)), ("8", BatchNorm1d(5)));
        model.LoadStateDict(State("model"));
        return model;
    }

    public static StateDict State(string key)
    {
        var state = new StateDict();
        foreach (var entry in Golden.GetProperty(key).EnumerateObject())
        {
            long[] shape = [.. entry.Value.GetProperty("shape").EnumerateArray().Select(x => x.GetInt64())];
            var values = entry.Value.GetProperty("values").EnumerateArray();
            state.Add(entry.Name, entry.Name.EndsWith("tracked", StringComparison.Ordinal)
                ? TensorData.Of([.. values.Select(x => x.GetInt64())], shape)
                : TensorData.Of([.. values.Select(x => x.GetSingle())], shape));
        }
        return state;
    }

    public static Tensor[] Batches() => [.. Golden.GetProperty("batches").EnumerateArray().Select(batch =>
        tensor(batch.GetProperty("values").EnumerateArray().Select(x => x.GetSingle()).ToArray())
            .reshape([.. batch.GetProperty("shape").EnumerateArray().Select(x => x.GetInt64())]))];

    public static JsonElement Read(string name) =>
        JsonDocument.Parse(File.ReadAllText(Path.Combine(GoldenFiles.RepositoryRoot(), "tests", "OptimSharp.Torch.Tests", "Goldens", name))).RootElement;

    static JsonElement Golden { get; } = Read("update_bn.json");

    /// <summary>All of a module's state, to the bit.</summary>
    public static string Bits(Module module) =>
        string.Join(' ', module.StateDict().SelectMany(e => ((TensorData)e.Value!).ToDoubles()).Select(x => BitConverter.DoubleToUInt64Bits(x).ToString("x")));
}
