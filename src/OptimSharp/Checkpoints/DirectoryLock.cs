using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace OptimSharp;

/// <summary>
/// A file that one object at a time holds open, in all processes of all machines that see it, and that says who that is.
/// </summary>
/// <remarks>
/// It is the system's lock on the open file (<c>flock</c>; on Windows the sharing mode), which ends with the process, however that ends. The file itself stays: to
/// delete it would let two in, one by the file that was just deleted and one by a new one.
/// </remarks>
internal sealed partial class DirectoryLock : IDisposable
{
    const int MostLetters = 500, InUseOnWindows = unchecked((int)0x80070020), InUseOnLinux = 11, InUseOnMac = 35;

    readonly FileStream file;

    DirectoryLock(FileStream file) => this.file = file;

    /// <summary>Takes the lock.</summary>
    /// <param name="path">The file. It is made when it is missing.</param>
    /// <param name="what">What may be in use, as the beginning of a sentence.</param>
    /// <exception cref="IOException">Another has it.</exception>
    public static DirectoryLock Take(string path, string what)
    {
        FileStream file;
        try
        {
            // Where others can be kept out while they may still read, they may: to see who it is.
            file = new(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, OperatingSystem.IsWindows() ? FileShare.Read : FileShare.None, bufferSize: 1);
        }
        catch (IOException e) when (e.HResult is InUseOnWindows or InUseOnLinux or InUseOnMac)
        {
            throw new IOException($"{what} in use, by {OwnerOf(path) ?? "another process"}.", e);
        }
        try
        {
            string owner = string.Create(CultureInfo.InvariantCulture,
                $"process {Environment.ProcessId} ({Path.GetFileName(Environment.ProcessPath)}) on {Environment.MachineName} since {DateTime.UtcNow:yyyy-MM-dd HH:mm:ss} UTC");
            file.SetLength(0);
            file.Write(Encoding.UTF8.GetBytes(owner));
            file.Flush();
            return new(file);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Lets others in.</summary>
    public void Dispose()
    {
        if (file.CanWrite)
            file.SetLength(0); // nobody has it
        file.Dispose();
    }

    /// <summary>What the one who has the lock wrote about itself; null when that can't be had.</summary>
    static string? OwnerOf(string path)
    {
        try
        {
            using var stream = OpenBesideLock(path);
            var letters = new char[MostLetters];
            int count = new StreamReader(stream, Encoding.UTF8).ReadBlock(letters);
            string owner = new([.. letters.AsSpan(0, count).ToArray().Where(c => !char.IsControl(c))]);
            return owner.Length > 0 ? owner : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>.NET asks for a shared lock whenever it opens a file to read, which it would not get here: this does not.</summary>
    static FileStream OpenBesideLock(string path)
    {
        if (OperatingSystem.IsWindows())
            return new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        var handle = new SafeFileHandle(Open(path, 0), ownsHandle: true);
        return !handle.IsInvalid ? new(handle, FileAccess.Read) : throw new IOException($"'{path}' can't be read.");
    }

    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);
}
