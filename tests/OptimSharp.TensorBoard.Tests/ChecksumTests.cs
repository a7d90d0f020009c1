using System.Text;

namespace OptimSharp.TensorBoard.Tests;

public sealed class ChecksumTests
{
    static readonly byte[] vector = Encoding.ASCII.GetBytes("123456789");

    [Fact]
    public void The_reader_has_the_published_check_value_of_CRC_32C() => Assert.Equal(0xe3069283, EventFileReader.Crc(vector));

    [Fact]
    public void The_writer_has_it_masked() => Assert.Equal(0xc78ab0e5, MaskedCrc.Of(vector)); // (e3069283 rotated by 15) + a282ead8

    [Fact]
    public void Both_agree_at_every_length()
    {
        byte[] data = new byte[200];
        new Random(1).NextBytes(data);
        for (int length = 0; length <= data.Length; length++)
            Assert.Equal(EventFileReader.Masked(data.AsSpan(0, length)), MaskedCrc.Of(data.AsSpan(0, length)));
    }
}
