using System.Text;

namespace OptimSharp.Tool;

/// <summary>Small files: written beside their place, then renamed, so that there is never half of one.</summary>
static class AtomicOutput
{
    public static void Write(string path, string text) => Write(path, new UTF8Encoding(false).GetBytes(text));

    public static void Write(string path, byte[] bytes)
    {
        string full = Path.GetFullPath(path);
        if (Directory.Exists(full))
            throw new ToolException($"'{path}' is a folder.");
        if (!Directory.Exists(Path.GetDirectoryName(full)))
            throw new ToolException($"There is no folder '{Path.GetDirectoryName(full)}' to write to.");
        string temporary = Path.Combine(Path.GetDirectoryName(full)!, $".{Path.GetRandomFileName()}.unfinished");
        try
        {
            File.WriteAllBytes(temporary, bytes);
            File.Move(temporary, full, overwrite: true);
        }
        finally
        {
            File.Delete(temporary);
        }
    }

    /// <summary>Refuses to replace a file without being told to.</summary>
    public static void Check(string? path, bool force)
    {
        if (path is not null && File.Exists(path) && !force)
            throw new ToolException($"'{path}' is there already; --force replaces it.");
    }
}
