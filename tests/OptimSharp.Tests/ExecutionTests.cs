using OptimSharp.Tests.Support;

namespace OptimSharp.Tests;

[Collection(Alone.Name)]
public class ExecutionTests
{
    [Fact]
    public void Uses_the_processors_of_the_process_until_told_otherwise()
    {
        Assert.Equal(Environment.ProcessorCount, Execution.ThreadCount);
        using var scope = new ExecutionScope();
        Execution.ThreadCount = 3;
        Assert.Equal(3, Execution.ThreadCount);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    public void Needs_a_thread(int threads)
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => Execution.ThreadCount = threads);
        Assert.Equal(Environment.ProcessorCount, Execution.ThreadCount);
    }
}
