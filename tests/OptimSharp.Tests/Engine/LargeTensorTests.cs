using OptimSharp.Tests.Support;

namespace OptimSharp.Tests.Engine;

/// <summary>Tensors with more elements than an int can count.</summary>
[Collection(Alone.Name)]
public unsafe class LargeTensorTests
{
    const long Beyond = 1L << 31; // elements, of which the first Beyond lie in repeated memory
    const int After = 100_003;

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Elements_beyond_2_to_the_31_are_stepped_once(int threads)
    {
        using var scope = new ExecutionScope(threads);
        using var values = new RepeatedMemory((int)(Beyond * sizeof(BFloat16) / RepeatedMemory.Window), After * sizeof(BFloat16));
        using var gradients = new RepeatedMemory((int)(Beyond * sizeof(BFloat16) / RepeatedMemory.Window), After * sizeof(BFloat16));
        BFloat16* p = (BFloat16*)values.Start + Beyond, g = (BFloat16*)gradients.Start + Beyond;
        for (int i = 0; i < After; i++)
            (p[i], g[i]) = ((BFloat16)(i % 100), (BFloat16)(-1 - i % 7));
        p[-1] = (BFloat16)5; // in every window's last place; its gradient is zero

        var parameter = Parameter.Of("large", (BFloat16*)values.Start, Beyond + After);
        parameter.SetGradient((BFloat16*)gradients.Start);
        using var optimizer = new SGD([parameter], new() { LearningRate = 1 });
        optimizer.Step();

        for (int i = 0; i < After; i++)
            Assert.Equal(i % 100 + 1 + i % 7, (float)p[i]);
        Assert.Equal(5, (float)p[-1]);
    }

    [Fact]
    public void So_is_every_element_before_them()
    {
        // Each element of the window stands for one in each repetition: it must be stepped once for each of them.
        const int Windows = (int)(Beyond * sizeof(float) / RepeatedMemory.Window), PerWindow = RepeatedMemory.Window / sizeof(float);
        using var scope = new ExecutionScope(threads: 1);
        using var values = new RepeatedMemory(Windows, After * sizeof(float));
        using var gradients = new RepeatedMemory(Windows, After * sizeof(float));
        new Span<float>(gradients.Start, PerWindow).Fill(-1);

        var parameter = Parameter.Of("large", (float*)values.Start, Beyond + After);
        parameter.SetGradient((float*)gradients.Start);
        using var optimizer = new SGD([parameter], new() { LearningRate = 1 });
        optimizer.Step();

        Assert.False(new Span<float>(values.Start, PerWindow).ContainsAnyExcept(Windows));
    }
}
