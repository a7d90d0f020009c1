namespace OptimSharp.Tests.Groups;

/// <summary>What patterns of names stand for.</summary>
public class NamePatternTests
{
    [Theory]
    [InlineData("a", "a", true)]
    [InlineData("a", "A", false)]
    [InlineData("bias", "layer.bias", false)]
    [InlineData("layer", "layer.bias", false)]
    [InlineData("layer.bias", "layer.bias", true)]
    [InlineData("*", "a", true)]
    [InlineData("*", "", true)]
    [InlineData("*", "a.b", false)]
    [InlineData("*.bias", "layer.bias", true)]
    [InlineData("*.bias", "bias", false)]
    [InlineData("*.bias", "a.layer.bias", false)]
    [InlineData("norm*", "norm", true)]
    [InlineData("norm*", "norm12", true)]
    [InlineData("norm*", "norm.weight", false)]
    [InlineData("*norm*", "layernorm1", true)]
    [InlineData("a*b*c", "aXbYbZc", true)]
    [InlineData("a*b*c", "aXbYbZ", false)]
    [InlineData("a*bb", "abbb", true)]
    [InlineData("**", "a", true)]
    [InlineData("**", "a.b.c", true)]
    [InlineData("**.bias", "bias", true)]
    [InlineData("**.bias", "a.b.bias", true)]
    [InlineData("**.bias", "a.unbias", false)]
    [InlineData("**.bias", "bias.a", false)]
    [InlineData("encoder.**", "encoder", true)]
    [InlineData("encoder.**", "encoder.layers.0.weight", true)]
    [InlineData("encoder.**", "encoders.0.weight", false)]
    [InlineData("a.**.z", "a.z", true)]
    [InlineData("a.**.z", "a.b.z.c.z", true)]
    [InlineData("a.**.z", "a.b.z.c", false)]
    [InlineData("**.b.**.d", "a.b.c.b.d", true)]
    [InlineData("**.b.c.**", "b.b.c", true)]
    [InlineData("**.b*.**.e", "b.bc.d.e", true)]
    [InlineData("{a,b}", "b", true)]
    [InlineData("{a,b}", "ab", false)]
    [InlineData("{a,b}.{c,d}", "b.c", true)]
    [InlineData("{a,b}.{c,d}", "b.a", false)]
    [InlineData("{encoder.embed,head.*}.weight", "head.out.weight", true)]
    [InlineData("{encoder.embed,head.*}.weight", "encoder.embed.weight", true)]
    [InlineData("{encoder.embed,head.*}.weight", "encoder.out.weight", false)]
    [InlineData("a{1,{2,3}x}", "a3x", true)]
    [InlineData("a{1,{2,3}x}", "a3", false)]
    [InlineData("norm{,1,2}", "norm", true)]
    [InlineData("norm{,1,2}", "norm3", false)]
    [InlineData("a.b+c[0]", "a.b+c[0]", true)]
    [InlineData("a?", "ab", false)]
    public void A_whole_name_matches_or_does_not(string pattern, string name, bool matches) =>
        Assert.Equal(matches, new NamePattern(pattern, nameof(pattern)).Matches(name, out _));

    [Theory]
    [InlineData("layers.{i}.**", "layers.7.weight", 7)]
    [InlineData("layers.{i}.**", "layers.07.weight", 7)]
    [InlineData("layers.{i}.**", "layers.10", 10)]
    [InlineData("layers.{i}.**", "layers.a.weight", null)]
    [InlineData("layers.{i}.**", "layers.1a.weight", null)]
    [InlineData("layers.{i}.**", "layers..weight", null)]
    [InlineData("layers.{i}.**", "layers.-1.weight", null)]
    [InlineData("layer{i}.**", "layer3.0.conv1.weight", 3)]
    [InlineData("layer{i}*", "layer31", 31)]  // all of its digits
    [InlineData("*{i}", "layer12", 12)]
    [InlineData("*1{i}", "layer12", null)]    // not some of them
    [InlineData("h{i}x", "h5x", 5)]
    [InlineData("**.{i}.**", "stages.0.blocks.1.w", 0)] // the first one
    [InlineData("**.blocks.{i}.**", "stages.0.blocks.1.w", 1)]
    [InlineData("**.{i}.b.**", "a.1.c.2.b", 2)]
    [InlineData("{a.{i},b{i}.c}.w", "b4.c.w", 4)]
    public void A_number_is_captured(string pattern, string name, int? number)
    {
        var parsed = new NamePattern(pattern, nameof(pattern));
        Assert.True(parsed.HasNumber);
        Assert.Equal(number, parsed.Matches(name, out int i) ? i : null);
    }

    [Fact]
    public void A_number_that_is_too_large_is_refused_and_not_passed_over()
    {
        var pattern = new NamePattern("layers.{i}.w", "pattern");
        Assert.Equal("The number in the name 'layers.2147483648.w' is more than 2147483647: {i} of the pattern 'layers.{i}.w' can't be it.", Assert.Throws<ArgumentException>(() => pattern.Matches("layers.2147483648.w", out _)).Message);
        Assert.True(pattern.Matches("layers.2147483647.w", out _));
        Assert.False(pattern.Matches("layers.2147483648.b", out _));
    }

