using static TorchSharp.torch;

namespace OptimSharp.Samples;

/// <summary>Square grey images and their classes, 0 to 9.</summary>
/// <param name="Pixels">Count × 1 × size × size, from 0 to 1.</param>
/// <param name="Labels">A class each.</param>
public sealed record Images(Tensor Pixels, Tensor Labels) : IDisposable
{
    public int Count => (int)Labels.shape[0];

    /// <summary>How many pixels an image is wide and high.</summary>
    public int Size => (int)Pixels.shape[^1];

    /// <summary>Fashion-MNIST from a folder, or the digits that come with the program.</summary>
    public static (Images Training, Images Test) Load(DirectoryInfo? folder)
    {
        if (folder is not null)
            return (FashionMnist.Read(folder, "train"), FashionMnist.Read(folder, "t10k"));
        var (training, heldOut) = Digits.Load();
        return (Of(training.Images, training.Labels), Of(heldOut.Images, heldOut.Labels));
    }

    public static Images Of(float[] pixels, long[] labels)
    {
        int size = (int)Math.Sqrt(pixels.Length / labels.Length);
        return new(tensor(pixels).reshape(labels.Length, 1, size, size), tensor(labels));
    }

    /// <summary>The images in order, so many at a time.</summary>
    public IEnumerable<(Tensor Pixels, Tensor Labels)> Batches(int size)
    {
        for (int first = 0; first < Count; first += size)
        {
            int count = Math.Min(size, Count - first);
            using Tensor pixels = Pixels.narrow(0, first, count), labels = Labels.narrow(0, first, count);
            yield return (pixels, labels);
        }
    }

    public void Dispose()
    {
        Pixels.Dispose();
        Labels.Dispose();
    }
}
