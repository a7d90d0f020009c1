using System.Globalization;

namespace OptimSharp;

/// <summary>
/// The checkpoints of one training run in a folder: saves them one after the other, keeps the last and the best, and finds the newest whole one to
/// go on from.
/// </summary>
/// <remarks>
/// <para>
/// Step and metric are in the files' names, as <c>checkpoint-000000120_0.0421.pt</c>; there is no other record of them that could be lost. Other files in the
/// folder are left alone, those of directories with other names too.
/// </para>
/// <para>
/// One object at a time may save under one name in one folder: it holds the system's lock on the file <c>.checkpoint.pt.lock</c> until it is disposed or its
/// process ends, however it ends. <see cref="OpenRead"/> needs no lock, for an evaluation beside the training.
/// </para>
/// <example>
/// <code>
/// using var checkpoints = new CheckpointDirectory("runs/7", new() { KeepLast = 3, HigherIsBetter = true });
/// if (checkpoints.LoadLatest() is { } state) { …optimizer.LoadStateDict(state.GetDict("optimizer")); start = state.GetInt64("epoch") + 1; }
/// …
/// checkpoints.Save(epoch, new() { { "optimizer", optimizer.StateDict() }, { "epoch", epoch } }, metric: accuracy);
/// </code>
/// </example>
/// </remarks>
public sealed class CheckpointDirectory : IDisposable
{
    readonly DirectoryLock? saving; // null for one that only reads
    bool isDisposed;

    /// <summary>Opens a folder to save to and to load from; nobody else may save there under this name until it is disposed.</summary>
    /// <param name="path">The folder. It is made when it is missing.</param>
    /// <param name="options">What is kept.</param>
    /// <exception cref="ArgumentException">An option is out of its range.</exception>
    /// <exception cref="IOException">Another has it open to save to, in this process or another one: the message says who, where and since when.</exception>
    /// <exception cref="UnauthorizedAccessException">The folder may not be written to.</exception>
    public CheckpointDirectory(string path, CheckpointDirectoryOptions? options = null) : this(options, path)
    {
        Directory.CreateDirectory(Path);
        saving = DirectoryLock.Take(System.IO.Path.Combine(Path, $".{Options.Name}{Options.Extension}.lock"), $"The checkpoints '{Options.Name}' in '{Path}' are");
    }

    CheckpointDirectory(CheckpointDirectoryOptions? options, string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        Options = options ?? new();
        if (Options.KeepLast < 1)
            throw new ArgumentOutOfRangeException(nameof(options), Options.KeepLast, $"KeepLast must be ≥ 1, but is {Options.KeepLast}.");
        if (Options.KeepBest < 0)
            throw new ArgumentOutOfRangeException(nameof(options), Options.KeepBest, $"KeepBest must be ≥ 0, but is {Options.KeepBest}.");
        if (string.IsNullOrEmpty(Options.Name) || Options.Name.AsSpan().IndexOfAny(System.IO.Path.GetInvalidFileNameChars()) >= 0)
            throw new ArgumentException($"Name must be the beginning of a file's name, but is '{Options.Name}'.", nameof(options));
        if (Options.Extension is not { } extension || Checkpoint.FormatOf("x" + extension) is null || extension.AsSpan().IndexOfAny(System.IO.Path.GetInvalidFileNameChars()) >= 0)
            throw new ArgumentException($"Extension must be one that Checkpoint.Save knows, as .pt or .safetensors, but is '{Options.Extension}'.", nameof(options));
        Path = System.IO.Path.GetFullPath(path);
    }

    /// <summary>
    /// Opens a folder only to read the checkpoints in it, also while a run saves to it: what is loaded is whole, and the newest or the best of the moment.
    /// </summary>
    /// <param name="path">The folder. While it is missing, it has no checkpoints.</param>
    /// <param name="options">The names of the files, and which metric is the better one, as the run has them.</param>
    /// <exception cref="ArgumentException">An option is out of its range.</exception>
    public static CheckpointDirectory OpenRead(string path, CheckpointDirectoryOptions? options = null) => new(options, path);

    /// <summary>The folder.</summary>
    public string Path { get; }

    /// <summary>What is kept.</summary>
    public CheckpointDirectoryOptions Options { get; }

    /// <summary>
    /// The checkpoints that there are now, by steps, the newest first; of one step, which a run that was killed may leave two of, the one written last. Whether they are whole is seen when they are loaded.
    /// </summary>
    public IReadOnlyList<SavedCheckpoint> Checkpoints =>
        [.. Files().Select(path => Find(path, System.IO.Path.GetFileName(path))).OfType<SavedCheckpoint>().OrderByDescending(c => c.Step).ThenByDescending(c => File.GetLastWriteTimeUtc(c.Path))];

    /// <summary>The checkpoint with the best metric, the earliest of several; null when none has one. NaN is never the best.</summary>
    public SavedCheckpoint? Best => ByMetric(Checkpoints).FirstOrDefault();

