using System.Buffers;
using System.Globalization;
using Microsoft.Win32.SafeHandles;
using OptimSharp.TensorBoard.Protos;

namespace OptimSharp.TensorBoard;

/// <summary>
/// One event file. Events are encoded and gathered in memory by the thread that adds them; the file is written by <see cref="Flush"/>, on any thread.
/// </summary>
/// <remarks>
/// Whole batches of records are written at an offset that moves on only when that worked: after a full disk the next attempt writes the same bytes to the same place, and nothing is lost or torn. Until then the file ends after a whole record.
/// </remarks>
sealed class EventFile : IDisposable
{
    const int Soon = 1 << 18; // bytes that are written without waiting for the next flush
    const int Most = 1 << 26; // bytes that may wait; then who adds more writes them

    static int count; // of files that this process made

    readonly Lock gate = new(), writing = new(); // the second is taken first
    readonly SafeFileHandle handle;
    ArrayBufferWriter<byte> gathered = new(), batch = new();
    long length;
    bool isQueued, isClosed;
    volatile IOException? failure;

    /// <summary>Makes the folder and a file of a name that is not there yet. TensorBoard sorts a folder's files by name, so by the second.</summary>
    public EventFile(string folder, string suffix)
    {
        Directory.CreateDirectory(folder);
        var now = DateTimeOffset.UtcNow;
        (handle, Path) = Create(folder, now, suffix);
        try
        {
            Add(new Event
            {
                WallTime = Seconds(now),
                FileVersion = "brain.Event:2",
                SourceMetadata = new() { Writer = "OptimSharp.TensorBoard" },
            });
            Flush(); // the run is there at once
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    public string Path { get; }

    /// <summary>What writes bytes at an offset; tests have others.</summary>
    internal WriteAt Write { get; set; } = RandomAccess.Write;

    public static double Seconds(DateTimeOffset time) => (time - DateTimeOffset.UnixEpoch).TotalSeconds;

    /// <summary>Appends an event.</summary>
    public void Add(Event message)
    {
        bool isUrgent, isFull;
        lock (gate)
        {
            RecordFormat.Append(gathered, message);
            isFull = gathered.WrittenCount > Most && failure is null;
            isUrgent = !isQueued && gathered.WrittenCount > Soon;
            isQueued |= isUrgent;
        }
        if (isFull)
            TryFlush();
        else if (isUrgent)
            ThreadPool.UnsafeQueueUserWorkItem(file => file.TryFlush(), this, preferLocal: false);
    }

    /// <summary>To be called once what belongs together was added.</summary>
    /// <exception cref="IOException">The last attempt to write failed. All events are kept.</exception>
    public void Check()
    {
        if (failure is { } e)
            throw Failed(e);
    }

    /// <summary>Writes what was gathered.</summary>
    /// <exception cref="IOException">It can't be written. It is kept for the next attempt.</exception>
    public void Flush()
    {
        if (TryFlush() is { } e)
            throw Failed(e);
    }

    /// <summary>The same; what goes wrong comes out of <see cref="Check"/>.</summary>
    /// <returns>What went wrong.</returns>
    public IOException? TryFlush()
    {
        lock (writing)
        {
            if (isClosed)
                return failure;
            if (batch.WrittenCount == 0) // else it is from an attempt that failed
                TakeGathered();
            try
            {
                while (batch.WrittenCount > 0)
                {
                    Write(handle, batch.WrittenSpan, length);
                    length += batch.WrittenCount;
                    batch.ResetWrittenCount();
                    TakeGathered();
                }
                return failure = null;
            }
            catch (Exception e) when (IsOfFiles(e))
            {
                CutTornRecord();
                return failure = e as IOException ?? new(e.Message, e);
            }
        }
    }

    /// <summary>Ends the file after the last record that was written whole: perhaps there is no other attempt.</summary>
    void CutTornRecord()
    {
        try
        {
            int there = (int)Math.Clamp(RandomAccess.GetLength(handle) - length, 0, batch.WrittenCount);
            RandomAccess.SetLength(handle, length + RecordFormat.WholeRecords(batch.WrittenSpan[..there]));
        }
        catch (Exception e) when (IsOfFiles(e)) // it stays: readers leave it out
        {
        }
    }

    /// <summary>The second is what some systems say of a file that was locked meanwhile.</summary>
    static bool IsOfFiles(Exception e) => e is IOException or UnauthorizedAccessException;

    void TakeGathered()
    {
        lock (gate)
        {
            (gathered, batch) = (batch, gathered);
            isQueued = false;
        }
    }

    /// <summary>Writes what was gathered, and closes the file.</summary>
    /// <exception cref="IOException">It can't be written. It is kept, and the file stays open, to be disposed again.</exception>
    public void Dispose()
    {
        lock (writing)
        {
            if (isClosed)
                return;
            if (TryFlush() is { } e)
                throw Failed(e, "Dispose again to write them");
            isClosed = true;
            handle.Dispose();
        }
    }

    IOException Failed(IOException e, string when = "they are written when Flush works again") => new($"Events can't be written to {Path}: {e.Message.TrimEnd('.')}. They are kept: {when}.", e);

    internal delegate void WriteAt(SafeFileHandle to, ReadOnlySpan<byte> bytes, long offset);

    static (SafeFileHandle, string) Create(string folder, DateTimeOffset now, string suffix)
    {
        string host = string.Concat(Environment.MachineName.Split(System.IO.Path.GetInvalidFileNameChars()));
        while (true)
        {
            string path = System.IO.Path.Combine(folder, string.Create(CultureInfo.InvariantCulture,
                $"events.out.tfevents.{now.ToUnixTimeSeconds():D10}.{host}.{Environment.ProcessId}.{Interlocked.Increment(ref count) - 1}{suffix}"));
            try
            {
                return (File.OpenHandle(path, FileMode.CreateNew, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete), path);
            }
            catch (IOException) when (File.Exists(path)) // of a process of the same number on another machine, say
            {
            }
        }
    }
}
