using OptimSharp.Torch.Native;

namespace OptimSharp.Torch.Tests.Native;

public class ElfVersionsTests
{
    const byte Weak = 2;

    [Fact]
    public void A_version_that_no_relocation_needs_becomes_weak()
    {
        var library = SmallLibrary.WithRelocationsFor(1);
        var expected = library.ToArray();
        expected[SmallLibrary.FlagsOfV2] |= Weak;       // V1 is needed; V3 belongs to another library

        Assert.Equal(["V2"], ElfVersions.RelaxUnused(library, "libstdc++.so.6"));
        Assert.Equal(expected, library);
    }

    [Fact]
    public void Versions_that_relocations_need_stay()
    {
        var library = SmallLibrary.WithRelocationsFor(3, 2, 1);
        var before = library.ToArray();

        Assert.Empty(ElfVersions.RelaxUnused(library, "libstdc++.so.6"));
        Assert.Empty(ElfVersions.RelaxUnused(library, "libc.so.6"));
        Assert.Empty(ElfVersions.RelaxUnused(library, "libm.so.6"));
        Assert.Equal(before, library);
    }

    [Fact]
    public void Each_library_that_is_wanted_can_be_asked_for()
    {
        var library = SmallLibrary.WithRelocationsFor(0);
        Assert.Equal(["V3"], ElfVersions.RelaxUnused(library, "libc.so.6"));
        Assert.Equal(Weak, library[SmallLibrary.FlagsOfV3]);
        Assert.Equal(0, library[SmallLibrary.FlagsOfV1]);
    }

    [Fact]
    public void What_is_weak_already_is_not_counted_again()
    {
        var library = SmallLibrary.WithRelocationsFor(1);
        ElfVersions.RelaxUnused(library, "libstdc++.so.6");
        Assert.Empty(ElfVersions.RelaxUnused(library, "libstdc++.so.6"));
    }

    [Fact]
    public void A_library_cut_short_is_refused_and_left_alone()
    {
        var whole = SmallLibrary.WithRelocationsFor(1);
        for (var length = 0; length < whole.Length; length++)
        {
            var cut = whole[..length];
            Assert.Throws<InvalidDataException>(() => ElfVersions.RelaxUnused(cut, "libstdc++.so.6"));
            Assert.Equal(whole[..length], cut);
        }
    }

    [Fact]
    public void A_damaged_library_is_refused_or_changed_in_flags_only()
    {
        var random = new Random(1);
        for (var round = 0; round < 20_000; round++)
        {
            var library = SmallLibrary.WithRelocationsFor(1);
            for (var damage = random.Next(1, 4); damage > 0; damage--)
            {
                // Small numbers, large ones and negative ones: what makes offsets and counts go wrong.
                var value = random.Next(3) switch { 0 => random.Next(8), 1 => 0xFF, _ => random.Next(256) };
                library[random.Next(library.Length)] = (byte)value;
            }
            var before = library.ToArray();
            var relaxed = 0;
            try
            {
                relaxed = ElfVersions.RelaxUnused(library, "libstdc++.so.6").Count;
            }
            catch (InvalidDataException)
            {
            }
            var changed = Enumerable.Range(0, library.Length).Where(i => library[i] != before[i]).ToList();
            Assert.True(changed.Count <= relaxed);      // two entries of a damaged table can overlap
            Assert.All(changed, i => Assert.Equal(before[i] | Weak, library[i]));
        }
    }

    [Fact]
    public void TorchSharp_asks_for_one_version_that_it_does_not_need()
    {
        var path = Path.Combine(AppContext.BaseDirectory, "runtimes", "linux-x64", "native", "libLibTorchSharp.so");
        if (!File.Exists(path)) { path = Path.Combine(AppContext.BaseDirectory, "libLibTorchSharp.so"); }
        Assert.SkipUnless(File.Exists(path), "TorchSharp's library for Linux is not among the files of this build.");

        var before = File.ReadAllBytes(path);
        var library = before.ToArray();
        Assert.Equal(["GLIBCXX_3.4.32"], ElfVersions.RelaxUnused(library, "libstdc++.so.6"));

        var changed = Assert.Single(Enumerable.Range(0, library.Length), i => library[i] != before[i]);
        Assert.Equal(before[changed] | Weak, library[changed]);
    }
}
