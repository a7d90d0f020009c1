namespace OptimSharp.Torch.Native;

// The tables of a 64-bit ELF file that ElfVersions reads, field by field as they lie in the file (`man 5 elf`).

/// <summary>The file's first bytes.</summary>
internal readonly record struct FileHeader(
    uint Magic, byte Class, byte Endianness, ushort Unused0, ulong Unused1, ushort FileType, ushort Machine, uint Unused2,
    ulong EntryPoint, ulong Segments, ulong Sections, uint Flags, ushort Size, ushort SegmentSize, ushort SegmentCount,
    ushort SectionSize, ushort SectionCount, ushort NamesOfSections);

/// <summary>Where a table lies in the file; <paramref name="Link"/> is the section that belongs to it, such as its names.</summary>
internal readonly record struct Section(
    uint Name, SectionType Type, ulong Flags, ulong Address, ulong Offset, ulong Size, uint Link, uint Info,
    ulong Alignment, ulong EntrySize);

internal enum SectionType : uint
{
    Relocations = 4,                // SHT_RELA
    WantedVersions = 0x6FFF_FFFE,   // SHT_GNU_verneed
    VersionOfSymbol = 0x6FFF_FFFF,  // SHT_GNU_versym: one ushort a symbol
}

/// <summary>
/// An order to write a symbol's address at <paramref name="Target"/>; the symbol is the upper half of <paramref name="Info"/>.
/// </summary>
internal readonly record struct Relocation(ulong Target, ulong Info, long Addend);

/// <summary>A library with wanted versions; the offsets of its first version and of the next library count from its own start.</summary>
internal readonly record struct WantedLibrary(ushort Format, ushort Count, uint Name, uint FirstVersion, uint Next);

/// <summary>A wanted version; <paramref name="Index"/> is the number by which symbols name it.</summary>
internal readonly record struct WantedVersion(uint Hash, ushort Flags, ushort Index, uint Name, uint Next);
