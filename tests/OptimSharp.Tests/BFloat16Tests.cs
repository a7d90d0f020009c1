using System.Globalization;

namespace OptimSharp.Tests;

/// <summary>The type's own members. Its conversions are with <see cref="Engine.StorageTests"/>.</summary>
public class BFloat16Tests
{
    static readonly BFloat16 One = (BFloat16)1, Two = (BFloat16)2, Zero = (BFloat16)0f, NegativeZero = (BFloat16)(-0f), NaN = (BFloat16)float.NaN;

    [Fact]
    public void Is_equal_as_numbers_are()
    {
        Assert.True(One == BFloat16.FromBits(0x3F80));
        Assert.True(One != Two);
        Assert.True(Zero == NegativeZero);
        Assert.True(NaN != NaN + 0f);
        Assert.NotEqual(Zero.Bits, NegativeZero.Bits);
    }

    [Fact]
    public void Is_a_key_as_floats_are()
    {
        // Equals and GetHashCode follow float: NaN is itself there, and 0 is −0.
        Assert.True(NaN.Equals(BFloat16.FromBits(0x7FC1)));
        Assert.Equal(One, (object)(BFloat16)1);
        Assert.False(One.Equals((object)1f));
        Assert.Equal(Zero.GetHashCode(), NegativeZero.GetHashCode());
        Assert.Equal(Zero, NegativeZero);
    }

    [Fact]
    public void Is_written_in_any_culture_alike()
    {
        var culture = CultureInfo.CurrentCulture;
        var other = (CultureInfo)CultureInfo.InvariantCulture.Clone();
        other.NumberFormat.NumberDecimalSeparator = ",";
        try
        {
            CultureInfo.CurrentCulture = other;
            Assert.Equal("1.5", ((BFloat16)1.5f).ToString());
            Assert.Equal("NaN", NaN.ToString());
        }
        finally
        {
            CultureInfo.CurrentCulture = culture;
        }
    }
}
