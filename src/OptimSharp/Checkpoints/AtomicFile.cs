using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;

namespace OptimSharp;

/// <summary>
/// A file that is written so that there is always either the old one or the new one at its place, whole, whatever happens in between: beside its place
/// under another name, flushed to the disk, and renamed.
/// </summary>
internal sealed partial class AtomicFile : IDisposable
{
    /// <summary>How the name of a file that is being written ends. One that is left over was not finished.</summary>
    public const string Unfinished = ".unfinished";

    /// <summary>Names up to here fit everywhere: encrypted file systems allow the fewest bytes.</summary>
    const int AllowedEverywhere = 143;

    readonly string target, temporary;
    bool isThere;

    AtomicFile(string target) => (this.target, temporary) = (target, Path.Combine(Path.GetDirectoryName(target)!, NameBeside(Path.GetFileName(target))));

    /// <summary>Writes a file and puts it at its place.</summary>
    public static void Write(string path, Action<Stream> write)
    {
        using var file = Prepare(path, write);
        file.Finish();
        FlushFolder(Path.GetDirectoryName(file.target)!);
    }

    /// <summary>Writes a file whole, but leaves what is at its place until <see cref="Finish"/>.</summary>
    public static AtomicFile Prepare(string path, Action<Stream> write)
    {
        string target = Path.GetFullPath(path);
        if (File.Exists(target))
            target = File.ResolveLinkTarget(target, returnFinalTarget: true)?.FullName ?? target;
        CheckPlace(target);
        var file = new AtomicFile(target);
        try
        {
            file.Write(write);
            return file;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Puts the file at its place. A power cut may still undo that until the folder is flushed.</summary>
    public void Finish()
    {
        File.Move(temporary, target, overwrite: true);
        isThere = true;
    }

    /// <summary>Removes what is not at its place.</summary>
    public void Dispose()
    {
        if (!isThere)
            TryDelete(temporary);
    }

    /// <summary>Makes new names in a folder last through a power cut. The files are whole without it, so that failing to is no error.</summary>
    public static void FlushFolder(string folder)
    {
        if (OperatingSystem.IsWindows())
            return;
        int handle = Open(folder, 0);
        if (handle < 0)
            return;
        _ = Flush(handle);
        _ = Close(handle);
    }

    /// <summary>Deletes a file of ours that nobody needs; that it stays is no reason to fail.</summary>
    public static void TryDelete(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
        }
    }

    /// <summary>The name of the file that was to be written, of a name that ends in <see cref="Unfinished"/>; null where it isn't told.</summary>
    public static string? NameOf(ReadOnlySpan<char> unfinished) =>
        unfinished.EndsWith(Unfinished, StringComparison.Ordinal) && unfinished[..^Unfinished.Length] is ['.', .. var name, '.', _, _, _, _, _, _, _, _] ? name.ToString() : null;

    /// <summary>What can be known before much is written.</summary>
    /// <exception cref="IOException">A folder is there.</exception>
    /// <exception cref="UnauthorizedAccessException">A file is there that may not be written.</exception>
    public static void CheckPlace(string target)
    {
        if (Directory.Exists(target))
            throw new IOException($"'{target}' is a folder, where a file is to be written.");
        if (File.Exists(target) && new FileInfo(target).IsReadOnly)
            throw new UnauthorizedAccessException($"'{target}' is read-only, and was not replaced.");
    }

    /// <summary>A hidden name, of the file's own with eight random letters: not longer than it, but where every file system allows that.</summary>
    static string NameBeside(string name)
    {
        string end = $".{RandomNumberGenerator.GetHexString(8, lowercase: true)}{Unfinished}";
        int bytes = Math.Max(AllowedEverywhere, Encoding.UTF8.GetByteCount(name)) - end.Length - 1;
        int letters = Math.Max(AllowedEverywhere, name.Length) - end.Length - 1; // what Windows counts
        int length = 0;
        foreach (var rune in name.EnumerateRunes())
        {
            bytes -= rune.Utf8SequenceLength;
            if (bytes < 0 || length + rune.Utf16SequenceLength > letters)
                break;
            length += rune.Utf16SequenceLength;
        }
        return $".{name.AsSpan(0, length)}{end}";
    }

    void Write(Action<Stream> write)
    {
        UnixFileMode? mode = null;
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, Share = FileShare.None, BufferSize = 1 << 16 };
        if (!OperatingSystem.IsWindows() && File.Exists(target))
            options.UnixCreateMode = mode = File.GetUnixFileMode(target); // what only the owner may read stays so
        using var stream = new FileStream(temporary, options);
        if (!OperatingSystem.IsWindows() && mode is { } old && File.GetUnixFileMode(stream.SafeFileHandle) != old)
            File.SetUnixFileMode(stream.SafeFileHandle, old);
        write(stream);
        stream.Flush(flushToDisk: true);
    }

    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync")]
    private static partial int Flush(int handle);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int handle);
}
