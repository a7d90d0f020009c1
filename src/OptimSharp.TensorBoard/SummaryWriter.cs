using System.Globalization;
using System.Runtime.InteropServices;
using OptimSharp.TensorBoard.Protos;

namespace OptimSharp.TensorBoard;

/// <summary>
/// Writes what TensorBoard shows: numbers over steps, histograms, images, text, hyperparameters. PyTorch's <c>torch.utils.tensorboard.SummaryWriter</c>, with its files.
/// </summary>
/// <remarks>
/// <para>
/// A folder is a run; TensorBoard is started on the folder above it and shows its runs beside each other. Each writer makes a new file, so that a run that goes on after a crash takes nothing from what it wrote
/// before (<see cref="SummaryWriterOptions.PurgeStep"/>).
/// </para>
/// <para>
/// Adding encodes the event in memory, in the calling thread; another one writes the file, every few seconds (<see cref="SummaryWriterOptions.FlushInterval"/>), on <see cref="Flush"/>, <see cref="Dispose"/> and when the process
/// ends in order, by Ctrl-C, SIGTERM or an unhandled exception. When writing fails, the next call throws an <see cref="IOException"/>; events are kept and written when it works again. For use by several threads.
/// </para>
/// </remarks>
/// <example><code>
/// using var writer = new SummaryWriter("runs/digits");
/// for (int step = 0; step &lt; steps; step++)
///     writer.AddScalar("loss", Train(), step);
/// </code></example>
public sealed partial class SummaryWriter : IDisposable
{
    readonly Lock gate = new();
    readonly SummaryWriterOptions options;
    readonly Dictionary<string, EventFile> files = []; // by folder
    readonly EventFile main;
    readonly Timer timer;
    readonly PosixSignalRegistration[] signals;
    bool isDisposed, hasSession;

    /// <param name="logDirectory">
    /// The run's folder, which is made when it is not there. null: <c>runs/</c> with the time, the machine's name and <see cref="SummaryWriterOptions.Comment"/>, as PyTorch.
    /// </param>
    /// <param name="options">How it writes; null: the defaults.</param>
    /// <exception cref="ArgumentException">An option is out of range.</exception>
    /// <exception cref="IOException">The folder or its file can't be made.</exception>
    /// <exception cref="UnauthorizedAccessException">The same, for lack of a permission.</exception>
    public SummaryWriter(string? logDirectory = null, SummaryWriterOptions? options = null)
    {
        this.options = options ?? new();
        this.options.Check();
        if (logDirectory?.Length == 0)
            throw new ArgumentException("The run's folder has an empty name.", nameof(logDirectory));
        LogDirectory = Path.GetFullPath(logDirectory ?? Path.Combine("runs", string.Create(CultureInfo.InvariantCulture, $"{DateTime.Now:MMMdd_HH-mm-ss}_{Environment.MachineName}{this.options.Comment}")));
        main = FileOf(LogDirectory);
        timer = new(_ => FlushInTime());
        timer.Change(this.options.FlushInterval, Timeout.InfiniteTimeSpan);
        AppDomain.CurrentDomain.ProcessExit += OnEnd;
        AppDomain.CurrentDomain.UnhandledException += OnEnd;
        signals = [.. new[] { PosixSignal.SIGINT, PosixSignal.SIGTERM }.Select(signal => PosixSignalRegistration.Create(signal, _ => TryFlush()))]; // which end a process without its exit; what they do stays
    }

    /// <summary>The run's folder, with its full path.</summary>
    public string LogDirectory { get; }

    /// <summary>The file that this writer makes there.</summary>
    public string FilePath => main.Path;

    /// <summary>What writes bytes to files; tests have others.</summary>
    internal EventFile.WriteAt Write
    {
        get;
        set => field = main.Write = value;
    } = RandomAccess.Write;

    /// <summary>Writes all events to the files.</summary>
    /// <exception cref="IOException">They can't be written. They are kept for another attempt.</exception>
    /// <exception cref="ObjectDisposedException">The writer was disposed.</exception>
    public void Flush()
    {
        EventFile[] all;
        lock (gate)
        {
            ObjectDisposedException.ThrowIf(isDisposed, this);
            all = [.. files.Values];
        }
        foreach (var file in all)
            file.Flush();
    }

    /// <summary>Writes all events and closes the files. Nothing can be added from then on.</summary>
    /// <exception cref="IOException">Events can't be written. They are kept, and written when this is called again.</exception>
    public void Dispose()
    {
        IOException? failure = null;
        lock (gate)
        {
            End();
            foreach (var file in files.Values)
                Attempt(file.Dispose);
        }
        if (failure is not null)
            throw failure;

        void Attempt(Action action)
        {
            try
            {
                action();
            }
            catch (IOException e)
            {
                failure = e;
            }
        }
    }

    /// <summary>Lets nothing be added any more, and nothing be written but by <see cref="Dispose"/>.</summary>
    void End()
    {
        if (isDisposed)
            return;
        if (hasSession)
            main.Add(Hyperparameters.EndOfSession());
        isDisposed = true;
        AppDomain.CurrentDomain.ProcessExit -= OnEnd;
        AppDomain.CurrentDomain.UnhandledException -= OnEnd;
        foreach (var signal in signals)
            signal.Dispose();
        timer.Dispose();
    }

    /// <summary>The file in a folder, made when this writer has none there yet.</summary>
    EventFile FileOf(string folder)
    {
        if (files.TryGetValue(folder, out var file))
            return file;
        file = Make(folder);
        if (options.PurgeStep is { } step)
            file.Add(new() { WallTime = EventFile.Seconds(DateTimeOffset.UtcNow), Step = step, SessionLog = new() { Status = SessionLog.Types.SessionStatus.Start } });
        files.Add(folder, file);
        return file;
    }

    EventFile Make(string folder) => new(folder, options.FilenameSuffix) { Write = Write };

    static void Append(EventFile to, Summary summary, long step, DateTimeOffset? wallTime) =>
        to.Add(new() { WallTime = EventFile.Seconds(wallTime ?? DateTimeOffset.UtcNow), Step = step, Summary = summary });

    void Add(SummaryValue value, long step, DateTimeOffset? wallTime) => Add(new Summary { Value = { value } }, step, wallTime);

    void Add(Summary summary, long step, DateTimeOffset? wallTime)
    {
        lock (gate)
        {
            ObjectDisposedException.ThrowIf(isDisposed, this);
            Append(main, summary, step, wallTime);
            main.Check();
        }
    }

    void FlushInTime()
    {
        TryFlush();
        lock (gate)
        {
            if (!isDisposed)
                timer.Change(options.FlushInterval, Timeout.InfiniteTimeSpan);
        }
    }

    void TryFlush()
    {
        EventFile[] all;
        lock (gate)
            all = [.. files.Values];
        foreach (var file in all)
            file.TryFlush();
    }

    void OnEnd(object? sender, EventArgs e) => TryFlush();

    static void CheckTag(string tag, string name)
    {
        ArgumentNullException.ThrowIfNull(tag, name);
        if (tag.Length == 0)
            throw new ArgumentException("A tag is empty: TensorBoard shows values by their tags.", name);
    }
}
