using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;

namespace OptimSharp.Torch.Native;

/// <summary>
/// Makes a shared library stop insisting on versions of another library that it never uses.
/// </summary>
/// <remarks>
/// A library lists the versions that it wants of each library it depends on (<c>GLIBCXX_3.4.32</c> of
/// <c>libstdc++.so.6</c>), and the system refuses to load it when one is absent. The linker adds a version to that list for
/// every symbol it met, even for one that only marks the compiler's age (GCC 13's <c>_ZSt21ios_base_library_initv</c>) and
/// that no code refers to. What code does refer to has a relocation: an order to the system to write the symbol's address
/// somewhere. So where no relocation names a symbol of a version, that version can be absent and nobody will notice. ELF has
/// a flag that says so, <c>VER_FLG_WEAK</c>: one bit of the version's entry.
/// </remarks>
internal static class ElfVersions
{
    const byte Weak = 2;                    // VER_FLG_WEAK
    const int FlagsOffset = 4;              // of WantedVersion.Flags, in bytes
    const ushort IndexBits = 0x7FFF;        // a version's number; the bit above says "hidden"

    /// <summary>
    /// Sets the weak flag of each version wanted from <paramref name="dependency"/> that no relocation needs.
    /// </summary>
    /// <param name="image">The contents of a 64-bit, little-endian library; changed in place, or not at all.</param>
    /// <param name="dependency">The file name of the library whose versions may be absent.</param>
    /// <returns>The versions that became weak.</returns>
    /// <exception cref="InvalidDataException"><paramref name="image"/> is not such a library, or it is damaged.</exception>
    public static IReadOnlyList<string> RelaxUnused(Span<byte> image, string dependency)
    {
        var sections = Sections(image);
        var table = Find(sections, SectionType.WantedVersions);
        var entries = Contents(image, table);
        var names = Contents(image, table.Link < sections.Length ? sections[(int)table.Link] : default);
        var needed = VersionsOfRelocations(image, sections);

        List<string> relaxed = [];
        List<int> flags = [];               // where to set the bit: nothing is written before all has been read
        uint step;
        for (ulong at = 0; ; at += step)
        {
            var library = At<WantedLibrary>(entries, at);
            if (Name(names, library.Name) == dependency)
            {
                var next = at + library.FirstVersion;
                for (var left = library.Count; left > 0; left--)
                {
                    var version = At<WantedVersion>(entries, next);
                    if ((version.Flags & Weak) == 0 && !needed.Contains((ushort)(version.Index & IndexBits)))
                    {
                        relaxed.Add(Name(names, version.Name));
                        flags.Add((int)(table.Offset + next) + FlagsOffset);
                    }
                    next += version.Next;
                }
            }
            step = library.Next;            // forward only, so even a damaged chain has an end
            if (step == 0) { break; }
        }

        foreach (var flag in flags) { image[flag] |= Weak; }
        return relaxed;
    }

    static HashSet<ushort> VersionsOfRelocations(ReadOnlySpan<byte> image, ReadOnlySpan<Section> sections)
    {
        var versionOfSymbol = MemoryMarshal.Cast<byte, ushort>(Contents(image, Find(sections, SectionType.VersionOfSymbol)));
        _ = Find(sections, SectionType.Relocations);        // a library without any is none that we can judge

        HashSet<ushort> versions = [];
        foreach (var section in sections)
        {
            if (section.Type != SectionType.Relocations) { continue; }
            foreach (var relocation in MemoryMarshal.Cast<byte, Relocation>(Contents(image, section)))
            {
                var symbol = (uint)(relocation.Info >> 32);
                if (symbol >= versionOfSymbol.Length) { throw Damaged("a relocation names a symbol that it has not"); }
                versions.Add((ushort)(versionOfSymbol[(int)symbol] & IndexBits));
            }
        }
        return versions;
    }

    static ReadOnlySpan<Section> Sections(ReadOnlySpan<byte> image)
    {
        var header = At<FileHeader>(image, 0);
        const uint Magic = 0x464C_457F;     // 7F 'E' 'L' 'F'
        if (header.Magic != Magic || header.Class != 2 || header.Endianness != 1 || header.SectionSize != Unsafe.SizeOf<Section>())
        {
            throw Damaged("it does not begin as a 64-bit, little-endian ELF file");
        }
        return MemoryMarshal.Cast<byte, Section>(Slice(image, header.Sections, (ulong)header.SectionCount * header.SectionSize));
    }

    static Section Find(ReadOnlySpan<Section> sections, SectionType type)
    {
        foreach (var section in sections)
        {
            if (section.Type == type) { return section; }
        }
        throw Damaged($"it has no section of type {type}");
    }

    static string Name(ReadOnlySpan<byte> names, uint offset)
    {
        var rest = offset < names.Length ? names[(int)offset..] : [];
        var end = rest.IndexOf((byte)0);
        return end >= 0 ? Encoding.UTF8.GetString(rest[..end]) : throw Damaged("a name lies outside its table");
    }

    static ReadOnlySpan<byte> Contents(ReadOnlySpan<byte> image, Section section) => Slice(image, section.Offset, section.Size);

    static T At<T>(ReadOnlySpan<byte> table, ulong offset) where T : unmanaged =>
        MemoryMarshal.Read<T>(Slice(table, offset, (ulong)Unsafe.SizeOf<T>()));

    // Offsets and sizes come from the file: here, and nowhere else, they are checked and become a part of it.
    static ReadOnlySpan<byte> Slice(ReadOnlySpan<byte> bytes, ulong offset, ulong size) =>
        offset <= (ulong)bytes.Length && size <= (ulong)bytes.Length - offset
            ? bytes.Slice((int)offset, (int)size)
            : throw Damaged("a table lies outside the file");

    static InvalidDataException Damaged(string how) => new($"Not a library that can be adapted: {how}.");
}
