using System.Globalization;

namespace OptimSharp.TensorBoard;

// What runs are compared by.
public sealed partial class SummaryWriter
{
    readonly HashSet<string> runs = []; // the folders of those that were added here

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
    /// <exception cref="ArgumentException">A value is of another kind, a name is empty, or <paramref name="runName"/> can't be the name of a folder in the run's: <c>"a/b"</c>, <c>".."</c>.</exception>
    /// <exception cref="InvalidOperationException">This writer has a run of that name already.</exception>
    /// <inheritdoc cref="AddScalar" path="/exception[@cref!='T:System.ArgumentException']"/>
    public void AddHyperparameters(IReadOnlyDictionary<string, object?> hyperparameters, IReadOnlyDictionary<string, double> metrics, string? runName = null, long step = 0)
    {
        ArgumentNullException.ThrowIfNull(metrics);
        var session = new Hyperparameters(hyperparameters, [.. metrics.Keys]);
        if (runName is not null)
            CheckRunName(runName);
        lock (gate)
        {
            ObjectDisposedException.ThrowIf(isDisposed, this);
            string folder = runName is null ? NewFolder() : Path.Combine(LogDirectory, runName);
            if (HasRun(folder))
                throw new InvalidOperationException($"This writer has a run '{runName}' in {LogDirectory} already.");
            var file = Make(folder);
            runs.Add(folder);
            files.Add(folder, file);
            file.Add(session.Experiment());
            file.Add(session.StartOfSession());
            file.Add(Hyperparameters.EndOfSession());
            foreach (var (tag, value) in metrics)
                Append(file, new() { Value = { new Protos.SummaryValue { Tag = tag, SimpleValue = (float)value } } }, step, null);
            file.Flush(); // when that fails it stays one of the writer's files, for another attempt
            file.Dispose();
            files.Remove(folder);
        }
    }

    bool HasRun(string folder) => runs.Contains(folder) || files.ContainsKey(folder);

    /// <summary>A folder named by the time, as PyTorch names it.</summary>
    string NewFolder()
    {
        string folder;
        do
            folder = Path.Combine(LogDirectory, EventFile.Seconds(DateTimeOffset.UtcNow).ToString("F6", CultureInfo.InvariantCulture));
        while (HasRun(folder)); // two in a microsecond
        return folder;
    }

    void CheckRunName(string runName)
    {
        CheckFolder(runName, nameof(runName));
        string folder = Path.Combine(LogDirectory, runName);
        if (string.IsNullOrWhiteSpace(runName) || Path.GetFullPath(folder) != folder) // "..", and what the system takes for another name
            throw new ArgumentException($"'{runName}' can't be the name of a folder in {LogDirectory}.", nameof(runName));
    }
}