    [Fact]
    public void Each_alternative_must_find_something_but_not_each_of_their_combinations()
    {
        Assert.Null(FindsNone("{embed,norm}.{weight,bias}", "embed.weight", "norm.bias"));
        Assert.Equal("nrom", FindsNone("{nrom,head}.*", "norm.weight", "head.weight"));
        Assert.Equal("c", FindsNone("a{1,{b,c}x}", "a1", "abx"));
        Assert.Equal("b", FindsNone("{a,b}.{a,b}", "a.b", "a.a")); // the first of the two
        Assert.Equal("(nothing)", FindsNone("norm{,1}", "norm1"));
        Assert.Null(FindsNone("norm.*", "norm1"));

        static string? FindsNone(string pattern, params string[] names) => new NamePattern(pattern, nameof(pattern)).FindsNone(names);
    }

    [Fact]
    public void What_is_wrong_with_an_alternative_is_told_of_it()
    {
        Assert.StartsWith("The pattern '{a,}' stands for '', which is empty.", Assert.Throws<ArgumentException>(() => new NamePattern("{a,}", "pattern")).Message, StringComparison.Ordinal);
        Assert.StartsWith("The pattern 'x.{a,}' stands for 'x.', which has an empty segment.", Assert.Throws<ArgumentException>(() => new NamePattern("x.{a,}", "pattern")).Message, StringComparison.Ordinal);
        Assert.True(Assert.Throws<ArgumentException>(() => new NamePattern($"{new string('a', 20_000)}..", "pattern")).Message.Length < 400);
    }

    [Theory]
    [InlineData("a", false)]
    [InlineData("{i}.{i}", false)]
    [InlineData("{a.{i},b}", false)]
    [InlineData("{a,b}.{i}", true)]
    public void Each_alternative_has_a_number_of_its_own(string pattern, bool has) => Assert.Equal(has, new NamePattern(pattern, nameof(pattern)).HasNumber);

    [Theory]
    [InlineData("", "The pattern '' is empty.")]
    [InlineData("a..b", "The pattern 'a..b' has an empty segment.")]
    [InlineData(".a", "The pattern '.a' has an empty segment.")]
    [InlineData("{,a}.b", "The pattern '{,a}.b' stands for '.b', which has an empty segment.")]
    [InlineData("a**", "The pattern 'a**' has '**' within the segment 'a**': it stands for whole segments.")]
    [InlineData("a.***.b", "The pattern 'a.***.b' has '**' within the segment '***': it stands for whole segments.")]
    [InlineData("{a,b", "The pattern '{a,b' has a '{' without its '}'.")]
    [InlineData("a}.{i}", "The pattern 'a}.{i}' has a '}' without its '{'.")]
    [InlineData("{j}.a", "The pattern '{j}.a' has {j}, which is neither {i}, a number, nor alternatives, {a,b}.")]
    [InlineData("{}", "The pattern '{}' has {}, which is neither {i}, a number, nor alternatives, {a,b}.")]
    public void What_is_no_pattern_is_refused(string pattern, string message)
    {
        var error = Assert.Throws<ArgumentException>(nameof(pattern), () => new GroupRules<SGDOptions>().Freeze(pattern));
        Assert.StartsWith(message, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Alternatives_do_not_explode()
    {
        string many = string.Concat(Enumerable.Repeat("{a,b}", 40));
        Assert.Contains("stands for more than 1000 patterns.", Assert.Throws<ArgumentException>(() => new NamePattern(many, "pattern")).Message, StringComparison.Ordinal);
        string stars = string.Concat(Enumerable.Repeat("a*", 40)) + "b";
        Assert.False(new NamePattern(stars, "pattern").Matches(new string('a', 2000), out _)); // in no time
        string segments = string.Join(".", Enumerable.Repeat("**.a", 40)) + ".b";
        Assert.False(new NamePattern(segments, "pattern").Matches(string.Join('.', Enumerable.Repeat("a", 2000)), out _));
    }

    /// <summary>Every name of up to four segments of one letter against every such pattern, with the meaning written down once more, as slowly as it is simple.</summary>
    [Fact]
    public void Wildcards_mean_what_they_say()
    {
        string[][] names = [.. Words(["a", "b", "ab"], 4)], patterns = [.. Words(["a", "*", "a*", "**"], 4)];
        foreach (string[] pattern in patterns)
        {
            var parsed = new NamePattern(string.Join('.', pattern), nameof(pattern));
            foreach (string[] name in names)
                Assert.True(Means(pattern, name) == parsed.Matches(string.Join('.', name), out _), $"{parsed.Text} and {string.Join('.', name)}");
        }

        static IEnumerable<string[]> Words(string[] letters, int most) =>
            most == 0 ? [] : Words(letters, most - 1).Where(word => word.Length == most - 1).SelectMany(word => letters, (word, letter) => (string[])[.. word, letter]).Concat(Words(letters, most - 1)).Concat(most == 1 ? letters.Select(l => (string[])[l]) : []);

        static bool Means(Span<string> pattern, Span<string> name) =>
            pattern.IsEmpty ? name.IsEmpty
            : pattern[0] == "**" ? Means(pattern[1..], name) || !name.IsEmpty && Means(pattern, name[1..])
            : !name.IsEmpty && (pattern[0] == "*" || pattern[0] == name[0] || pattern[0] == "a*" && name[0].StartsWith('a')) && Means(pattern[1..], name[1..]);
    }
}
