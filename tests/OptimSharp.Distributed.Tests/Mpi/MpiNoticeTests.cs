using OptimSharp.Distributed.Mpi;

namespace OptimSharp.Distributed.Tests.Mpi;

/// <summary>Notices arrive as they were sent.</summary>
public sealed class MpiNoticeTests
{
    [Fact]
    public void A_notice_is_read_as_it_was_written()
    {
        var sent = new MpiNotice(MpiNoticeKind.GaveUp, 70_000, 5_000_000_000, "AllGather", "step 7", [3, 12], "did not come within 2 s\n(and is not about to)");
        var read = MpiNotice.Of(sent.ToBytes());
        Assert.Equal(sent with { Missing = read.Missing }, read);
        Assert.Equal(sent.Missing, read.Missing);
    }

    [Fact]
    public void A_notice_that_is_too_long_is_cut()
    {
        var bytes = new MpiNotice(MpiNoticeKind.GaveUp, 1, 2, "Barrier", null, [], new string('x', 100_000)).ToBytes();
        Assert.Equal(MpiNotice.MaxBytes, bytes.Length);
        var read = MpiNotice.Of(bytes);
        Assert.Equal(("Barrier", 1, 2L), (read.Operation, read.Rank, read.Number));
        Assert.Equal(new string('x', MpiNotice.MaxBytes - 16 - "Barrier\n\n\n".Length), read.Text);
    }
}
