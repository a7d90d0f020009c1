using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace OptimSharp;

/// <summary>Writes a file so that there is always either the old one or the new one, whole, whatever happens in between.</summary>
internal static partial class AtomicFile
{
    /// <summary>How the name of a file that is being written ends. One that is left over was not finished.</summary>
    public const string Unfinished = ".unfinished";

    public static void Write(string path, Action<Stream> write)
    {
        string target = Path.GetFullPath(path);
        if (File.Exists(target))
            target = File.ResolveLinkTarget(target, returnFinalTarget: true)?.FullName ?? target;
        string folder = Path.GetDirectoryName(target) ?? throw new ArgumentException($"'{path}' is no path of a file.", nameof(path));
        string temporary = Path.Combine(folder, $".{Path.GetFileName(target)}.{RandomNumberGenerator.GetHexString(8, lowercase: true)}{Unfinished}");
        try
        {
            UnixFileMode? mode = null;
            var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, Share = FileShare.None, BufferSize = 1 << 16 };
            if (!OperatingSystem.IsWindows() && File.Exists(target))
                options.UnixCreateMode = mode = File.GetUnixFileMode(target); // what only the owner may read stays so
            using (var stream = new FileStream(temporary, options))
            {
                if (!OperatingSystem.IsWindows() && mode is { } old && File.GetUnixFileMode(stream.SafeFileHandle) != old)
                    File.SetUnixFileMode(stream.SafeFileHandle, old);
                write(stream);
                stream.Flush(flushToDisk: true);
            }
            File.Move(temporary, target, overwrite: true);
        }
        catch
        {
            try
            {
                File.Delete(temporary);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // what went wrong before is what to tell
            }
            throw;
        }
        if (!OperatingSystem.IsWindows())
            FlushFolder(folder);
    }

    /// <summary>Makes the new name last through a power cut. The file is whole without it, so that failing to is no error.</summary>
    static void FlushFolder(string folder)
    {
        int handle = Open(folder, 0);
        if (handle < 0)
            return;
        _ = Flush(handle);
        _ = Close(handle);
    }

    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync")]
    private static partial int Flush(int handle);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int handle);
}
