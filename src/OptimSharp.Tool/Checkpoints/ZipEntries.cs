using System.IO.Compression;
using System.IO.Hashing;

namespace OptimSharp.Tool;

/// <summary>The entries of a PyTorch file that nothing is made of when it is loaded: versions, identifiers, a script's code.</summary>
static class ZipEntries
{
    /// <summary>Those that are not what their checksums say.</summary>
    /// <param name="path">A zip file that was loaded.</param>
    public static IEnumerable<string> Damaged(string path)
    {
        using var zip = ZipFile.OpenRead(path);
        if (zip.Entries.FirstOrDefault(entry => entry.Name == "data.pkl") is not { Crc32: not 0 }) // then the file has no checksums (torch.serialization.set_crc32_options(False))
            yield break;
        foreach (var entry in zip.Entries.Where(entry => !entry.FullName.Contains("/data/", StringComparison.Ordinal)))
        {
            if (Damage(entry) is { } damage)
                yield return $"entry '{entry.FullName}' {damage}";
        }
    }

    static string? Damage(ZipArchiveEntry entry)
    {
        try
        {
            var crc = new Crc32();
            using var content = entry.Open();
            crc.Append(content);
            uint found = crc.GetCurrentHashAsUInt32();
            return found == entry.Crc32 ? null : $"is damaged: its checksum is {found:x8}, but should be {entry.Crc32:x8}";
        }
        catch (InvalidDataException e)
        {
            return $"is damaged: {e.Message.TrimEnd('.')}";
        }
    }
}
