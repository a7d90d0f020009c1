using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using OptimSharp.TensorBoard.Protos;

namespace OptimSharp.TensorBoard;

/// <summary>A run's hyperparameters and metrics as the values that TensorBoard's HPARAMS tab reads: they are metadata, under tags of its own.</summary>
sealed class Hyperparameters
{
    readonly Experiment experiment = new();
    readonly SessionStartInfo start = new();

    /// <exception cref="ArgumentException">A value is of a kind that can't be one, or a name is empty.</exception>
    public Hyperparameters(IReadOnlyDictionary<string, object?> hyperparameters, IReadOnlyCollection<string> metricTags)
    {
        ArgumentNullException.ThrowIfNull(hyperparameters);
        ArgumentNullException.ThrowIfNull(metricTags);
        foreach (var (name, given) in hyperparameters)
        {
            if (string.IsNullOrEmpty(name))
                throw new ArgumentException("A hyperparameter's name is empty.", nameof(hyperparameters));
            if (given is null)
                continue;
            var (type, value) = ValueOf(name, given);
            experiment.HparamInfos.Add(new HyperparameterInfo { Name = name, Type = type });
            start.Hparams.Add(name, value);
        }
        foreach (string tag in metricTags)
        {
            if (string.IsNullOrEmpty(tag))
                throw new ArgumentException("A metric's tag is empty.", nameof(metricTags));
            experiment.MetricInfos.Add(new MetricInfo { Name = new() { Tag = tag } });
        }
    }

    public Event Experiment() => Of("experiment", new() { Experiment = experiment });

    public Event StartOfSession() => Of("session_start_info", new() { SessionStartInfo = start });

    public static Event EndOfSession() => Of("session_end_info", new() { SessionEndInfo = new() { Status = SessionStatus.Success } });

    static (HyperparameterType, Value) ValueOf(string name, object given) => given switch
    {
        bool flag => (HyperparameterType.Bool, Value.ForBool(flag)),
        string text => (HyperparameterType.Text, Value.ForString(text)),
        System.Enum choice => (HyperparameterType.Text, Value.ForString(choice.ToString())),
        float or double or Half or decimal or sbyte or byte or short or ushort or int or uint or long or ulong => (HyperparameterType.Float64, Value.ForNumber(Convert.ToDouble(given is Half half ? (double)half : given, System.Globalization.CultureInfo.InvariantCulture))),
        _ => throw new ArgumentException($"Hyperparameter '{name}' must be a number, true or false, a text or an enumeration, but is a {given.GetType().Name}.", nameof(given)),
    };

    static Event Of(string tag, HyperparametersData data) => new()
    {
        WallTime = EventFile.Seconds(DateTimeOffset.UtcNow),
        Summary = new()
        {
            Value =
            {
                new SummaryValue
                {
                    Tag = $"_hparams_/{tag}",
                    Metadata = new() { PluginData = new() { PluginName = "hparams", Content = data.ToByteString() } },
                },
            },
        },
    };
}
