namespace OptimSharp.Tests.Options;

/// <summary>Lists of whole numbers as options.</summary>
public class WholeNumbersTests
{
    [Fact]
    public void They_are_equal_when_their_numbers_are()
    {
        WholeNumbers a = [3, 2], b = WholeNumbers.Of([3, 2]), c = [2, 3];
        Assert.Equal(a, b);
        Assert.Equal(a.GetHashCode(), b.GetHashCode());
        Assert.NotEqual(a, c);
        Assert.False(a.Equals(null));
        Assert.Equal("[3, 2]", a.ToString());
        Assert.Equal([3L, 2L], a);
        Assert.Equal((2, 2L), (a.Count, a[1]));
        Assert.Same(WholeNumbers.None, WholeNumbers.Of([]));
        Assert.Equal(new MuonOptions { Splits = a }, new MuonOptions { Splits = b });
        var error = Assert.Throws<ArgumentOutOfRangeException>(() => new Muon([Parameter.Of("w", new float[4], 2, 2)], new() { Splits = [2, 0] }));
        Assert.StartsWith("Splits[1] must be ≥ 1, but is 0.", error.Message, StringComparison.Ordinal);
        using var optimizer = new Muon([Parameter.Of("w", new float[4], 2, 2)], new() { Splits = [1, 1] });
        optimizer.ParameterGroups[0].Options = optimizer.ParameterGroups[0].Options with { Splits = [2] };
        ((ParameterGroup)optimizer.ParameterGroups[0])["split_sizes"] = null;
        Assert.Same(WholeNumbers.None, optimizer.ParameterGroups[0].Options.Splits);
    }

    [Fact]
    public void No_list_and_numbers_whose_sum_is_no_long_are_refused_by_name()
    {
        Parameter[] parameters = [Parameter.Of("w", new float[4], 2, 2)];
        var error = Assert.Throws<ArgumentNullException>("Splits", () => new Muon(parameters, new() { Splits = null! }));
        Assert.StartsWith("Splits must be a list of whole numbers, but is null.", error.Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentNullException>("Splits", () => new NorMuon([new(parameters, o => o with { Splits = null! })]));
        using var optimizer = new Muon(parameters);
        Assert.Throws<ArgumentNullException>("Splits", () => optimizer.ParameterGroups[0].Options = new() { Splits = null! });
        // As longs these add up to 2, the rows that there are.
        string sum = "Splits, [9223372036854775807, 9223372036854775807, 4], add up to 18446744073709551618, but 'w' [2, 2] Float32 has 2 rows.";
        WholeNumbers huge = [long.MaxValue, long.MaxValue, 4];
        Assert.StartsWith(sum, Assert.Throws<ArgumentException>(() => new Muon(parameters, new() { Splits = huge })).Message, StringComparison.Ordinal);
        Assert.StartsWith(sum, Assert.Throws<ArgumentException>(() => new NorMuon(parameters, new() { Splits = huge })).Message, StringComparison.Ordinal);
    }
}
