using System.Runtime.InteropServices;
using System.Runtime.Versioning;

namespace OptimSharp.Torch.Native;

/// <summary>Loads a native library from memory.</summary>
/// <remarks>
/// Linux loads libraries from files only. So the bytes go to a file in a new folder that nobody but this user can enter, and
/// the file is deleted as soon as it is loaded: the pages of a loaded library live on without its name. Nothing stays on
/// disk that could be out of date, half written by another process, exchanged by somebody else or left to clean up.
/// </remarks>
[SupportedOSPlatform("linux")]
internal static class PrivateCopy
{
    /// <summary>Loads <paramref name="image"/> by way of the first of <paramref name="roots"/> that allows it.</summary>
    /// <returns>The library's handle, never zero.</returns>
    /// <exception cref="IOException">No root allowed it; the message has each root's reason.</exception>
    public static nint Load(string name, ReadOnlySpan<byte> image, IEnumerable<string> roots)
    {
        List<string> reasons = [];
        foreach (var root in roots)
        {
            // One is read-only, another mounted "noexec" or full: that is no more than a reason to try the next.
            try
            {
                return Load(name, image, root);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException or DllNotFoundException)
            {
                reasons.Add($"{root}: {e.Message}");
            }
        }
        throw new IOException($"{name} could not be loaded from a copy in any folder.\n{string.Join('\n', reasons)}");
    }

    static nint Load(string name, ReadOnlySpan<byte> image, string root)
    {
        if (!Directory.Exists(root)) { throw new DirectoryNotFoundException("There is no such folder."); }
        const UnixFileMode OnlyMine = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
        var folder = Directory.CreateDirectory(Path.Combine(root, $"optimsharp-{Path.GetRandomFileName()}"), OnlyMine);
        try
        {
            var path = Path.Combine(folder.FullName, name);
            File.WriteAllBytes(path, image);
            return NativeLibrary.Load(path);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }
}
