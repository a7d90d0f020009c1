using System.Globalization;

namespace OptimSharp.TensorBoard;

// What runs are compared by.
public sealed partial class SummaryWriter
{
    /// <summary>The run's hyperparameters, at its start: TensorBoard's HPARAMS tab lists runs by them, with the last values of the metrics.</summary>
    /// <param name="hyperparameters">Numbers, true or false, texts, enumerations, by their names. A null is left out.</param>
    /// <param name="metricTags">The tags of scalars that runs are compared by: <c>"accuracy/test"</c>. They are those of this run, added before or after.</param>
    /// <exception cref="ArgumentException">A value is of another kind, or a name is empty.</exception>
    /// <exception cref="InvalidOperationException">The run has hyperparameters already.</exception>
    /// <inheritdoc cref="AddScalar" path="/exception[@cref!='T:System.ArgumentException']"/>
    public void AddHyperparameters(IReadOnlyDictionary<string, object?> hyperparameters, params IReadOnlyCollection<string> metricTags)
    {
        var session = new Hyperparameters(hyperparameters, metricTags);
        lock (gate)
        {
            ObjectDisposedException.ThrowIf(isDisposed, this);
            if (hasSession)
                throw new InvalidOperationException($"The run in {LogDirectory} has hyperparameters already: TensorBoard takes the first ones only. Give a run name to add a run.");
            hasSession = true;
            main.Add(session.Experiment());
            main.Add(session.StartOfSession());
            main.Check();
        }
    }

    /// <summary>Hyperparameters with what they led to, as a run of its own in a folder of this run's. PyTorch's <c>add_hparams</c>.</summary>
    /// <param name="hyperparameters">Numbers, true or false, texts, enumerations, by their names. A null is left out.</param>
    /// <param name="metrics">What runs are compared by.</param>
    /// <param name="runName">The folder's name; null: the time in seconds.</param>
    /// <param name="step">The step of the metrics.</param>
    /// <remarks>PyTorch's name for the folder, <paramref name="runName"/>, lets a search over hyperparameters be one writer: one call a trial.</remarks>
    /// <exception cref="ArgumentException">A value is of another kind, a name is empty, or <paramref name="runName"/> can't be a folder's.</exception>
    /// <exception cref="InvalidOperationException">There is a run of that name already.</exception>
    /// <inheritdoc cref="AddScalar" path="/exception[@cref!='T:System.ArgumentException']"/>
    public void AddHyperparameters(IReadOnlyDictionary<string, object?> hyperparameters, IReadOnlyDictionary<string, double> metrics, string? runName = null, long step = 0)
    {
        ArgumentNullException.ThrowIfNull(metrics);
        var session = new Hyperparameters(hyperparameters, [.. metrics.Keys]);
        runName ??= EventFile.Seconds(DateTimeOffset.UtcNow).ToString("F6", CultureInfo.InvariantCulture);
        CheckFolder(runName, nameof(runName));
        string folder = Path.Combine(LogDirectory, runName);
        lock (gate)
        {
            ObjectDisposedException.ThrowIf(isDisposed, this);
            if (files.ContainsKey(folder))
                throw new InvalidOperationException($"There is a run '{runName}' in {LogDirectory} already.");
            using var file = new EventFile(folder, options.FilenameSuffix);
            file.Add(session.Experiment());
            file.Add(session.StartOfSession());
            file.Add(Hyperparameters.EndOfSession());
            foreach (var (tag, value) in metrics)
                Append(file, new() { Value = { new Protos.SummaryValue { Tag = tag, SimpleValue = (float)value } } }, step, null);
        }
    }
}
