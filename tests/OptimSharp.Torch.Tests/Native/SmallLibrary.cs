using System.Buffers.Binary;
using System.Text;

namespace OptimSharp.Torch.Tests.Native;

/// <summary>
/// A shared library reduced to what versions are about. It wants versions 1 and 2 of <c>libstdc++.so.6</c> and version 3 of
/// <c>libc.so.6</c>; its symbols 1, 2, 3 carry these versions, and its relocations name the symbols the test says.
/// </summary>
internal static class SmallLibrary
{
    public const int FlagsOfV1 = WantedVersions + 16 + 4;
    public const int FlagsOfV2 = WantedVersions + 32 + 4;
    public const int FlagsOfV3 = WantedVersions + 64 + 4;

    const int Names = 64, VersionOfSymbol = 128, WantedVersions = 160, Relocations = 256, Sections = 384, Size = Sections + 5 * 64;
    const string Strings = "\0libstdc++.so.6\0libc.so.6\0V1\0V2\0V3\0";

    public static byte[] WithRelocationsFor(params ReadOnlySpan<uint> symbols)
    {
        var file = new byte[Size];
        Put(file, 0, 0x464C457Fu, (byte)2, (byte)1);
        Put(file, 40, (ulong)Sections);
        Put(file, 58, (ushort)64, (ushort)5);

        Encoding.ASCII.GetBytes(Strings, file.AsSpan(Names));
        Put(file, VersionOfSymbol, (ushort)0, (ushort)1, (ushort)(2 | 0x8000), (ushort)3);      // 0x8000: hidden, no part of the number

        Put(file, WantedVersions, (ushort)1, (ushort)2, NameOf("libstdc++.so.6"), 16u, 48u);    // format, versions, name, first, next
        Put(file, WantedVersions + 16, 0u, (ushort)0, (ushort)1, NameOf("V1"), 16u);            // hash, flags, number, name, next
        Put(file, WantedVersions + 32, 0u, (ushort)0, (ushort)2, NameOf("V2"), 0u);
        Put(file, WantedVersions + 48, (ushort)1, (ushort)1, NameOf("libc.so.6"), 16u, 0u);
        Put(file, WantedVersions + 64, 0u, (ushort)0, (ushort)3, NameOf("V3"), 0u);

        for (var i = 0; i < symbols.Length; i++) { Put(file, Relocations + 24 * i + 8, (ulong)symbols[i] << 32 | 7); }

        PutSection(file, 1, 3, Names, Strings.Length);
        PutSection(file, 2, 0x6FFFFFFF, VersionOfSymbol, 8);
        PutSection(file, 3, 0x6FFFFFFE, WantedVersions, 80, link: 1);
        PutSection(file, 4, 4, Relocations, 24 * symbols.Length);
        return file;
    }

    static uint NameOf(string name) => (uint)Strings.IndexOf($"\0{name}\0", StringComparison.Ordinal) + 1;

    static void PutSection(byte[] file, int index, uint type, int offset, int size, uint link = 0)
    {
        Put(file, Sections + 64 * index + 4, type);
        Put(file, Sections + 64 * index + 24, (ulong)offset, (ulong)size, link);
    }

    static void Put(byte[] file, int at, params ReadOnlySpan<object> values)
    {
        foreach (var value in values)
        {
            var rest = file.AsSpan(at);
            switch (value)
            {
                case byte b: rest[0] = b; at += 1; break;
                case ushort s: BinaryPrimitives.WriteUInt16LittleEndian(rest, s); at += 2; break;
                case uint u: BinaryPrimitives.WriteUInt32LittleEndian(rest, u); at += 4; break;
                case ulong l: BinaryPrimitives.WriteUInt64LittleEndian(rest, l); at += 8; break;
                default: throw new ArgumentException($"No way to write a {value.GetType()}.", nameof(values));
            }
        }
    }
}