    /// <summary>Saves a checkpoint, and then deletes those that are not to be kept.</summary>
    /// <param name="step">The step or epoch, ≥ 0. A checkpoint of the same step is replaced.</param>
    /// <param name="state">What to save. Put into it what resuming needs: the step, too.</param>
    /// <param name="metric">What tells better checkpoints from worse ones, if anything.</param>
    /// <returns>The file.</returns>
    /// <exception cref="ArgumentException">The step is negative, or the state can't be saved.</exception>
    /// <exception cref="IOException">It can't be written. What was there is as it was.</exception>
    /// <exception cref="InvalidOperationException">It was opened to be read.</exception>
    /// <exception cref="ObjectDisposedException">It was disposed.</exception>
    public SavedCheckpoint Save(long step, StateDict state, double? metric = null)
    {
        ObjectDisposedException.ThrowIf(isDisposed, this);
        if (saving is null)
            throw new InvalidOperationException("A CheckpointDirectory that was opened by OpenRead can't save. Make one by its constructor.");
        if (step < 0)
            throw new ArgumentOutOfRangeException(nameof(step), step, $"A step must be ≥ 0, but is {step}.");
        foreach (string file in Files())
        {
            if (AtomicFile.NameOf(System.IO.Path.GetFileName(file.AsSpan())) is { } name && Find(file, name) is not null)
                Delete(file); // of a run that was killed while it saved: nobody else may save under this name now
        }
        var saved = new SavedCheckpoint(System.IO.Path.Combine(Path, NameOf(step, metric)), step, metric);
        Checkpoint.Save(saved.Path, state);

        var all = Checkpoints.Where(c => c.Step != step || c.Path == saved.Path).ToArray();
        var keep = all.Take(Options.KeepLast).Append(saved).Concat(ByMetric(all).Take(Options.KeepBest)).Select(c => c.Path).ToHashSet();
        foreach (var old in Checkpoints)
        {
            if (!keep.Contains(old.Path))
                Delete(old.Path);
        }
        return saved;
    }

    /// <summary>Loads the newest checkpoint that is whole. A damaged one is left out, with a warning (<see cref="Warnings"/>).</summary>
    /// <returns>The state; null when there are no checkpoints.</returns>
    /// <exception cref="CheckpointException">There are checkpoints, but none is whole.</exception>
    public StateDict? LoadLatest() => Load(() => Checkpoints);

    /// <summary>Loads the checkpoint with the best metric; a damaged one is left out, with a warning, for the next best.</summary>
    /// <returns>The state; null when there are no checkpoints with a metric.</returns>
    /// <exception cref="CheckpointException">There are such checkpoints, but none is whole.</exception>
    public StateDict? LoadBest() => Load(() => ByMetric(Checkpoints));

    /// <summary>Lets others save under this name. Files stay as they are.</summary>
    public void Dispose()
    {
        isDisposed = true;
        saving?.Dispose();
    }

    StateDict? Load(Func<IEnumerable<SavedCheckpoint>> candidates)
    {
        ObjectDisposedException.ThrowIf(isDisposed, this);
        var gone = new HashSet<string>();
        while (true)
        {
            CheckpointException? first = null;
            int before = gone.Count;
            foreach (var candidate in candidates())
            {
                try
                {
                    return Checkpoint.Load(candidate.Path);
                }
                catch (CheckpointException e)
                {
                    first ??= e;
                    Warnings.Raise(this, $"{e.Message} It was left out.");
                }
                catch (FileNotFoundException) when (gone.Add(candidate.Path))
                {
                    break; // deleted by the run that saves here, for newer ones: look again
                }
                catch (FileNotFoundException)
                {
                    // a link that leads nowhere
                }
            }
            if (gone.Count == before)
                return first is null ? null : throw new CheckpointException(Path, null, $"has no whole checkpoint; the first that was tried {first.Reason}", first);
        }
    }

    /// <summary>Those with a metric that is a number, the best first.</summary>
    IEnumerable<SavedCheckpoint> ByMetric(IEnumerable<SavedCheckpoint> checkpoints) =>
        checkpoints.Where(c => c.Metric is { } metric && !double.IsNaN(metric)).OrderBy(c => Options.HigherIsBetter ? -c.Metric : c.Metric).ThenBy(c => c.Step);

    string NameOf(long step, double? metric) => string.Create(CultureInfo.InvariantCulture,
        $"{Options.Name}-{step:D9}{(metric is { } number ? "_" + number.ToString("R", CultureInfo.InvariantCulture) : "")}{Options.Extension}");

    string[] Files() => Directory.Exists(Path) ? Directory.GetFiles(Path) : [];

    /// <summary>What a file's name says; null when we would not have named one so.</summary>
    SavedCheckpoint? Find(string path, string name)
    {
        if (!name.StartsWith(Options.Name + "-", StringComparison.Ordinal) || !name.EndsWith(Options.Extension, StringComparison.Ordinal)
            || name.Length < Options.Name.Length + 1 + Options.Extension.Length)
            return null;
        string[] parts = name[(Options.Name.Length + 1)..^Options.Extension.Length].Split('_');
        double? metric = null;
        if (parts.Length > 2 || !long.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out long step))
            return null;
        if (parts.Length == 2)
        {
            if (!double.TryParse(parts[1], NumberStyles.Float, CultureInfo.InvariantCulture, out double number))
                return null;
            metric = number;
        }
        return NameOf(step, metric) == name ? new(path, step, metric) : null;
    }

    void Delete(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Warnings.Raise(this, $"'{path}' could not be deleted: {e.Message}");
        }
    }
}
