namespace OptimSharp.Benchmarks;

/// <summary>Sets of tensors to step: what costs memory, what costs calls, and what people train.</summary>
public static class Shapes
{
    /// <summary>The sets, by name.</summary>
    public static IReadOnlyDictionary<string, long[][]> All { get; } = new Dictionary<string, long[][]>
    {
        ["1x16M"] = [[4096, 4096]],
        ["256x64K"] = Repeat(256, [256, 256]),
        ["4000x256"] = Repeat(4000, [16, 16]),
        ["resnet50"] = [.. ResNet50()],
        ["gpt6"] = [.. Gpt(layers: 6, width: 384, vocabulary: 50_304, context: 256)],
    };

    static long[][] Repeat(int count, long[] shape) => [.. Enumerable.Repeat(shape, count)];

    /// <summary>He et al., "Deep residual learning for image recognition", 2016: 161 tensors, 25.6 M parameters.</summary>
    static IEnumerable<long[]> ResNet50()
    {
        foreach (var tensor in Convolution(64, 3, 7))
            yield return tensor;
        long input = 64;
        foreach (var (width, blocks) in new (long, int)[] { (64, 3), (128, 4), (256, 6), (512, 3) })
        {
            for (int block = 0; block < blocks; block++)
            {
                IEnumerable<long[]> tensors = [.. Convolution(width, input, 1), .. Convolution(width, width, 3), .. Convolution(4 * width, width, 1)];
                foreach (var tensor in block == 0 ? tensors.Concat(Convolution(4 * width, input, 1)) : tensors)
                    yield return tensor;
                input = 4 * width;
            }
        }
        yield return [1000, 2048];
        yield return [1000];

        static IEnumerable<long[]> Convolution(long outputs, long inputs, long size) => [[outputs, inputs, size, size], [outputs], [outputs]];
    }

    /// <summary>Radford et al., "Language models are unsupervised multitask learners", 2019, small.</summary>
    static IEnumerable<long[]> Gpt(int layers, long width, long vocabulary, long context)
    {
        yield return [vocabulary, width];
        yield return [context, width];
        for (int i = 0; i < layers; i++)
        {
            foreach (long[] tensor in new long[][]
            {
                [width], [width], [3 * width, width], [3 * width], [width, width], [width],
                [width], [width], [4 * width, width], [4 * width], [width, 4 * width], [width],
            })
                yield return tensor;
        }
        yield return [width];
        yield return [width];
    }
}
